"""Machine: what a benchmark ran on, in words."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

PACKAGES = ("numpy", "mujoco", "robosuite", "hf-libero", "torch", "numba")


def describe_machine(device: str = "") -> dict[str, str | int | float]:
    """Returns processor, cores, memory, system and the versions that matter.

    Args:
        device: Name of the accelerator in use, if any.
    """
    found: dict[str, str | int | float] = {
        "cpu": _read_processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(_read_memory() / 1e9, 1),
        "system": _read_system(),
        "python": platform.python_version(),
        "opengl": os.environ.get("MUJOCO_GL", "default"),
        "device": device or "none",
    }
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "missing"
    return found


def _read_processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _read_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def _read_system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.platform()
