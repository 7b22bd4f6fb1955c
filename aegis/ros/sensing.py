"""Sensing: what lies on the bus, aligned and decoded: ages for the watchdogs, an observation."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from aegis.core.errors import ContractError
from aegis.core.types import F32, U8, Nanos, Observation
from aegis.ros.contract.contract import Contract
from aegis.ros.contract.parts import Picture, StatePart
from aegis.ros.message import cdr as m
from aegis.ros.message.decoding import decode_picture, decode_state, decode_switch
from aegis.runtime.bus import Bus, BusEntry
from aegis.runtime.bus_reader import BusReader
from aegis.runtime.realtime.watchdog import HeardInput

_NANOS = 1_000_000_000
_REMEMBERED = 16
"""Entries that are kept to find the picture of a moment."""


_T = TypeVar("_T")


class _Input:
    """What was heard on a topic."""

    def __init__(self, reads_header: bool) -> None:
        self.entries: deque[tuple[BusEntry, Nanos]] = deque(maxlen=_REMEMBERED)
        self.changed = 0
        self._reads_header, self._content = reads_header, -1

    def hear(self, entry: BusEntry, wall_offset: Nanos) -> None:
        """Takes note of a message; its time is that of its header where the contract says so."""
        when = m.read_stamp(entry.head) - wall_offset if self._reads_header else entry.arrived
        self.entries.append((entry, when))
        if entry.content != self._content:
            self._content, self.changed = entry.content, entry.arrived

    @property
    def newest(self) -> tuple[BusEntry, Nanos] | None:
        """Newest message, and its time; None before the first."""
        return self.entries[-1] if self.entries else None


class Sensing:
    """Reads the inputs of a contract off a bus.

    Args:
        contract: The contract.
        bus: The bus.
        read_wall_clock: Clock of the senders' stamps [ns].
        read_clock: The driver's own clock [ns].

    Attributes:
        used: Topic to arrival of the messages that the last observation was made of [ns].
    """

    def __init__(
        self,
        contract: Contract,
        bus: Bus,
        read_wall_clock: Callable[[], Nanos] = time.time_ns,
        read_clock: Callable[[], Nanos] = time.monotonic_ns,
    ) -> None:
        self._contract, self._bus = contract, bus
        self._read_wall_clock, self._read_clock = read_wall_clock, read_clock
        timed: tuple[StatePart | Picture, ...] = (*contract.state, *contract.pictures.values())
        headers = {part.topic: part.stamp == "header" for part in timed}
        named = [level.topic for level in contract.levels.values()]
        named += [] if contract.task.topic is None else [contract.task.topic]
        self._inputs = {topic: _Input(headers.get(topic, False)) for topic in (*headers, *named)}
        self._reader = BusReader(bus, self._inputs, everything=True)
        self._levels: dict[str, bool | None] = {}
        self._unreadable: dict[str, str] = {}
        self._decoded: dict[str, int] = {}
        self._parts: dict[str, F32] = {}
        self._task, self._task_arrived = contract.task.text, 0
        self.used: dict[str, Nanos] = {}

    @property
    def lost(self) -> int:
        """Messages that were overwritten before they were read."""
        return self._reader.lost

    def read_inputs(self) -> Mapping[str, HeardInput]:
        """Takes note of what arrived, and returns what was heard of each input.

        A switch that stood wrong since the last look counts as wrong, even if it is right again;
        one that cannot be read has no level.
        """
        offset = self._read_wall_clock() - self._read_clock()
        wrong: set[str] = set()
        topics = {level.topic: name for name, level in self._contract.levels.items()}
        for entry in self._reader.list_new():
            self._inputs[entry.topic].hear(entry, offset)
            if entry.topic in topics:
                name = topics[entry.topic]
                self._levels[name] = self._try_decode(entry, decode_switch)
                if self._levels[name] is not self._contract.levels[name].good:
                    wrong.add(name)
            elif entry.topic == self._contract.task.topic:
                task = self._try_decode(entry, _decode_text)
                if task is not None:
                    self._task, self._task_arrived = task, entry.arrived
        heard: dict[str, HeardInput] = {}
        for name, level in self._contract.levels.items():
            stands = self._levels.get(name)
            if name in wrong and stands is not None:
                stands = not level.good
            self._add_heard(heard, name, level.topic, stands)
        for part in self._contract.state:
            self._add_heard(heard, part.topic, part.topic)
        for name, picture in self._contract.pictures.items():
            self._add_heard(heard, name, picture.topic)
        return heard

    def find_trouble(self) -> str:
        """Returns why no observation can be made; empty if one can."""
        for unreadable in self._unreadable.values():
            return unreadable
        try:
            self._decode_state()
            for picture in self._contract.pictures.values():
                if picture.align != "hold":
                    self._select_picture(picture)
        except ContractError as error:
            return str(error)
        return "" if self._task else f"no task was heard on {self._contract.task.topic}"

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        """Returns the newest observation.

        Args:
            cameras: Pictures that are wanted, name to height and width [px]; others are not
                decoded.

        Raises:
            ContractError: If a message is missing or not as the contract says.
        """
        proprio, stamp = self._decode_state()
        self.used = {
            part.topic: self._find_newest(part.topic)[0].arrived for part in self._contract.state
        }
        if self._task_arrived and self._contract.task.topic is not None:
            self.used[self._contract.task.topic] = self._task_arrived
        images: dict[str, U8] = {}
        for name, size in cameras.items():
            picture = self._contract.pictures[name]
            entry = self._select_picture(picture)
            images[name] = decode_picture(self._read_body(entry), picture, size)
            self.used[picture.topic] = entry.arrived
        return Observation(stamp, proprio, images, self._task)

    def _decode_state(self) -> tuple[F32, Nanos]:
        """Returns proprioception, and the time of its oldest part [ns]."""
        times = []
        for part in self._contract.state:
            entry, when = self._find_newest(part.topic)
            times.append(when)
            if self._decoded.get(part.topic) != entry.number:
                self._parts[part.topic] = decode_state(self._read_body(entry), part)
                self._decoded[part.topic] = entry.number
        return np.concatenate([self._parts[part.topic] for part in self._contract.state]), min(
            times
        )

    def _select_picture(self, picture: Picture) -> BusEntry:
        """Returns the picture that belongs to the state, as the contract aligns them."""
        newest = self._find_newest(picture.topic)
        if picture.align == "hold":
            return newest[0]
        when = min(self._find_newest(part.topic)[1] for part in self._contract.state)
        seen = [pair for pair in self._inputs[picture.topic].entries if pair[1] <= when]
        if not seen:
            raise ContractError(picture.topic, "its time", "newer than the state", "an older one")
        entry, taken = seen[-1]
        if picture.align == "drop" and when - taken > picture.tolerance * _NANOS:
            apart = f"{(when - taken) / 1e6:.0f} ms before the state"
            allowed = f"at most {1000 * picture.tolerance:.0f} ms"
            raise ContractError(picture.topic, "its time", apart, allowed)
        return entry

    def _find_newest(self, topic: str) -> tuple[BusEntry, Nanos]:
        newest = self._inputs[topic].newest
        if newest is None:
            raise ContractError(topic, "the message", "missing", "one from time to time")
        return newest

    def _read_body(self, entry: BusEntry) -> bytes:
        raw = self._bus.read_body(entry)
        if raw is None:
            raise ContractError(
                entry.topic, "the message", "overwritten while it was read", "a slower rate"
            )
        return raw

    def _try_decode(self, entry: BusEntry, decode: Callable[[bytes, str], _T]) -> _T | None:
        """Returns what a message says; None if it cannot be read, which is trouble from then on.

        It is no error here: what else came counts as well, and requests are to be answered.
        """
        self._unreadable.pop(entry.topic, None)
        try:
            return decode(self._read_body(entry), entry.topic)
        except ContractError as error:
            self._unreadable[entry.topic] = str(error)
            return None

    def _add_heard(
        self, heard: dict[str, HeardInput], name: str, topic: str, level: bool | None = None
    ) -> None:
        one = self._inputs[topic]
        if one.newest is not None:
            heard[name] = HeardInput(one.newest[1], one.changed, level)


def _decode_text(raw: bytes, topic: str) -> str:
    return str(m.decode_message(raw, m.STRING, topic).data)
