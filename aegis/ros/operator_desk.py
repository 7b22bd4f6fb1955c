"""Operator's desk: what a person's keys mean, and the messages that say so all the time."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Mapping
from math import isnan, nan
from typing import Any

import numpy as np

from aegis.core.types import Nanos
from aegis.ros.contract.contract import Contract
from aegis.ros.message import cdr as m
from aegis.ros.names import ANSWER, ASK, STATUS
from aegis.runtime.bus import Bus
from aegis.runtime.bus_reader import BusReader

_NANOS = 1_000_000_000
_SPEAK_EVERY = 50_000_000
"""Time between two messages of each switch [ns]; limits of a contract must be longer."""
_PRESSED_FOR = 250_000_000
"""Time for which a key that moves the robot counts as held [ns]; a terminal says no release."""
_SETTLES = 500_000_000
"""Time that switches are given to reach the driver before a reset stays refused [ns]."""
_MOVES = {
    "up": (0, 1.0), "down": (0, -1.0), "left": (1, 1.0), "right": (1, -1.0), "+": (2, 1.0),
    "-": (2, -1.0),
}  # fmt: skip
KEYS = (
    ("e", "enable"), ("d", "disable"), ("space", "stop"), ("r", "reset"), ("t", "take over"),
    ("arrows + -", "move"), ("g", "gripper"),
)  # fmt: skip
"""Key to what it does, for the foot of a screen."""
KEY_NAMES = ("e", "d", "space", "r", "t", "g", *_MOVES)
"""Keys that mean something, one by one."""


class OperatorDesk:
    """A person at a keyboard.

    Switches are sent all the time: a desk that is gone is a deadman that was let go.

    Args:
        contract: Which switches there are, and how a person moves the robot.
        bus: The bus.
        name_topic: Turns a name of the contract into that on the bus.
    """

    def __init__(
        self, contract: Contract, bus: Bus, name_topic: Callable[[str], str] = str
    ) -> None:
        self._contract, self._bus, self._name_topic = contract, bus, name_topic
        self._heard = BusReader(bus, [name_topic(ANSWER), name_topic(STATUS)], everything=True)
        self._spoke, self._numbers = 0, itertools.count(1)
        self._move: tuple[int, float, Nanos] = (0, 0.0, 0)
        self._gripper = nan
        self._reset_at = -_SETTLES
        self._name = f"desk {uuid.uuid4().hex[:8]}"
        self.stopped = False
        self.status: dict[str, Any] = {}
        self.answer = ""

    def press_key(self, key: str) -> None:
        """Does what a key means; other keys mean nothing."""
        simple = {"e": "enable", "d": "disable"}
        if key in simple:
            self.ask(simple[key])
        elif key == "space":
            self.stopped = True
            self._speak()
        elif key == "r":
            self.stopped = False
            self._speak()
            self._reset_at = time.monotonic_ns()
            self.ask("reset")
        elif key == "t":
            self._gripper = nan
            self.ask("release" if self.status.get("taken_over") else "takeover")
        elif key == "g":
            # Not moved before it is asked for: it may hold something.
            self._gripper = 1.0 if isnan(self._gripper) else -self._gripper
        elif key in _MOVES:
            number, amount = _MOVES[key]
            self._move = (number, amount, time.monotonic_ns())

    def ask(self, request: str) -> None:
        """Asks the driver for something; the answer comes in ``answer``."""
        self.answer = f"{request} ..."
        row = {"id": f"{self._name} {next(self._numbers)}", "request": request}
        self._write(ASK, m.encode_json(row))

    def look(self) -> None:
        """Says how the switches stand, and hears answers; call it some thirty times a second."""
        if time.monotonic_ns() - self._spoke >= _SPEAK_EVERY:
            self._speak()
        for entry, raw in self._heard.take_new():
            said = m.decode_json(raw, entry.topic)
            if entry.topic == self._name_topic(STATUS):
                self.status = said
            elif str(said.get("id", "")).startswith(f"{self._name} "):
                self._hear_answer(said)

    def _hear_answer(self, said: Mapping[str, Any]) -> None:
        settled = self.stopped or time.monotonic_ns() - self._reset_at > _SETTLES
        if said["request"] == "reset" and not said["granted"] and not settled:
            # No order holds between topics: it was heard before the switches that were let go.
            self.ask("reset")
            return
        granted = "done" if said["granted"] else f"refused: {said['reason']}"
        self.answer = f"{said['request']}: {granted}"

    def _speak(self) -> None:
        self._spoke = time.monotonic_ns()
        for level in self._contract.levels.values():
            # What lets a robot move is what stands right; only a stop sets it wrong.
            stands = level.good is not self.stopped
            self._write(level.topic, m.encode_message(m.BOOL, data=stands))
        operator = self._contract.operator
        if operator is not None and operator.type == m.FLOATS and self.status.get("taken_over"):
            self._write(operator.topic, m.encode_floats(self._read_move()))

    def _read_move(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Returns what the keys that are held mean. Shape (n,)."""
        assert self._contract.operator is not None
        sources = [int(one.source) for one in self._contract.operator.axes.values()]
        numbers = np.zeros(max(sources) + 1)
        number, amount, since = self._move
        if time.monotonic_ns() - since < _PRESSED_FOR and number < len(numbers):
            numbers[number] = amount
        if len(numbers) > 6:
            numbers[6] = self._gripper
        return numbers

    def _write(self, topic: str, raw: bytes) -> None:
        self._bus.write_message(self._name_topic(topic), raw, time.monotonic_ns())
