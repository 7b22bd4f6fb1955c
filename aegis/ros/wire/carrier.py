"""Carrier: the side of the bus of a process between it and ROS 2, whatever library talks there."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence

from aegis.core.errors import ConfigError
from aegis.ros.names import STATUS, WIRE_BELL
from aegis.ros.wire.protocol import WireTopic
from aegis.runtime.bus import Bus
from aegis.runtime.bus_reader import BusReader

_JOIN = 3.0


class BusInlet:
    """Writes to the bus what arrives from ROS 2.

    Args:
        bus: The bus.
        complain: Logs an error.
    """

    def __init__(self, bus: Bus, complain: Callable[[str], object]) -> None:
        self._bus, self._complain = bus, complain
        self._locks = {name: threading.Lock() for name in bus.topics}
        self._refused: Counter[str] = Counter()

    def write(self, name: str, raw: bytes) -> None:
        """Writes a message to the bus; one that is too long is counted, and logged once.

        Args:
            name: The topic.
            raw: The message.
        """
        arrived = time.monotonic_ns()
        with self._locks[name]:
            try:
                self._bus.write_message(name, raw, arrived)
            except ConfigError as error:
                self._refused[name] += 1
                if self._refused[name] == 1:
                    self._complain(str(error))

    def log_refused(self) -> None:
        """Logs how many messages were too long."""
        for name, count in self._refused.items():
            self._complain(f"{count} messages on '{name}' were too long.")


class BusOutlet:
    """Takes from the bus what the parent writes, in a thread of its own.

    Args:
        bus: The bus.
        topics: Topics that go to ROS 2.
        heard: Topics of the bus that do not go there, and are carried too.
        carry: Does something with a message, given its topic.
        complain: Logs an error.
    """

    def __init__(
        self,
        bus: Bus,
        topics: Sequence[WireTopic],
        heard: Collection[str],
        carry: Callable[[str, bytes], object],
        complain: Callable[[str], object],
    ) -> None:
        self._bus, self._hand_over, self._complain = bus, carry, complain
        carried = {*(topic.name for topic in topics), *heard}
        latched = [topic.name for topic in topics if topic.latched]
        # What lies there is old: the newest latched message still holds, an old command does not.
        kept = {name for name in (*latched, STATUS) if name in bus.topics}
        self._kept = BusReader(bus, kept, everything=True)
        self._news = BusReader(bus, carried - kept)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._carry_messages, name="wire-out", daemon=True)

    def start(self) -> None:
        """Carries the newest latched messages, and from then on what comes."""
        newest = {entry.topic: raw for entry, raw in self._kept.take_new()}
        for name, raw in newest.items():
            self._carry(name, raw)
        self._thread.start()

    def finish(self) -> None:
        """Carries what still lies on the bus."""
        self._ended.set()
        self._thread.join(_JOIN)
        self._carry_new()

    def _carry_messages(self) -> None:
        while not self._ended.is_set():
            self._bus.await_bell(WIRE_BELL, 0.1)
            self._carry_new()

    def _carry_new(self) -> None:
        found = [*self._news.take_new(), *self._kept.take_new()]
        for entry, raw in sorted(found, key=lambda one: one[0].arrived):
            self._carry(entry.topic, raw)

    def _carry(self, name: str, raw: bytes) -> None:
        try:
            self._hand_over(name, raw)
        except Exception as error:  # One message that cannot be read must not stop the others.
            self._complain(f"A message of ours on '{name}' is broken: {error}")
