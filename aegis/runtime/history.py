"""History: earlier observations, for policies that look at more than the present."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aegis.core.types import Observation, PolicyId

Histories = Mapping[PolicyId, tuple[int, ...]]
"""Policy to the ticks back that it looks at; see ``PolicySpec.history``."""


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What policies with a memory saw; a value, so that forks and snapshots may share it.

    A policy keeps nothing between its queries, so the driver of an episode keeps this for it, and
    looks at every tick: nobody knows before a tick whether a policy will ask for it later.

    Attributes:
        seen: What each policy saw, tick by tick, the newest last. Empty if none has a memory.
    """

    seen: tuple[Mapping[PolicyId, Observation], ...] = ()

    def add_tick(self, views: Mapping[PolicyId, Observation], histories: Histories) -> History:
        """Returns the history after a tick.

        Args:
            views: Policy to what it sees at that tick; only those with a memory are needed.
            histories: How far back each policy looks.
        """
        depth = find_depth(histories)
        if not depth:
            return self
        kept = {name: views[name] for name, ticks in histories.items() if ticks[0]}
        return History((*self.seen, kept)[-depth:])

    def list_past(
        self, policy: PolicyId, ticks_back: Sequence[int], obs: Observation
    ) -> tuple[Observation, ...]:
        """Returns the earlier observations that a policy looks at, farthest first.

        Args:
            policy: The policy.
            ticks_back: Its ``PolicySpec.history``.
            obs: What it sees now; stands in where the episode has just begun.
        """
        known = [views[policy] for views in self.seen if policy in views]
        first = known[0] if known else obs
        return tuple(known[-back] if back <= len(known) else first for back in ticks_back if back)


def find_depth(histories: Histories) -> int:
    """Returns how many earlier ticks must be kept [control steps]."""
    return max((ticks[0] for ticks in histories.values()), default=0)
