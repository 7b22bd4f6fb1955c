"""Bus peer: requests and their answers, takeovers, and that nothing moves unless it may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.types import OPERATOR
from aegis.ros import messages as m
from aegis.ros.bus_peer import BusAlarm
from aegis.ros.rows import decode_array
from aegis.ros.topics import ASK, DISABLE, ENABLE, REQUEST, RESET, TAKEOVER, TROUBLE
from tests.robot.kit import MS, change, joints, make_contract, open_bus, switch, text, write
from tests.robot.kit import TOY as TOY_TREE
from tests.robot.seat import Seat, read_sent

IDLE = np.zeros(3, np.float32)


@pytest.fixture
def seat() -> Iterator[Seat]:
    contract = make_contract()
    with open_bus(contract) as bus:
        yield Seat(contract, bus)


@pytest.mark.parametrize("topic", ["topics", ASK, REQUEST])
def test_each_way_to_ask_is_answered_under_its_number(seat: Seat, topic: str) -> None:
    asked = [("enable", ENABLE, "active"), ("disable", DISABLE, "inactive")]
    for i, (request, press, life) in enumerate([*asked, ("reset", RESET, "inactive")]):
        if topic == "topics":
            seat.press(press)
        else:
            write(seat.bus, topic, m.encode_json({"id": i, "request": request}))
        seat.play(2)
        answer = seat.answers[-1]
        assert (answer["id"], answer["request"]) == (None if topic == "topics" else i, request)
        assert (answer["granted"], answer["life"]) == (request != "reset", life)
        assert len(seat.answers) == i + 1
    assert seat.answers[-1]["reason"].startswith("cannot reset while inactive")


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("~/estop", "estop never heard"),
        ("joints", "joints never heard"),
        ("camera", "agentview never heard"),
        ("~/task", "no task was heard on ~/task"),
    ],
)
def test_enabling_is_refused_with_what_is_missing(seat: Seat, missing: str, reason: str) -> None:
    seat.ask("enable")
    seat.play(2, missing)
    assert seat.last_answer == (False, reason)
    assert seat.status["trouble"] == reason
    assert not seat.sent
    seat.enable()


def test_enabling_is_refused_while_something_is_stale_or_not_as_agreed(seat: Seat) -> None:
    seat.play()
    seat.clock.now += 6000 * MS
    seat.ask("enable")
    seat.play(1, "joints")
    granted, reason = seat.last_answer
    assert not granted
    assert reason.startswith("joints is 60")
    write(seat.bus, "joints", joints(["px", "pz"], [0, 0]), seat.clock.now)
    seat.ask("enable")
    seat.play(1, "joints")
    assert seat.last_answer == (
        False, "joints: name is (px, pz); the contract expects py among them."
    )  # fmt: skip
    write(seat.bus, TROUBLE, text("the recorder is full"))
    seat.ask("enable")
    seat.play()
    assert seat.last_answer == (False, "the recorder is full")
    write(seat.bus, TROUBLE, text(""))
    seat.enable()


def test_what_cannot_be_understood_is_refused_and_harms_nothing(seat: Seat) -> None:
    seat.enable()
    before = len(seat.answers)
    for raw in (b"", text("[]"), text("[" * 4000), text("7" * 4000), switch(True)):
        write(seat.bus, ASK, raw)
    write(seat.bus, TAKEOVER, b"\0\1\0\0")
    seat.play()
    assert [one["granted"] for one in seat.answers[before:]] == [False] * 6
    assert all(" the contract expects " in one["reason"] for one in seat.answers[before:])
    identity = "é" * 1900
    write(seat.bus, ASK, m.encode_json({"id": identity[:600], "request": "disable"}))
    seat.play()
    assert seat.answers[-1]["id"] == identity[:600]


def test_requests_of_others_are_left_to_them(seat: Seat) -> None:
    for request in ("configure", "cleanup", "shutdown", "dance"):
        seat.ask(request)
    assert not seat.play().answers
    assert not seat.answers


def test_a_person_takes_over_and_gives_back(seat: Seat) -> None:
    seat.ask("takeover")
    seat.play()
    assert not seat.last_answer[0]
    assert "cannot take over while" in seat.last_answer[1]
    seat.enable()
    seat.command(0.25, -0.5)
    write(seat.bus, TAKEOVER, switch(True))
    seat.play(2)
    assert seat.last_answer == (True, "")
    assert seat.status["taken_over"]
    np.testing.assert_array_equal(seat.sent[-1], np.array([0.25, 0, -0.5], np.float32))
    assert seat.rows[-1]["mode"] == OPERATOR
    seat.command(0.75, 0.5, age=6)
    seat.play()
    np.testing.assert_array_equal(seat.sent[-1], np.array([0, 0, -0.5], np.float32), "too old")
    seat.ask("release")
    seat.play(30)
    assert not seat.status["taken_over"]
    assert seat.rows[-1]["mode"] in ("weak", "strong")


def test_a_person_who_commands_nothing_lets_it_stand(seat: Seat) -> None:
    seat.enable()
    seat.ask("takeover")
    seat.play(3)
    np.testing.assert_array_equal(seat.sent[-1][:2], IDLE[:2])
    assert seat.rows[-1]["life"] == "active"


@pytest.mark.parametrize("end", ["disable", "stop"])
def test_a_takeover_ends_with_its_life(seat: Seat, end: str) -> None:
    seat.enable()
    seat.command(0.25, -0.5)
    seat.ask("takeover")
    seat.play(2)
    if end == "disable":
        seat.ask("disable")
    else:
        write(seat.bus, "~/estop", switch(True), seat.clock.now)
    seat.play(2)
    assert not seat.status["taken_over"]
    seat.ask("reset")
    seat.play()
    seat.enable()
    seat.play(3)
    assert seat.rows[-1]["mode"] == "weak"


def test_without_an_operator_nobody_takes_over() -> None:
    contract = make_contract(operator=None)
    with open_bus(contract) as bus:
        seat = Seat(contract, bus)
        seat.enable()
        seat.ask("takeover")
        seat.play()
        assert seat.last_answer == (False, "the contract names no operator")


def test_a_stop_is_acted_on_between_ticks_and_stays(seat: Seat) -> None:
    seat.enable()
    seat.play(5)
    ticks, grip = seat.reports[-1].number, seat.sent[-1][2]
    pressed = seat.clock.now + 7 * MS
    seat.alarm.due = [(pressed, lambda: write(seat.bus, "~/estop", switch(True), pressed))]
    seat.play()
    alarm, tick = seat.reports[-2:]
    assert (alarm.alarm, alarm.now, alarm.number) == (True, pressed, ticks + 1)
    assert (tick.alarm, tick.number) == (False, ticks + 1)
    for row in seat.rows[-2:]:
        assert (row["life"], row["fault"]) == ("fault", "estop is on")
        np.testing.assert_array_equal(read_sent(row), [0, 0, grip])
    np.testing.assert_array_equal(seat.sent[-2], [0, 0, grip])
    seat.ask("enable")
    seat.play(3)
    assert "cannot enable while fault (estop is on)" in seat.last_answer[1]
    seat.ask("reset")
    seat.play()
    seat.enable()


def test_the_alarm_rings_for_switches_only(seat: Seat) -> None:
    alarm = BusAlarm(seat.bus)
    far = 2**62
    assert not alarm.wait_until(0)
    write(seat.bus, "joints", joints([], []))
    assert not seat.bus.await_bell("driver", 0)
    write(seat.bus, "~/estop", switch(True))
    assert alarm.wait_until(far)


def test_a_life_that_cannot_begin_is_refused_with_the_reason() -> None:
    tree = change(TOY_TREE, "kind", "absolute")
    tree["axes"]["x"] |= {"moves": "px", "by": 1.0}
    contract = make_contract(tree)
    with open_bus(contract) as bus:
        seat = Seat(contract, bus)
        write(bus, "joints", joints(["px", "py"], [np.nan, 0]), seat.clock.now)
        seat.ask("enable")
        seat.play(1, "joints")
        granted, reason = seat.last_answer
        assert not granted
        assert "nan" in reason
        assert seat.status["life"] == "inactive"
        seat.hear(px=0.5)
        seat.ask("enable")
        seat.play(1, "joints")
        assert seat.last_answer == (True, "")
        began = decode_array(seat.rows[-1]["began_with"])
        np.testing.assert_array_equal(began, np.array([0.5, 0, 0], np.float32), "where it is")


EVENTS = st.sampled_from(
    ["enable", "disable", "reset", "takeover", "release", "stop", "nan", "stale", "garbage", "move",
     "wild", "nothing", "nothing", "nothing", "enable", "reset"]
)  # fmt: skip


@pytest.mark.parametrize("in_fault", ["idle", "silence"])
@given(events=st.lists(st.tuples(EVENTS, EVENTS), min_size=5, max_size=40))
def test_nothing_moves_unless_it_may_and_who_asks_is_answered(
    in_fault: str, events: list[tuple[str, str]]
) -> None:
    contract = make_contract(in_fault=in_fault)
    with open_bus(contract) as bus:
        seat, asked = Seat(contract, bus), []
        for pair in events:
            left_out = set[str]()
            for event in pair:
                if event in ("enable", "disable", "reset", "takeover", "release"):
                    asked.append(seat.ask(event))
                elif event != "nothing":
                    left_out |= disturb(seat, event)
            seat.play(1, *left_out)
        check_rows(seat, in_fault)
        assert sorted(one["id"] for one in seat.answers) == sorted(asked)


def disturb(seat: Seat, event: str) -> set[str]:
    """Lets something go wrong; returns the inputs that do not arrive on top of it."""
    now: Any = seat.clock.now
    if event == "stop":
        write(seat.bus, "~/estop", switch(True), now)
    elif event == "nan":
        write(seat.bus, "joints", joints(["px", "py"], [np.nan, 0]), now)
        return {"joints"}
    elif event == "stale":
        seat.clock.now += 6000 * MS
        return {"joints", "camera"}
    elif event == "garbage":
        for topic in ("~/estop", "joints", "~/task"):
            write(seat.bus, topic, b"\0\1\0\0\1", now)
    elif event == "move":
        seat.command(0.3, 0.4)
    elif event == "wild":
        seat.command(np.nan, 10**6)
    return set()


def check_rows(seat: Seat, in_fault: str) -> None:
    sent = [read_sent(row) for row in seat.rows]
    written = [one for one in sent if one is not None]
    assert len(written) == len(seat.sent), "what is said to be sent is what is sent"
    for one, other in zip(written, seat.sent, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.isfinite(one).all()
        assert (np.abs(one) <= 1).all()
    for row, action in zip(seat.rows, sent, strict=True):
        if row["life"] == "active":
            assert action is not None
        elif in_fault == "silence":
            assert action is None
        elif action is not None:
            np.testing.assert_array_equal(action[:2], IDLE[:2])
        if row["life"] == "fault" and in_fault == "idle":
            assert action is not None
