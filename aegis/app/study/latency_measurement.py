"""Latency measurement: times calls and decisions on a few units of a finished study."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from threadpoolctl import threadpool_limits

from aegis.app.screen import Screen
from aegis.app.study.prepared_study import PreparedStudy
from aegis.core.protocols import Policy, World
from aegis.core.types import EpisodeKey, PolicyId
from aegis.fleet.arm import Arm
from aegis.records.provenance import describe_machine
from aegis.runtime.lockstep import Lockstep
from aegis.study.play.latency_table import make_latency_table
from aegis.study.play.small_tables import write_latency


def measure_latency(prepared: PreparedStudy, root: Path, screen: Screen) -> None:
    """Replays the first units, each arm alone, and writes the durations of calls.

    It does nothing if the configuration has ``latency.units: 0``.

    Args:
        prepared: The study.
        root: Its run folder.
        screen: Receives notes on progress.
    """
    count = prepared.settings.level("latency").integer("units", 0)
    if not count:
        return
    units = prepared.list_test_units()[:count]
    screen.print_note(f"latency: {len(units)} units, each arm alone, one query at a time")
    machine = {name: str(value) for name, value in describe_machine().items()}
    machine |= {"load": f"{os.getloadavg()[0]:.1f}", "batch": "1", "blas threads": "1"}
    world = prepared.lab.world()
    try:
        warm: set[PolicyId] = set()
        with threadpool_limits(1, user_api="blas"):  # as in the workers, where detectors run
            rows = [
                row
                for key in units
                for arm in prepared.build_arms()
                for row in _time_episode(world, arm, prepared.lab.policies, key, warm)
            ]
    finally:
        world.close()
    write_latency(root, make_latency_table(rows, machine))


def _time_episode(
    world: World,
    arm: Arm,
    policies: Mapping[PolicyId, Policy],
    key: EpisodeKey,
    warm: set[PolicyId],
) -> Iterator[dict[str, object]]:
    """Yields a row per control step; the first call of a policy, which warms it up, is left out."""
    address = {"task": key.task, "start": key.start, "index": key.index, "arm": arm.name}
    episode = Lockstep(world, arm.controller, policies, key, arm.delay)
    while not episode.done:
        k, tick = episode.k, episode.play_tick()
        if warm >= set(tick.call_ns):
            calls = list(tick.call_ns.items())
            yield {**address, "k": k, "calls": calls, "decide": tick.decide_ns}
        warm |= set(tick.call_ns)
