"""Latency: measures calls and decisions on a few units of a study that has been played."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from threadpoolctl import threadpool_limits

from aegis.app.screen import Screen
from aegis.app.study.prepared_study import PreparedStudy
from aegis.bench.machine import describe_machine
from aegis.core.protocols import Policy, Query, World
from aegis.core.types import EpisodeKey, PolicyId, Stop, Tick
from aegis.fleet.arm import Arm
from aegis.runtime.session import Session
from aegis.runtime.views import Views, merge_cameras
from aegis.study.play.latency_table import make_latency_table
from aegis.study.play.small_tables import write_latency


def measure_latency(stand: PreparedStudy, root: Path, screen: Screen) -> None:
    """Plays the first units again, each arm alone, and writes down what calls took.

    It does nothing unless the configuration says on how many (``latency.units``).

    Args:
        stand: The study.
        root: Its run folder.
        screen: Is told.
    """
    count = stand.settings.level("latency").integer("units", 0)
    if not count:
        return
    units = stand.list_test_units()[:count]
    screen.print_note(f"latency: {len(units)} units, each arm alone, one query at a time")
    machine = {name: str(value) for name, value in describe_machine().items()}
    machine |= {"load": f"{os.getloadavg()[0]:.1f}", "batch": "1", "blas threads": "1"}
    world = stand.lab.world()
    try:
        known: set[PolicyId] = set()
        with threadpool_limits(1, user_api="blas"):  # as in the workers, where detectors run
            rows = [
                row
                for key in units
                for arm in stand.build_arms()
                for row in _time_episode(world, arm, stand.lab.policies, key, known)
            ]
    finally:
        world.close()
    write_latency(root, make_latency_table(rows, machine))


def _time_episode(
    world: World,
    arm: Arm,
    policies: Mapping[PolicyId, Policy],
    key: EpisodeKey,
    known: set[PolicyId],
) -> Iterator[dict[str, object]]:
    """Yields a row per control step; the first call of a policy, which warms it up, is left out."""
    session = Session(arm.controller, key)
    world.begin(key)
    place = {"task": key.task, "start": key.start, "index": key.index, "arm": arm.name}
    for k in range(min(arm.controller.horizon, world.horizon)):
        eyes = {policy: policies[policy].spec.cameras for policy in session.ask}
        glance = Views(world, eyes.values())
        calls, proposals = {}, {}
        for policy, seen in eyes.items():
            query = Query(key, k, glance.select_view(seen), arm.salt.get(policy, 0))
            began = time.perf_counter_ns()
            proposals[policy] = policies[policy].propose([query])[0]
            calls[policy] = time.perf_counter_ns() - began
        obs = glance.select_view(merge_cameras(eyes.values()))
        tick = Tick(k, obs.stamp, obs, proposals)
        began = time.perf_counter_ns()
        decision = session.feed(tick)
        decide = time.perf_counter_ns() - began
        if known >= set(calls):
            yield {**place, "k": k, "calls": list(calls.items()), "decide": decide}
        known |= set(calls)
        outcome = world.apply(decision.command)
        if outcome.done or isinstance(decision.command, Stop):
            return
