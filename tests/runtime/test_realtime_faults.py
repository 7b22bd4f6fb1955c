"""Faults of the real-time driver: what stops the robot, what it is told, what ends a fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import nan

import numpy as np
import pytest

from aegis.core.errors import ConfigError
from aegis.core.types import OPERATOR, ActionKind, Hold
from aegis.runtime.realtime.driver import RealtimeDriver
from aegis.runtime.realtime.lifecycle import Life, Request, Status
from aegis.runtime.realtime.settings import FaultAction
from aegis.runtime.realtime.watchdog import HeardInput
from tests.core.late_parts import make_late
from tests.fakes import KEY
from tests.runtime.realtime_fakes import MS, FakeClock, FakeLane, FakePeer
from tests.runtime.realtime_stage import FREE, PERIOD, SETTINGS, Stage

# Lives, faults and resets.


def hear(estop: Sequence[int] = (), silent: Sequence[int] = ()) -> Callable[[int], object]:
    """Inputs by tick: presses of the e-stop, and ticks at which the camera has been silent."""

    def read(n: int) -> dict[str, HeardInput]:
        now = (n + 1) * PERIOD
        camera = now - 150 * MS if n in silent else now
        return {
            "e-stop": HeardInput(now, now, n in estop),
            "camera": HeardInput(camera, camera),
        }

    return read


@pytest.mark.parametrize(
    ("inputs", "fault"),
    [
        (hear(estop=[50]), "e-stop is on"),
        (hear(silent=[50]), "camera is 150 ms old, limit 100 ms"),
    ],
)
@pytest.mark.parametrize("action", list(FaultAction))
def test_trouble_stops_the_robot_in_the_very_tick_and_stays(
    inputs: Callable[[int], object], fault: str, action: FaultAction
) -> None:
    peer = Stage(inputs=inputs, settings=replace(SETTINGS, fault_action=action)).play(80)
    assert peer.reports[49].status.life is Life.ACTIVE
    for report, sent in zip(peer.reports[50:], peer.sent[50:], strict=True):
        assert report.status.life is Life.FAULT
        assert report.status.fault == fault
        assert report.decision is None
        if action is FaultAction.SILENCE:
            assert sent is None
        else:
            np.testing.assert_array_equal(sent, np.array([0, 0, 0.5], np.float32))


def requests(**when: int) -> Callable[[int], list[Request]]:
    return lambda n: [Request(name) for name, at in when.items() if at == n]


def test_enabling_is_refused_with_a_reason() -> None:
    peer = Stage(inputs=hear(estop=range(10)), requests=requests(enable=5)).play(20)
    (answer,) = peer.reports[5].answers
    assert (answer.granted, answer.reason) == (False, "e-stop is on")
    assert all(sent is None for sent in peer.sent), "who is not enabled sends nothing"


def test_a_life_after_a_reset_knows_nothing_of_the_one_before() -> None:
    stage = Stage(
        takes=lambda n: 400 * MS if n == 1 else 100 * MS,
        inputs=hear(estop=[12]),
        requests=lambda n: {
            0: [Request.ENABLE], 15: [Request.RESET], 16: [Request.ENABLE]
        }.get(n, []),
    )  # fmt: skip
    peer = stage.play(80)
    lives = [query.key.index for query in stage.lanes["weak"].queries]
    assert set(lives) == {0, 1}
    decisions = [report.decision for report in peer.reports[16:]]
    assert decisions[0] is not None
    assert decisions[0].k == 0
    # The answer to a question of the first life comes in the second one: it is void.
    for report in peer.reports[16:]:
        assert report.tick is not None
        for proposal in report.tick.proposals.values():
            assert proposal.k0 <= report.tick.k
    holds = [d.k for d in decisions[:25] if d is not None and isinstance(d.command, Hold)]
    # The policy is busy with the old question until tick 27, then thinks for 5 ticks.
    assert holds == list(range(27 - 16 + 5))


def test_disabling_stops_sending() -> None:
    peer = Stage(requests=requests(enable=0, disable=40)).play(90)
    assert all(sent is not None for sent in peer.sent[:40])
    # Half a second of doing nothing: a robot that keeps its last command must be told to stop.
    for sent in peer.sent[40:64]:
        np.testing.assert_array_equal(sent, np.array([0, 0, 0.5], np.float32))
    assert all(sent is None for sent in peer.sent[65:]), "others may drive now"
    silent = replace(SETTINGS, fault_action=FaultAction.SILENCE)
    peer = Stage(requests=requests(enable=0, disable=40), settings=silent).play(60)
    assert all(sent is None for sent in peer.sent[40:])


def test_a_policy_that_fails_is_a_silent_one_and_patience_ends_in_a_fault() -> None:
    peer = Stage(spoil=lambda _: None).play(100)
    assert peer.reports[-1].status.life is Life.FAULT
    assert "no proposal" in peer.reports[-1].status.fault


def test_a_person_takes_over_and_lets_go() -> None:
    hand = np.array([0.2, -5, 0.1], np.float32)
    peer = Stage(operator=lambda n: hand if 50 <= n < 70 else None).play(120)
    for sent, report in zip(peer.sent[50:70], peer.reports[50:70], strict=True):
        assert report.decision is not None
        assert report.decision.mode.active == OPERATOR
        np.testing.assert_array_equal(sent, np.array([0.2, -1, 0.1], np.float32))
    after = [report.decision for report in peer.reports[70:]]
    assert not any(d is None or isinstance(d.command, Hold) for d in after)


# What a review found.


def test_a_place_that_is_not_a_number_is_a_fault_in_the_very_tick() -> None:
    stage = Stage()
    stage.play(30)
    stage.peer.proprio = np.array([nan, 0], np.float32)
    report = stage.driver.play_tick()
    assert report.status == Status(Life.FAULT, report.status.fault)
    assert "Proprioception is not finite" in report.status.fault
    np.testing.assert_array_equal(stage.peer.sent[-1], np.array([0, 0, 0.5], np.float32))


@pytest.mark.parametrize(
    "action", [np.array(["a", "b", "c"]), np.array([1.0, None, 0.0], object), np.zeros(3, complex)]
)
def test_what_a_person_s_device_sends_by_mistake_holds(action: np.ndarray) -> None:
    peer = Stage(operator=lambda n: action if n == 30 else None).play(40)
    decision = peer.reports[30].decision
    assert decision is not None
    assert isinstance(decision.command, Hold)


def test_an_exception_in_a_tick_is_a_fault_and_the_robot_is_told() -> None:
    def fail(n: int) -> None:
        if n == 30:
            raise RuntimeError("the device is gone")

    peer = Stage(operator=fail).play(40)
    assert peer.reports[30].status == Status(Life.FAULT, "RuntimeError: the device is gone")
    np.testing.assert_array_equal(peer.sent[30], np.array([0, 0, 0.5], np.float32))
    assert peer.count == 40, "the driver goes on"


@pytest.mark.parametrize("part", ["read_inputs", "read_requests", "read_operator", "observe"])
def test_a_peer_that_raises_is_a_fault(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("unplugged")

    stage = Stage()
    stage.play(30)
    monkeypatch.setattr(stage.peer, part, fail)
    report = stage.driver.play_tick()
    assert report.status == Status(Life.FAULT, "RuntimeError: unplugged")
    np.testing.assert_array_equal(stage.peer.sent[-1], np.array([0, 0, 0.5], np.float32))


@pytest.mark.parametrize("measured", [np.array([nan, 0, 0], np.float32), np.zeros(2, np.float32)])
def test_a_life_does_not_begin_at_a_place_that_is_none(measured: np.ndarray) -> None:
    peer = Stage(measured=measured).play(20)
    assert all(report.status.life is Life.INACTIVE for report in peer.reports)
    assert all(sent is None for sent in peer.sent)


def test_bounds_are_those_of_a_command_and_not_of_a_control_step() -> None:
    parts = make_late(lead=8)
    parts = replace(parts, embodiment=replace(parts.embodiment, kind=ActionKind.ABSOLUTE))
    settings = replace(SETTINGS, parts=4, limits=replace(FREE, velocity=np.full(3, 0.5)))
    peer = Stage(parts, settings=settings, takes=lambda _: 0).play(400)
    changes = np.abs(np.diff([sent for sent in peer.sent if sent is not None], axis=0))
    assert changes.max() <= 0.5 * PERIOD / 1e9 + 1e-6


def test_a_life_begins_where_the_robot_is_and_holds_what_the_hand_holds() -> None:
    parts = make_late(lead=8)
    parts = replace(parts, embodiment=replace(parts.embodiment, kind=ActionKind.ABSOLUTE))
    place = np.array([0.8, -0.4, 1.0], np.float32)
    settings = replace(SETTINGS, limits=replace(FREE, step=np.full(3, 0.01)))
    peer = Stage(parts, settings=settings, measured=place).play(20)
    assert peer.sent[0] is not None
    assert np.abs(peer.sent[0] - place).max() <= 0.8 + 0.01
    assert peer.sent[0][2] == 1.0, "the hand stays closed"
    assert np.abs(peer.sent[0] - place)[:2].max() <= 0.01 + 1e-6


def test_nobody_is_asked_on_an_observation_that_is_too_old() -> None:
    parts = make_late(lead=8, stale_after=2 * PERIOD)
    stage = Stage(parts, age=lambda n: 3 * PERIOD if 20 <= n < 45 else 0)
    peer = stage.play(90)
    asked = {query.k for lane in stage.lanes.values() for query in lane.queries}
    assert not asked & set(range(20, 45))
    for report in peer.reports:
        if report.tick is not None:
            assert not {p.k0 for p in report.tick.proposals.values()} & set(range(20, 45))
    assert any(report.decision is not None and report.decision.boundary
               for report in peer.reports[45:])  # fmt: skip


def test_an_input_that_arrives_during_the_tick_is_not_from_the_future() -> None:
    stage = Stage()

    def read(n: int) -> dict[str, HeardInput]:
        stage.clock.now += 5000
        now = stage.clock.now
        return {"camera": HeardInput(now, now), "e-stop": HeardInput(now, now, False)}

    stage.peer.inputs = read
    assert stage.play(50).reports[-1].status.life is Life.ACTIVE


def test_a_period_that_is_not_the_robot_s_is_refused() -> None:
    clock, parts = FakeClock(), make_late()
    lanes = {name: FakeLane(name, clock, lambda _: 0) for name in ("weak", "strong")}
    with pytest.raises(ConfigError, match="do not make a control step"):
        RealtimeDriver(parts, KEY, lanes, FakePeer(clock), clock, SETTINGS)
    one = lanes["weak"]
    with pytest.raises(ConfigError, match="share a lane"):
        RealtimeDriver(parts, KEY, {"weak": one, "strong": one}, FakePeer(clock), clock, SETTINGS)
