"""Takeover: a person drives while they command, and hands back; it ends with its life."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from aegis.core.types import OPERATOR
from aegis.ros.names import TAKEOVER
from tests.robot.kit import make_contract, open_bus, switch, write
from tests.robot.seat import Seat


@pytest.fixture
def seat() -> Iterator[Seat]:
    contract = make_contract()
    with open_bus(contract) as bus:
        yield Seat(contract, bus)


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
    np.testing.assert_array_equal(seat.sent[-1][:2], [0, 0])
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


def test_a_person_who_is_called_takes_over_and_the_weak_policy_goes_on_afterwards() -> None:
    contract = make_contract()
    with open_bus(contract) as bus:
        seat = Seat(contract, bus, person=True)
        seat.enable()
        assert seat.status["called"] == ""
        seat.play(40)
        assert seat.status["called"] == "strong", "until somebody comes"
        assert seat.rows[-1]["mode"] == "weak", "the fallback stands in"
        seat.command(0.25, -0.5)
        seat.ask("takeover")
        seat.play(2)
        assert seat.status["called"] == ""
        assert seat.rows[-1]["mode"] == OPERATOR
        seat.ask("release")
        seat.play(3)
        assert seat.rows[-1]["mode"] == "weak"
        assert seat.rows[-1]["next"] == "weak"


def test_a_call_ends_with_its_life() -> None:
    contract = make_contract()
    with open_bus(contract) as bus:
        seat = Seat(contract, bus, person=True)
        seat.enable()
        seat.play(40)
        seat.ask("disable")
        seat.play(2)
        assert seat.status["called"] == ""
