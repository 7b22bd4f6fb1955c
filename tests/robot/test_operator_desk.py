"""Operator's desk: what keys mean as messages, switches that never fall silent, and answers."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from aegis.ros import operator_desk
from aegis.ros.message import cdr as m
from aegis.ros.names import ANSWER, ASK, STATUS
from aegis.ros.operator_desk import KEYS, OperatorDesk
from aegis.ros.recorder import resolve_topic
from aegis.runtime.bus import Bus
from aegis.runtime.bus_reader import BusReader
from tests.robot.kit import await_truth, load_shipped, make_contract, open_bus, read_json, write

LIBERO = make_contract(load_shipped("libero_sim"))


class Counter:
    """A desk, and what it says."""

    def __init__(self, bus: Bus) -> None:
        self.bus, self.desk = bus, OperatorDesk(LIBERO, bus)
        self._asked, self._moves = BusReader(bus, [ASK]), BusReader(bus, ["~/operator"])
        self._switches = {name: BusReader(bus, [f"~/{name}"]) for name in ("estop", "deadman")}

    def press(self, *keys: str) -> list[str]:
        """Returns what is asked for."""
        for key in keys:
            self.desk.press_key(key)
        return [one["request"] for one in read_json(self._asked)]

    def read_switch(self, name: str) -> list[bool]:
        found = self._switches[name].take_new()
        return [bool(m.decode_message(raw, m.BOOL, name).data) for _, raw in found]

    def say_status(self, **said: Any) -> None:
        write(self.bus, STATUS, m.encode_json(said))
        self.desk.look()

    def await_move(self) -> np.ndarray[Any, Any]:
        def look() -> list[Any]:
            self.desk.look()
            return self._moves.take_new()

        raw = await_truth(look, "a command")[-1][1]
        return np.asarray(m.decode_message(raw, m.FLOATS, "").data)


@pytest.fixture
def counter() -> Iterator[Counter]:
    with open_bus(LIBERO) as bus:
        yield Counter(bus)


def test_keys_ask_for_what_the_foot_of_the_screen_says(counter: Counter) -> None:
    assert counter.press("e", "d", "r", "t", "x", "", "escape") == [
        "enable", "disable", "reset", "takeover",
    ]  # fmt: skip
    counter.say_status(taken_over=True)
    assert counter.press("t") == ["release"]
    assert {key for key, _ in KEYS} == {"e", "d", "space", "r", "t", "arrows + -", "g"}


def test_a_stop_is_said_at_once_and_until_it_is_reset(counter: Counter) -> None:
    counter.desk.look()
    assert counter.read_switch("estop") == [False]
    assert counter.read_switch("deadman") == [True]
    assert counter.press("space") == []
    assert counter.read_switch("estop") == [True]
    assert counter.read_switch("deadman") == [False]
    assert counter.desk.stopped

    def hear_again() -> list[bool]:
        counter.desk.look()
        return counter.read_switch("estop")

    assert await_truth(hear_again, "the switch again") == [True]
    assert counter.press("r") == ["reset"]
    assert counter.read_switch("estop")[-1] is False
    assert counter.read_switch("deadman")[-1] is True


def test_keys_move_the_robot_only_while_a_person_drives(counter: Counter) -> None:
    counter.press("up")
    counter.desk.look()
    assert not counter._moves.take_new()
    counter.say_status(taken_over=True)
    for key, number, amount in (
        ("up", 0, 1), ("down", 0, -1), ("left", 1, 1), ("right", 1, -1), ("+", 2, 1), ("-", 2, -1),
    ):  # fmt: skip
        counter.press(key)
        np.testing.assert_array_equal(np.flatnonzero(counter.await_move()[:6]), [number])
        counter.press(key)
        assert counter.await_move()[number] == amount
    await_truth(lambda: not counter.await_move()[:6].any(), "a key that is let go")
    assert np.isnan(counter.await_move()[6]), "what it holds, it holds"
    for grip in (1, -1, 1):
        counter.press("g")
        assert await_truth(lambda grip=grip: counter.await_move()[6] == grip, "the gripper")


def test_answers_to_others_are_none_of_its_business(counter: Counter) -> None:
    counter.desk.press_key("e")
    asked = read_json(BusReader(counter.bus, [ASK], everything=True))[-1]["id"]
    assert counter.desk.answer == "enable ..."
    row = {"request": "enable", "granted": False, "reason": "estop is on", "life": "inactive"}
    for identity in (None, "7", 7, "desk 0123abcd 1"):
        write(counter.bus, ANSWER, m.encode_json({**row, "id": identity}))
    counter.desk.look()
    assert counter.desk.answer == "enable ..."
    write(counter.bus, ANSWER, m.encode_json({**row, "id": asked}))
    counter.desk.look()
    assert counter.desk.answer == "enable: refused: estop is on"
    write(counter.bus, ANSWER, m.encode_json({**row, "id": asked, "granted": True}))
    counter.say_status(life="active")
    assert counter.desk.answer == "enable: done"
    assert counter.desk.status == {"life": "active"}


def test_a_reset_that_overtook_the_switches_is_asked_again_for_a_while(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0
    monkeypatch.setattr(operator_desk, "time", SimpleNamespace(monotonic_ns=lambda: now))
    asked = BusReader(counter.bus, [ASK])
    row = {"request": "reset", "granted": False, "reason": "estop is on", "life": "fault"}

    def refuse() -> list[str]:
        """Refuses the last request; returns what is asked for then."""
        (last,) = read_json(asked)[-1:]
        write(counter.bus, ANSWER, m.encode_json({**row, "id": last["id"]}))
        counter.desk.look()
        again = BusReader(counter.bus, [ASK], everything=True)
        return [one["request"] for one in read_json(again)]

    counter.desk.press_key("r")
    assert refuse() == ["reset", "reset"]
    now = 400_000_000
    assert refuse() == ["reset"] * 3
    assert counter.desk.answer == "reset ..."
    now = 600_000_000
    assert refuse() == ["reset"] * 3
    assert counter.desk.answer == "reset: refused: estop is on"


def test_a_reset_is_not_asked_again_against_a_stop(counter: Counter) -> None:
    asked = BusReader(counter.bus, [ASK])
    counter.desk.press_key("r")
    counter.desk.press_key("space")
    row = {"request": "reset", "granted": False, "reason": "estop is on", "life": "fault"}
    (last,) = read_json(asked)
    write(counter.bus, ANSWER, m.encode_json({**row, "id": last["id"]}))
    counter.desk.look()
    assert not read_json(asked)
    assert counter.desk.answer == "reset: refused: estop is on"


def test_a_desk_elsewhere_speaks_the_names_of_its_partner() -> None:
    bus = Bus.create(
        [
            type(one)(resolve_topic(one.name, "/arm/aegis"), one.size, one.slots)
            for one in _list_bus_topics()
        ]
    )
    desk = OperatorDesk(LIBERO, bus, lambda name: resolve_topic(name, "/arm/aegis"))
    desk.press_key("e")
    desk.look()
    assert bus.count_messages("/arm/aegis/ask") == 1
    assert bus.count_messages("/arm/aegis/estop") == 1
    bus.close()


def _list_bus_topics() -> list[Any]:
    from aegis.ros.topics import list_topics

    return [one.build_bus_topic() for one in list_topics(LIBERO)]
