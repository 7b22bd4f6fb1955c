"""Laws of the real-time driver, on a clock that jumps: deadlines, lives, faults, safe commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.core.controller import Controller
from aegis.core.errors import ConfigError
from aegis.core.types import OPERATOR, Act, ActionKind, Hold, Nanos, Proposal
from aegis.runtime.driver_settings import DriverSettings, FaultAction
from aegis.runtime.lifecycle import Life, Request, Status
from aegis.runtime.motion_limits import MotionLimits
from aegis.runtime.realtime import RealtimeDriver
from aegis.runtime.watchdog import HeardInput, InputLimit
from tests.core.late import make_row
from tests.core.test_lead import make_late
from tests.fakes import KEY
from tests.runtime.realtime_fakes import MS, FakeClock, FakeLane, FakePeer

PERIOD = 20 * MS
INPUTS = (
    InputLimit("e-stop", max_age=200 * MS, level=False),
    InputLimit("camera", max_age=100 * MS),
)
FREE = MotionLimits(*(np.full(3, inf) for _ in range(4)))
SETTINGS = DriverSettings(PERIOD, 1, INPUTS, 5, FREE, None, FaultAction.IDLE)
Takes = Callable[[int], Nanos | None]


class Stage:
    """A driver with everything around it."""

    def __init__(
        self,
        parts: Controller | None = None,
        *,
        takes: Takes = lambda _: 150 * MS,
        settings: DriverSettings = SETTINGS,
        overshoot: Callable[[int], Nanos] = lambda _: 0,
        spoil: Callable[[Proposal], Proposal | None] = lambda chunk: chunk,
        **peer: object,
    ) -> None:
        self.clock = FakeClock(overshoot)
        self.peer = FakePeer(self.clock, **peer)  # type: ignore[arg-type]
        self.lanes = {name: FakeLane(name, self.clock, takes, spoil) for name in ("weak", "strong")}
        found = parts or make_late(lead=8)
        step = settings.period * settings.parts / 1e9
        found = replace(found, embodiment=replace(found.embodiment, dt=step))
        self.driver = RealtimeDriver(found, KEY, self.lanes, self.peer, self.clock, settings)

    def play(self, ticks: int) -> FakePeer:
        for _ in range(ticks):
            self.driver.play_tick()
        return self.peer


def test_policies_that_think_cost_the_first_wait_only() -> None:
    peer = Stage().play(500)
    decisions = [report.decision for report in peer.reports]
    holds = [d.k for d in decisions if d is not None and isinstance(d.command, Hold)]
    assert holds == list(range(8))
    assert {d.mode.active for d in decisions if d is not None} == {"weak", "strong"}
    for report, sent in zip(peer.reports, peer.sent, strict=True):
        assert report.decision is not None
        if isinstance(report.decision.command, Act):
            np.testing.assert_array_equal(sent, make_row(report.decision.k))


def test_pictures_are_looked_at_only_where_a_policy_is_asked() -> None:
    peer = Stage().play(200)
    assert 0 < sum(bool(looked) for looked in peer.looked) < 60


@given(st.lists(st.integers(0, 130), min_size=1, max_size=20))
def test_a_deadline_is_never_moved_and_a_missed_tick_is_gone(late: list[int]) -> None:
    settings = replace(SETTINGS, max_missed=10**6)
    stage = Stage(
        make_late(lead=8), overshoot=lambda n: late[n % len(late)] * MS, settings=settings
    )
    peer = stage.play(60)
    for before, report in zip(peer.reports, peer.reports[1:], strict=False):
        assert report.number == before.number + 1 + report.missed
    for report in peer.reports:
        assert report.now - report.lateness == PERIOD * (report.number + 1)
        assert 0 <= report.lateness < PERIOD
        decision = report.decision
        if decision is not None and isinstance(decision.command, Act):
            assert decision.k == report.number - peer.reports[0].number
            np.testing.assert_array_equal(decision.command.action, make_row(decision.k))


def test_missing_too_many_ticks_in_a_row_is_a_fault() -> None:
    peer = Stage(overshoot=lambda n: 130 * MS if n >= 20 else 0).play(30)
    assert peer.reports[-1].status.life is Life.FAULT
    assert "ticks missed in a row" in peer.reports[-1].status.fault


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


# A robot that is faster than its policies.


@pytest.mark.parametrize("parts", [2, 5])
def test_a_control_step_is_divided_into_commands(parts: int) -> None:
    settings = replace(SETTINGS, parts=parts)
    peer = Stage(settings=settings, takes=lambda _: 100 * MS).play(60 * parts)
    steps = [report.decision for report in peer.reports if report.decision is not None]
    assert [one.k for one in steps] == list(range(60))
    assert sum(report.decision is None for report in peer.reports) == 60 * (parts - 1)


def test_a_lane_for_each_rung_is_needed() -> None:
    clock = FakeClock()
    with pytest.raises(ConfigError, match="No lane for strong"):
        RealtimeDriver(
            make_late(), KEY, {"weak": FakeLane("weak", clock, lambda _: 0)}, FakePeer(clock),
            clock, SETTINGS,
        )  # fmt: skip


# Everything at once.

RUBBISH = st.sampled_from(["nan", "inf", "wide", "short", "flat", "other", "none", "huge", ""])


def spoil(chunk: Proposal, how: str) -> Proposal | None:
    rows = np.array(chunk.actions)
    if how == "nan":
        rows[3:] = nan
    if how == "inf":
        rows[0] = inf
    if how == "huge":
        rows = rows * np.float32(1e30)
    if how == "wide":
        rows = np.hstack([rows, rows])
    if how == "short":
        rows = rows[:2]
    if how == "flat":
        rows = rows[0]
    if how == "none":
        return None
    return replace(chunk, actions=rows, policy="forged" if how == "other" else chunk.policy)


TICKS = 80


@given(st.data())
def test_no_unsafe_command_leaves_whatever_happens(data: st.DataObject) -> None:
    check_commands(data)


@pytest.mark.slow
@given(st.data())
@settings(max_examples=1_000_000 // TICKS)
def test_no_unsafe_command_leaves_in_a_million_ticks(data: st.DataObject) -> None:
    check_commands(data)


def check_commands(data: st.DataObject) -> None:
    """Drives a robot while everything goes wrong, and looks at each command."""
    draw, ticks = data.draw, TICKS
    takes = draw(st.lists(st.one_of(st.none(), st.integers(0, 400)), min_size=1, max_size=8))
    late = draw(st.lists(st.integers(0, 70), min_size=1, max_size=8))
    rubbish = draw(st.lists(RUBBISH, min_size=1, max_size=8))
    asked = draw(st.lists(st.sampled_from([*Request][:-1]), max_size=10))
    when = draw(st.lists(st.integers(1, ticks - 1), min_size=len(asked), max_size=len(asked)))
    pressed = draw(st.sets(st.integers(0, ticks - 1), max_size=10))
    old = draw(st.sets(st.integers(0, ticks - 1), max_size=10))
    hands = draw(st.sets(st.integers(0, ticks - 1), max_size=20))
    step = draw(st.sampled_from([inf, 0.2]))
    limits = replace(FREE, step=np.full(3, step))
    count = iter(range(10**6))
    stage = Stage(
        make_late(lead=8, coast=draw(st.integers(0, 5)), stale_after=2 * PERIOD),
        takes=lambda n: None if (t := takes[n % len(takes)]) is None else t * MS,
        overshoot=lambda n: late[n % len(late)] * MS,
        spoil=lambda chunk: spoil(chunk, rubbish[next(count) % len(rubbish)]),
        settings=replace(SETTINGS, limits=limits, parts=draw(st.integers(1, 3)), max_missed=1),
        inputs=None,
        requests=lambda n: [
            *([Request.ENABLE] if n == 0 else []),
            *(one for one, at in zip(asked, when, strict=True) if at == n),
        ],
        operator=lambda n: np.full(3, nan if n % 3 else 9, np.float32) if n in hands else None,
        age=lambda n: 3 * PERIOD if n in old else 0,
    )
    stage.peer.inputs = lambda n: {
        "camera": HeardInput(stage.clock.now, stage.clock.now),
        "e-stop": HeardInput(stage.clock.now, stage.clock.now, n in pressed),
    }
    peer = stage.play(ticks)
    before = np.zeros(3)
    for n, (sent, report) in enumerate(zip(peer.sent, peer.reports, strict=True)):
        if report.status.life is Life.ACTIVE:
            assert sent is not None
            assert n not in pressed
        elif report.status.life is Life.FAULT:
            assert report.decision is None or "ticks in a row" in report.status.fault
            np.testing.assert_array_equal(sent[:2], [0, 0])  # type: ignore[index]
        elif sent is not None:
            np.testing.assert_array_equal(sent[:2], [0, 0])
        if sent is not None:
            assert np.isfinite(sent).all()
            assert (np.abs(sent) <= 1).all()
            if report.status.life is Life.ACTIVE:
                assert (np.abs(sent - before) <= step + 1e-6).all()
        before = np.array([0, 0, before[2]]) if sent is None else sent
        decision = report.decision
        if decision is None or decision.mode.active == OPERATOR or "huge" in rubbish:
            continue
        if isinstance(decision.command, Act):
            np.testing.assert_array_equal(decision.command.action, make_row(decision.k))
