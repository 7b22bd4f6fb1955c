"""The bits of numba that the controller uses, with types: numba's own decorators have none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar, cast

import mujoco
import numba
from llvmlite import binding

P = ParamSpec("P")
R = TypeVar("R")


class _Decorator(Protocol):
    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]: ...


njit = cast(_Decorator, numba.njit(cache=True, nogil=True))
"""Compiles a function, keeps the result on disk, and frees the interpreter while it runs."""

# numba annotates its C types as Python's; void called with them yields a signature.
_C_TYPES = {
    "int": cast(numba.types.Type, numba.types.intc),
    "address": cast(numba.types.Type, numba.types.intp),
}

_library = next(Path(mujoco.__file__).parent.glob("libmujoco.so*"))
binding.load_library_permanently(str(_library))


def c_function(name: str, *arguments: str) -> Callable[..., None]:
    """Returns a function of libmujoco that compiled code can call.

    A symbol instead of a ctypes pointer: numba can then cache what calls it on disk.

    Args:
        name: Its name in the library.
        *arguments: ``"int"`` or ``"address"`` for each of its parameters.
    """
    signature = numba.types.void(*(_C_TYPES[argument] for argument in arguments))
    external = numba.types.ExternalFunction(name, signature)
    return cast(Callable[..., None], external)
