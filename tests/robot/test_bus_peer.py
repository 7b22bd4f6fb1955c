"""Bus peer: requests and their answers, stops between ticks, and what is too much for the bus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from aegis.core.types import Proposal
from aegis.ros.bus_peer import BusAlarm
from aegis.ros.message import cdr as m
from aegis.ros.names import ASK, DISABLE, ENABLE, REQUEST, RESET, TAKEOVER, TROUBLE
from aegis.ros.rows import decode_array
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


def test_what_is_too_long_for_the_bus_is_a_fault_and_no_dead_driver() -> None:
    def enlarge(proposal: Proposal) -> Proposal:
        return replace(proposal, features={"all": np.zeros(2_000_000, np.float32)})

    contract = make_contract()
    with open_bus(contract) as bus:
        seat = Seat(contract, bus, enlarge)
        seat.ask("enable")
        seat.play(3)
        assert seat.last_answer == (True, "")
        assert seat.status["life"] == "fault"
        assert "bytes came on '~/proposals', which takes" in seat.status["fault"]
        seat.ask("reset")
        seat.play()
        assert seat.last_answer == (True, "")
