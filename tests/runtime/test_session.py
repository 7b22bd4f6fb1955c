"""The whole method on the toy world: collect, fit, gate, recover; with the smallest driver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from aegis.core.controller import Controller
from aegis.core.ladder import Ladder
from aegis.core.protocols import Gate, Outcome, Query
from aegis.core.types import Act, Decision, EpisodeKey, Tick
from aegis.detectors.activation import ActivationProbe
from aegis.detectors.probe import Probe
from aegis.fitting.judgement import judge_probe
from aegis.fitting.probe_fit import fit_probe
from aegis.fitting.table import FittingTable
from aegis.gates.conformal import ConformalGate
from aegis.gates.constant import NeverGate
from aegis.gates.switch import HysteresisSwitch
from aegis.runtime.session import Session
from aegis.stats.paired_outcome import PairedOutcome
from tests.fakes import ToyPolicy, ToyWorld, toy_embodiment, toy_key

TASKS = 10


@dataclass(frozen=True)
class Episode:
    success: bool
    decisions: list[Decision]
    digests: list[str]
    rows: list[tuple[int, np.ndarray, np.ndarray]]


def make_policies() -> dict[str, ToyPolicy]:
    return {name: ToyPolicy(name, weak=name == "weak") for name in ("weak", "strong")}


def make_controller(
    gate: Gate[object], probe: Probe | None = None, first: str = "weak"
) -> Controller:
    return Controller(
        embodiment=toy_embodiment(),
        ladder=Ladder.pair("weak", "strong", {"weak": 4, "strong": 4}),
        horizon=60,
        detectors=(ActivationProbe(probe),) if probe else (),
        gate=gate,
        switch=HysteresisSwitch(release=probe.release if probe else 0.0),
        patience=3,
        first=first,
    )


def drive_session(controller: Controller, key: EpisodeKey) -> Episode:
    world, session, drivers = ToyWorld(), Session(controller, key), make_policies()
    world.begin(key)
    outcome, decisions, digests, rows = Outcome(success=False, done=False), [], [], []
    for k in range(world.horizon):
        obs = world.observe({})
        chunks = {name: drivers[name].propose([Query(key, k, obs)])[0] for name in session.ask}
        if "weak" in chunks:
            rows.append((k, chunks["weak"].features["trunk"], obs.proprio))
        decision = session.feed(Tick(k, obs.stamp, obs, chunks))
        outcome = world.apply(decision.command)
        decisions.append(decision)
        digests.append(world.digest())
        if outcome.done:
            break
    return Episode(outcome.success, decisions, digests, rows)


def collect_table(first: int, n: int) -> FittingTable:
    columns: list[tuple] = []
    for e in range(n):
        key = toy_key(first + e // TASKS, task=e % TASKS)
        episode = drive_session(make_controller(NeverGate()), key)
        columns += [
            (e, key.task, str(key), k, tap, pose, episode.success) for k, tap, pose in episode.rows
        ]
    e, task, start, k, tap, pose, success = (np.array(c) for c in zip(*columns, strict=True))
    digest = make_policies()["weak"].spec.digest
    return FittingTable(e, task, start, k, tap, pose, ~success, 60, "trunk", digest)


@pytest.fixture(scope="module")
def probe() -> Probe:
    train, calibration = collect_table(0, 60), collect_table(100, 60)
    return fit_probe(
        train, calibration, kind="logistic", alpha=0.1, guard=0.2, root=1, windows=(0.3, 1.0)
    )


def test_the_probe_sees_the_outcome_before_time_leaks_it(probe: Probe) -> None:
    train, test = collect_table(0, 60), collect_table(200, 60)
    early = judge_probe(probe, train, test, root=1, window=0.1, draws=20)
    assert early.ended == 0
    assert early.lines[0].pooled > 0.9
    assert early.lines[1].pooled == 0.5
    later = judge_probe(probe, train, test, root=1, window=0.3, draws=20)
    assert later.ended > 0
    assert later.lines[1].pooled > 0.75  # Success ends an episode, so time tells.


def test_the_gate_recovers_episodes_and_arms_agree_until_it_fires(probe: Probe) -> None:
    gate = ConformalGate(threshold=probe.threshold)
    weak, gated = [], []
    for e in range(40):
        key = toy_key(300 + e // TASKS, task=e % TASKS)
        a, b = (
            drive_session(make_controller(NeverGate(), probe), key),
            drive_session(make_controller(gate, probe), key),
        )
        weak.append(a.success)
        gated.append(b.success)
        first = next((d.k for d in b.decisions if d.mode.active == "strong"), 60)
        assert a.digests[:first] == b.digests[:first]
        if first == 60:
            assert a.digests == b.digests
    cells = PairedOutcome.from_success(np.array(gated), np.array(weak))
    assert cells.recovered >= 8
    assert cells.mcnemar_p() < 0.01


def test_a_strong_only_arm_needs_no_weak_policy() -> None:
    episode = drive_session(make_controller(NeverGate(), first="strong"), toy_key(0))
    assert episode.success
    assert not episode.rows


def test_a_session_is_one_episode(probe: Probe) -> None:
    gate = ConformalGate(threshold=probe.threshold)
    one, two = (drive_session(make_controller(gate, probe), toy_key(305, task=3)) for _ in range(2))
    assert one.digests == two.digests
    assert [d.command.action.tobytes() for d in one.decisions] == [
        d.command.action.tobytes() for d in two.decisions
    ]
    assert all(isinstance(d.command, Act) for d in one.decisions)
