"""A person on the ladder: called by the gate, takes over when ready, gives back when done."""

from __future__ import annotations

from collections.abc import Sequence

from aegis.core.protocols import PolicySpec, Query


class Person:
    """Stands where a policy would: who is called, proposes nothing.

    Until the person takes over, the fallback drives, or the robot holds.

    Args:
        name: Stamped on decisions.
    """

    def __init__(self, name: str) -> None:
        self._spec = PolicySpec(name, "person", {}, horizon=1, execute=1, taps={}, person=True)

    @property
    def spec(self) -> PolicySpec:
        """What is known of a person."""
        return self._spec

    def propose(self, queries: Sequence[Query]) -> list[None]:
        """Returns no proposal, one per query."""
        return [None] * len(queries)

    def close(self) -> None:
        """Frees nothing."""
