"""Delay: what policies that think cost, in a world that waits for them; shared, alone, resumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.core.controller import Controller
from aegis.core.errors import ConfigError, SnapshotError
from aegis.core.protocols import Policy, Query
from aegis.core.types import Hold, Proposal
from aegis.fleet.arm import Arm
from aegis.fleet.run_plan import fingerprint_arm
from aegis.gates.bernoulli import RandomGate
from aegis.gates.conformal import ConformalGate
from aegis.gates.constant import NeverGate
from aegis.gates.schedule import ScheduleGate
from aegis.runtime.lockstep import Lockstep
from aegis.runtime.snapshot import Snapshot
from tests.core.late import with_leads
from tests.fakes import ToyPolicy, ToyWorld, toy_key
from tests.fleet.toyrun import controller, tables, toy_plan, toy_policies, toy_run
from tests.runtime.test_snapshot import trace_course


def make_late_arms(lead: int, delay: int) -> tuple[Arm, ...]:
    """The usual arms, whose policies are asked ahead and answer late."""
    gates = {
        "weak": NeverGate(),
        "blind": ScheduleGate(start_tick=16, holds=(2, 3), period=8),
        "random": RandomGate(rate=0.3, holds=(1, 2)),
        "aegis": ConformalGate(threshold=1.0),
    }
    return tuple(
        Arm(name, make_late(gate, lead), log_features=True, delay=delay)
        for name, gate in gates.items()
    )


def make_late(gate: object, lead: int) -> Controller:
    return with_leads(controller(gate), weak=lead, strong=lead)  # type: ignore[arg-type]


def test_late_arms_share_what_they_have_in_common(tmp_path: Path) -> None:
    arms = (*make_late_arms(3, 2), Arm("prompt", controller(NeverGate())))
    plan = toy_plan(4, arms, audit=0.0)
    toy_run(tmp_path / "shared", plan, workers=2, slots=3)
    toy_run(tmp_path / "alone", replace(plan, sharing=False))
    assert tables(tmp_path / "shared") == tables(tmp_path / "alone")


def test_a_fleet_and_lockstep_are_late_alike(tmp_path: Path) -> None:
    arms = {arm.name: arm for arm in make_late_arms(3, 3)}
    plan = toy_plan(3, tuple(arms.values()))
    for row in toy_run(tmp_path, plan).episodes:
        world, arm = ToyWorld(), arms[row.arm]
        episode = Lockstep(world, arm.controller, toy_policies(), row.key, arm.delay)
        episode.play_until(10**6)
        assert (episode.k, episode.success, world.digest()) == (row.steps, row.success, row.final)


@settings(max_examples=15)
@given(lead=st.integers(1, 3), delay=st.integers(0, 5), at=st.integers(0, 40))
def test_an_episode_that_was_left_with_answers_under_way_goes_on(
    lead: int, delay: int, at: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def begin() -> Lockstep:
        parts = make_late(RandomGate(rate=0.3, holds=(1, 2)), lead)
        return Lockstep(ToyWorld(), parts, toy_policies(), toy_key(3), delay)

    left = begin()
    left.play_until(at)
    if left.done:
        return
    path = tmp_path_factory.mktemp("late") / "at.npz"
    left.take_snapshot().write_npz(path)
    twin = left.fork_into(ToyWorld())
    parts = make_late(RandomGate(rate=0.3, holds=(1, 2)), lead)
    read = Lockstep.from_snapshot(ToyWorld(), parts, toy_policies(), Snapshot.read_npz(path), delay)
    assert trace_course(twin) == trace_course(left) == trace_course(read)


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_answers_within_the_lead_cost_the_first_wait_only(delay: int) -> None:
    parts = make_late(ScheduleGate(start_tick=8, holds=(2,), period=16), 3)
    episode = Lockstep(ToyWorld(p_hard=1.0), parts, toy_policies(), toy_key(3), delay)
    holds = []
    while not episode.done:
        decision = episode.play_tick().decision
        if isinstance(decision.command, Hold):
            holds.append(decision.k)
    assert holds == list(range(delay))
    assert episode.k > 20


class Listener(ToyPolicy):
    """Keeps what it was asked."""

    queries: list[Query]

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        self.queries = [*getattr(self, "queries", []), *queries]
        return super().propose(queries)


def test_a_policy_is_told_what_will_have_been_executed(tmp_path: Path) -> None:
    weak = Listener("weak", weak=True)
    policies: dict[str, Policy] = {**toy_policies(), "weak": weak}
    episode = Lockstep(ToyWorld(), make_late(NeverGate(), 3), policies, toy_key(3), 2)
    sent = {}
    while not episode.done:
        decision = episode.play_tick().decision
        sent[decision.k] = decision.command.action
    first, *later = weak.queries
    assert (first.due, first.committed) == (None, None)
    assert len(later) > 3
    for query in later:
        assert query.due == query.k + 3
        assert query.committed is not None
        for k, row in zip(range(query.k, query.due), query.committed, strict=True):
            if k in sent:
                np.testing.assert_array_equal(row, sent[k])


def test_workers_ask_what_lockstep_asks(tmp_path: Path) -> None:
    heard, alone = Listener("weak", weak=True), Listener("weak", weak=True)
    arm = Arm("late", make_late(NeverGate(), 3), delay=2)
    plan = toy_plan(1, (arm,))
    rows = toy_run(tmp_path, plan, policies={**toy_policies(), "weak": heard}).episodes
    for row in rows:
        policies: dict[str, Policy] = {**toy_policies(), "weak": alone}
        Lockstep(ToyWorld(), arm.controller, policies, row.key, 2).play_until(99)

    def say(query: Query) -> tuple[object, ...]:
        rows = None if query.committed is None else query.committed.tolist()
        return str(query.key), query.k, query.due, rows

    assert sorted(map(say, heard.queries), key=str) == sorted(map(say, alone.queries), key=str)


def test_arms_that_coast_until_another_driver_answers_are_paired(tmp_path: Path) -> None:
    gates = {"weak": NeverGate(), "blind": ScheduleGate(start_tick=8, holds=(2,), period=12)}
    parts = {name: with_leads(controller(gate), weak=3, strong=1) for name, gate in gates.items()}
    arms = tuple(
        Arm(name, replace(one, coast=4), delay=3, log_features=True) for name, one in parts.items()
    )
    plan = toy_plan(6, arms, audit=1.0)
    shared = toy_run(tmp_path / "shared", plan)
    assert any(row.fires for row in shared.episodes)
    toy_run(tmp_path / "alone", replace(plan, sharing=False))
    assert tables(tmp_path / "shared") == tables(tmp_path / "alone")


def test_answers_under_way_need_their_delay() -> None:
    episode = Lockstep(ToyWorld(), make_late(NeverGate(), 3), toy_policies(), toy_key(3), 3)
    episode.play_until(2)
    with pytest.raises(SnapshotError, match="answers under way, but the delay is 0"):
        Lockstep.from_snapshot(
            ToyWorld(), make_late(NeverGate(), 3), toy_policies(), episode.take_snapshot()
        )


def test_timing_is_part_of_what_an_arm_is() -> None:
    arms = [
        Arm("late", make_late(NeverGate(), lead), delay=delay)
        for lead, delay in ((0, 0), (3, 0), (2, 0), (3, 3))
    ]
    base = arms[0].controller
    arms += [Arm("late", replace(base, coast=2)), Arm("late", replace(base, stale_after=10**8))]
    for change in ({"fallback": "weak"}, {"rungs": base.ladder.rungs[:1]}):
        ladder = replace(base.ladder, **change)  # type: ignore[arg-type]
        arms.append(Arm("late", replace(base, ladder=ladder)))
    rungs = tuple(replace(rung, min_rows=1) for rung in base.ladder.rungs)
    arms.append(Arm("late", replace(base, ladder=replace(base.ladder, rungs=rungs))))
    rungs = (base.ladder.rungs[0], replace(base.ladder.rungs[1], policy="other"))
    arms.append(Arm("late", replace(base, ladder=replace(base.ladder, rungs=rungs))))
    assert len({fingerprint_arm(arm) for arm in arms}) == len(arms)


def test_a_negative_delay_is_refused() -> None:
    with pytest.raises(ConfigError, match="must not be negative"):
        Arm("late", controller(NeverGate()), delay=-1)
