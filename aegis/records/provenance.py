"""Provenance: the versions and the hardware that results were made with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from pathlib import Path

MISSING = "missing"
"""Version of a package that is not installed."""

RUN_PACKAGES = (
    "aegis-escalation",
    "numpy",
    "mujoco",
    "torch",
    "robosuite",
    "hf-libero",
    "scikit-learn",
    "pyarrow",
)
"""Packages that episodes depend on."""

STUDY_PACKAGES = (*RUN_PACKAGES, "scipy")
"""Packages that a study's numbers depend on."""

BENCH_PACKAGES = ("numpy", "mujoco", "robosuite", "hf-libero", "torch", "numba")
"""Packages that times depend on."""


def read_version(package: str) -> str:
    """Returns the version of an installed package, else ``MISSING``."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return MISSING


def read_versions(packages: tuple[str, ...] = RUN_PACKAGES) -> Mapping[str, str]:
    """Returns the versions of Python and some packages, and the kind of machine.

    Plans are locked with these names and values: to rename one is to say that it has changed.
    """
    found = {"python": platform.python_version(), "machine": platform.machine()}
    return {**found, **{package: read_version(package) for package in packages}}


def describe_machine(device: str = "") -> dict[str, str | int | float]:
    """Returns processor, cores, memory, system and the versions that times depend on.

    Args:
        device: Name of the accelerator in use, if any.
    """
    return {
        "cpu": _read_processor(),
        "cores": count_cores(),
        "memory_gb": round(read_memory() / 1e9, 1),
        "system": _read_system(),
        "python": platform.python_version(),
        "opengl": os.environ.get("MUJOCO_GL", "default"),
        "device": device or "none",
        **{package: read_version(package) for package in BENCH_PACKAGES},
    }


def count_cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def read_memory() -> int:
    """Returns the size of the memory [bytes]; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def _read_processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _read_system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.platform()
