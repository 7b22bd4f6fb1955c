"""The bits of numba that the controller uses, with types: numba's own decorators have none."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import cast

import mujoco
import numba
import scipy
from llvmlite import binding

from aegis.host.compilation import njit as njit


def _load_lapack() -> None:
    """Loads the two modules of scipy.linalg that numba takes BLAS and LAPACK from.

    numba imports them by their full names, and with them all of scipy.linalg, which is a fifth of
    the time that a worker takes to start. Once loaded they are found without their package. Who
    imports scipy.linalg later gets all of it, except that it lacks these two as attributes.
    """
    package = "scipy.linalg"
    if package in sys.modules:
        return
    stand_in = types.ModuleType(package)
    stand_in.__path__ = [str(Path(scipy.__file__).parent / "linalg")]
    sys.modules[package] = stand_in
    try:
        for name in ("cython_blas", "cython_lapack"):
            importlib.import_module(f"{package}.{name}")
    finally:
        del sys.modules[package]
        if vars(scipy).get("linalg") is stand_in:
            del scipy.linalg


_load_lapack()


# numba annotates its C types as Python's; void called with them yields a signature.
_C_TYPES = {
    "int": cast(numba.types.Type, numba.types.intc),
    "address": cast(numba.types.Type, numba.types.intp),
}

_libmujoco = next(Path(mujoco.__file__).parent.glob("libmujoco.so*"))
binding.load_library_permanently(str(_libmujoco))


def bind_c_function(name: str, *arguments: str) -> Callable[..., None]:
    """Returns a function of libmujoco that compiled code can call.

    A symbol instead of a ctypes pointer: numba can then cache what calls it on disk.

    Args:
        name: Its name in the library.
        *arguments: ``"int"`` or ``"address"`` for each of its parameters.
    """
    signature = numba.types.void(*(_C_TYPES[argument] for argument in arguments))
    external = numba.types.ExternalFunction(name, signature)
    return cast(Callable[..., None], external)
