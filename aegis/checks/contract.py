"""Contract: shared parts of the plug-in checks: raising a breach, comparing values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum

import numpy as np

from aegis.core.errors import AegisError, PluginError


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise of one plug-in.

    Attributes:
        where: The protocol's member and the class, for example ``"World.observe of MyWorld"``.
        says: What is promised.
        remedy: What to do if it is broken.
    """

    where: str
    says: str
    remedy: str

    def require(self, true: object, given: object, allowed: str) -> None:
        """Goes on if it is true.

        Raises:
            PluginError: If it is not.
        """
        if not true:
            raise PluginError(self.where, self.says, given, allowed, self.remedy)


@dataclass(frozen=True, slots=True)
class NamedPlugin:
    """A plug-in under its name in messages.

    Attributes:
        protocol: Which protocol of ``aegis/core/protocols.py`` it is to keep.
        name: Name of its class.
    """

    protocol: str
    name: str

    def make_promise(self, member: str, says: str, remedy: str) -> Promise:
        """Returns a promise that one of its members makes."""
        return Promise(f"{self.protocol}.{member} of {self.name}", says, remedy)

    @contextmanager
    def guard_call(self, member: str) -> Iterator[None]:
        """Names who raised what; errors that AEGIS raises on purpose speak for themselves.

        Raises:
            PluginError: If anything else is raised.
        """
        try:
            yield
        except AegisError:
            raise
        except Exception as error:
            raise PluginError(
                f"{self.protocol}.{member} of {self.name}",
                "raises nothing in an ordinary call",
                f"{type(error).__name__}: {error}",
                "an answer, or an error of aegis.core.errors",
                "Mend the line in the traceback above; values that it was given are read-only",
            ) from error


def name_plugin(protocol: str, given: object, members: Sequence[str]) -> NamedPlugin:
    """Returns a plug-in under its name.

    Raises:
        PluginError: If it lacks a member.
    """
    one = NamedPlugin(protocol, type(given).__name__)
    for member in members:
        promise = one.make_promise(member, "it has this member", "Add it")
        promise.require(hasattr(given, member), "none", "see aegis/core/protocols.py")
    return one


def extract_bits(value: object, depth: int = 8) -> object:
    """Returns what a value is made of, bit by bit, so that ``==`` compares it; NaN equals NaN.

    Objects that it cannot look into, or that lie deeper than ``depth``, count as equal if they
    are of one class.
    """
    kind, deeper = type(value).__name__, depth - 1
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, float):
        return value.hex()
    if value is None or isinstance(value, str | bytes | int):
        return kind, value
    if isinstance(value, Enum):
        return kind, value.name
    if depth == 0:
        return kind
    if isinstance(value, Mapping):
        # In an order of their own: equal mappings may have been filled in another one.
        names = sorted(value, key=repr)
        return [(extract_bits(name, deeper), extract_bits(value[name], deeper)) for name in names]
    if isinstance(value, set | frozenset):
        return [extract_bits(item, deeper) for item in sorted(value, key=repr)]
    if isinstance(value, Sequence):
        return kind, [extract_bits(item, deeper) for item in value]
    if is_dataclass(value):
        return kind, [(f.name, extract_bits(getattr(value, f.name), deeper)) for f in fields(value)]
    return kind, extract_bits(getattr(value, "__dict__", None), deeper)


def is_number(value: object) -> bool:
    """Tells whether something is a real number, NaN and infinity included."""
    return isinstance(value, int | float | np.floating | np.integer) and not isinstance(value, bool)


def is_count(value: object, least: int) -> bool:
    """Tells whether something is a Python integer of at least ``least``."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def describe_array(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> str:
    """Returns type and shape of an array of any shape, for a message."""
    return f"{array.dtype} of shape {array.shape}"


def find_divergence(one: list[str], two: list[str]) -> int:
    """Returns the place at which two paths part; their length if one is all of the other."""
    pairs = enumerate(zip(one, two, strict=False))
    return next((k for k, (a, b) in pairs if a != b), min(len(one), len(two)))
