"""Kernels: which ones the numerical libraries of this process chose when they were loaded."""

from __future__ import annotations

import os
import sys
from typing import Any


def describe_kernels() -> dict[str, str]:
    """Returns the choice of each library that this process has loaded, as far as it says.

    Keys: ``openblas`` (core types), ``numpy`` (widest loops), ``aten``, ``llvm`` (CPU that numba
    compiles for) and ``libc``.
    """
    found = {
        "openblas": _read_openblas(),
        "numpy": _read_numpy(),
        "aten": _read_aten(),
        "llvm": _read_llvm(),
        "libc": _read_libc(),
    }
    return {name: choice for name, choice in found.items() if choice}


def _read_openblas() -> str:
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return ""
    found = [one for one in threadpool_info() if one.get("internal_api") == "openblas"]
    return ", ".join(sorted({str(one["architecture"]) for one in found}))


def _read_numpy() -> str:
    from numpy._core._multiarray_umath import (  # type: ignore[import-not-found]
        __cpu_dispatch__,
        __cpu_features__,
    )

    used = [name for name in __cpu_dispatch__ if __cpu_features__[name]]
    return str(used[-1]) if used else "baseline"


def _read_aten() -> str:
    torch: Any = sys.modules.get("torch")
    return str(torch.backends.cpu.get_cpu_capability()) if torch else ""


def _read_llvm() -> str:
    numba: Any = sys.modules.get("numba")
    if not numba:
        return ""
    from llvmlite import binding

    return str(numba.config.CPU_NAME or binding.get_host_cpu_name())


def _read_libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        return ""
