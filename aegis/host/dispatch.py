"""Dispatch: which kernels numerical libraries choose, held still over CPUs.

Libraries look at the CPU when they are loaded and pick kernels that round differently. The
variables here hold them at one level; they count only in a process that has not loaded them yet.
Commands start their workers so; a program of one's own starts with
``env $(python -m aegis.host.dispatch)``.

`aegis doctor determinism` finds out what they choose; docs/explanations/one-run.md has the table.
What chose without effect (oneDNN, LLVM behind numba) is held all the same: another version may not.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from numpy._core._multiarray_umath import (  # type: ignore[import-not-found]
    __cpu_dispatch__,
    __cpu_features__,
)

from aegis.core.errors import MachineError

LEVEL = "x86-64-v3"
"""The level of instructions: what Intel has made since Haswell (2013) and AMD since Zen (2017)."""

PORTABLE_LEVEL = f"{LEVEL}/1"
"""What rows are played at by default; the number goes up when portable arithmetic changes."""
NATIVE_LEVEL = "native"
"""What they are played at where libraries choose by the CPU."""

_NEEDED = ("AVX2", "FMA3")
_BEYOND = ("AVX512", "X86_V4", "XOP", "FMA4")
"""What the names of numpy's loops outside the level begin with."""
_HELD: Mapping[str, str] = MappingProxyType(
    {
        "OPENBLAS_CORETYPE": "Haswell",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "MKL_CBWR": "AVX2",
        "NUMBA_DISABLE_INTEL_SVML": "1",
        "LP_NATIVE_VECTOR_WIDTH": "256",
    }
)

_EMPTIED = ("NPY_DISABLE_CPU_FEATURES", "GALLIUM_OVERRIDE_CPU_CAPS")
"""What may lower numpy and Mesa's llvmpipe below the level, where a user has set it."""
_TUNABLES = "GLIBC_TUNABLES"
"""The same of the C library, beside settings that change no bit."""


def build_dispatch(portable: bool) -> dict[str, str]:
    """Returns the environment variables for a process that computes rows.

    Args:
        portable: Whether the libraries are held at ``LEVEL``; else there are none.

    Raises:
        MachineError: If they are to be, and this machine is below the level.
    """
    if not portable:
        return {}
    if shortcoming := find_shortcoming():
        raise MachineError(
            f"portable=true needs {LEVEL}. This machine is {shortcoming}. Set portable=false: the "
            "rows are then those of machines like this one."
        )
    # Enabled, not disabled above: what the user has disabled is not to be seen from here.
    loops = [name for name in __cpu_dispatch__ if not name.startswith(_BEYOND)]
    tunables = os.environ.get(_TUNABLES, "").split(":")
    return {
        **_HELD,
        **dict.fromkeys(_EMPTIED, ""),
        "NPY_ENABLE_CPU_FEATURES": ",".join(loops),
        _TUNABLES: ":".join(one for one in tunables if not one.startswith("glibc.cpu.")),
    }


def find_shortcoming() -> str:
    """Returns what keeps this machine below the level, in words; empty if nothing does."""
    missing = [name for name in _NEEDED if not __cpu_features__.get(name)]
    lacks = f" without {', '.join(missing)}" if missing else ""
    below = platform.machine() not in ("x86_64", "AMD64") or missing
    return f"{platform.machine()}{lacks}" if below else ""


def describe_cpu(environ: Mapping[str, str] | None = None) -> str:
    """Returns what libraries choose kernels by: maker, levels of instructions, and own wishes.

    Two machines with one description are of one class: libraries choose the same there, so that
    rows are equal without being portable.

    Args:
        environ: Environment variables; by default, those of this process.
    """
    environ = os.environ if environ is None else environ
    levels = [name for name in __cpu_dispatch__ if __cpu_features__[name]]
    names = sorted((*_HELD, *_EMPTIED, _TUNABLES))
    wishes = [f"{name}={environ[name]}" for name in names if environ.get(name)]
    return ", ".join([platform.machine(), _read_maker(), *levels, *wishes])


def _read_maker() -> str:
    """Returns the maker of the CPU, as it names itself; Linux only."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.system()
    makers = [line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id")]
    return makers[0] if makers else "unknown maker"


if __name__ == "__main__":
    # For programs of one's own: env $(python -m aegis.host.dispatch) python mine.py
    print(" ".join(f"{name}={value}" for name, value in build_dispatch(portable=True).items()))
