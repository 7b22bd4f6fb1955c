"""Arrays inside of immutable values: read-only, and shared with nobody who may write to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = TypeVar("Array", bound=NDArray[Any])


def freeze_array(array: Array) -> Array:
    """Returns a read-only array with the same values: the given one where nobody can write to it.

    A frozen dataclass alone does not protect its arrays. Freezing the given array in place would
    surprise the caller, who may use it as a buffer, and would not help where it is a view.

    Args:
        array: Any shape. It is not changed.
    """
    if not array.flags.writeable:
        base = array.base
        # A read-only view does not suffice: it changes with its base.
        if base is None or _is_fixed(base):
            return array
    frozen = array.copy(order="K")
    frozen.setflags(write=False)
    return frozen


def _is_fixed(base: object) -> bool:
    """Returns whether nobody can write to what an array is a view of."""
    while isinstance(base, np.ndarray):
        if base.flags.writeable:
            return False
        base = base.base
    # Of another buffer, shared memory or a bytearray, somebody may hold a view that can be written
    # to.
    return base is None or isinstance(base, bytes)


def freeze_fields(value: object, *names: str) -> None:
    """Freezes arrays, or mappings or tuples of arrays, that a frozen dataclass was given.

    Args:
        value: The dataclass, in its ``__post_init__``.
        names: Its fields; one that is None stays so.
    """
    for name in names:
        given = getattr(value, name)
        # In every tick: the order of the tests is that of their cost.
        if type(given) is np.ndarray:
            frozen: object = freeze_array(given)
        elif given is None:
            continue
        elif isinstance(given, tuple):
            frozen = tuple(freeze_array(array) for array in given)
        elif isinstance(given, dict | Mapping):
            frozen = _freeze_mapping(given)
        else:
            frozen = freeze_array(given)
        if frozen is not given:
            object.__setattr__(value, name, frozen)


def _freeze_mapping(given: Mapping[str, Array]) -> Mapping[str, Array]:
    """Returns the mapping with its arrays, of any shapes, frozen; itself where all are already."""
    for array in given.values():
        if array.flags.writeable or array.base is not None:
            return {name: freeze_array(each) for name, each in given.items()}
    return given
