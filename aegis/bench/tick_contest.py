"""Bench of the tick: what one tick of the controller costs, on ticks of real episodes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aegis.core.controller import Controller
from aegis.core.protocols import Policy, World
from aegis.core.types import EpisodeKey, PolicyId, Tick
from aegis.runtime.lockstep import Lockstep
from aegis.runtime.session import Session

RecordedTicks = tuple[EpisodeKey, Sequence[Tick]]
"""An episode, and what its controller was fed."""


class FeedContest:
    """Feeds the ticks of recorded episodes to fresh sessions and times each tick alone.

    The reference is the control period: the time that a tick has.

    Args:
        controller: With its detectors, gate and switch.
        episodes: Recorded episodes.
        period: Control period [s].
    """

    name = "feed"
    reference = "control period"

    def __init__(
        self,
        controller: Controller,
        episodes: Sequence[RecordedTicks],
        period: float,
    ) -> None:
        self._controller, self._episodes, self._period = controller, episodes, period
        self._took: list[int] = []
        self._boundary: list[int] = []

    def run_ours(self) -> None:
        """Feeds all ticks once."""
        clock = time.perf_counter_ns
        for key, ticks in self._episodes:
            session = Session(self._controller, key)
            for tick in ticks:
                began = clock()
                decision = session.feed(tick)
                took = clock() - began
                self._took.append(took)
                if decision.boundary:
                    self._boundary.append(took)

    def run_reference(self) -> None:
        """The control period passes by itself."""

    def collect_facts(self) -> dict[str, Any]:
        """Returns percentiles [us], of all ticks and of those at which a chunk starts."""
        every, edge = (np.array(took) / 1e3 for took in (self._took, self._boundary))
        p99 = float(np.percentile(every, 99))
        return {
            "ratio": self._period * 1e6 / p99,
            "p50_us": float(np.percentile(every, 50)),
            "p99_us": p99,
            "max_us": float(every.max()),
            "boundary_p50_us": float(np.percentile(edge, 50)),
            "boundary_p99_us": float(np.percentile(edge, 99)),
            "ticks": len(every),
        }


def record_ticks(
    world: World,
    controller: Controller,
    policies: Mapping[PolicyId, Policy],
    keys: Sequence[EpisodeKey],
) -> list[RecordedTicks]:
    """Plays episodes and returns what their controller was fed."""
    recorded: list[RecordedTicks] = []
    for key in keys:
        ticks: list[Tick] = []
        episode = Lockstep(world, controller, policies, key)
        while not episode.done:
            ticks.append(episode.play_tick().tick)
        recorded.append((key, ticks))
    return recorded
