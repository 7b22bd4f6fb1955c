"""Compilation by numba: typed decorators, and a cache below ours instead of beside the sources.

Only what compiles imports it: numba takes half a second.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba
from numba.core import types
from numba.extending import intrinsic

from aegis.host.folders import find_cache_folder, make_writable

P = ParamSpec("P")
R = TypeVar("R")


@contextlib.contextmanager
def keep_compiled_functions() -> Iterator[None]:
    """Lets functions that are decorated meanwhile be cached in a folder that can be written to.

    numba settles the folder when it decorates, and raises if it finds none. The user's
    NUMBA_CACHE_DIR is kept unless it cannot be written to, and numba is left as it was, so that
    functions of the user's own are cached where they always were.
    """
    config: Any = numba.config
    chosen = config.CACHE_DIR
    if not (chosen and make_writable(Path(chosen))):
        config.CACHE_DIR = str(find_cache_folder() / "numba")
    try:
        yield
    finally:
        config.CACHE_DIR = chosen


def njit(function: Callable[P, R]) -> Callable[P, R]:
    """Compiles a function, keeps the result on disk, and frees the interpreter while it runs."""
    with keep_compiled_functions():
        return cast(Callable[P, R], numba.njit(cache=True, nogil=True)(function))


def njit_ieee(function: Callable[P, R]) -> Callable[P, R]:
    """Compiles a function whose bits no CPU changes; a division by zero gives infinity or NaN.

    numba's fast-math stays off: LLVM may use vectors of any width, but neither reorder a sum nor
    fuse a multiplication with an addition; ``fuse_multiply_add`` does that where it is wanted,
    with one rounding, as IEEE 754 defines it. Calls of ``math`` and ``numpy`` functions would reach
    the C library, and SVML where it is installed; none but ``floor`` and ``sqrt`` may be used.
    """
    with keep_compiled_functions():
        compiled = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
        return cast(Callable[P, R], compiled)


@intrinsic
def _fuse_multiply_add(context: Any, a: Any, b: Any, c: Any) -> Any:
    del context
    if not (a == b == c and isinstance(a, types.Float)):
        return None

    def emit_code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del context, signature
        return builder.fma(*arguments)

    return a(a, b, c), emit_code


fuse_multiply_add = cast(Callable[[Any, Any, Any], Any], _fuse_multiply_add)
"""Returns a * b + c with one rounding, in compiled code; all three of one precision.

A CPU without the instruction (x86-64 below v3) computes the same bits in software, slowly.
"""
