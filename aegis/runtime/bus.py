"""Bus: topics in shared memory; each has one writer, and readers that nobody waits for.

A topic is a ring of messages. The writer overwrites the oldest; a reader that was too slow learns
how many it lost. Bells wake a process at once. The memory belongs to file descriptors, so it is
gone with the last process, whatever ended that.
"""

from __future__ import annotations

import json
import os
import select
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.reduction import DupFd
from typing import Any

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.types import Nanos
from aegis.runtime.shared_memory import SharedBytes

_LINE, _WORD = 64, 8
_HEADER = struct.Struct("<QqQII16s")
"""Number of the message, time of arrival, length, checksums of all and of the content, its head."""
_HEAD = 16


@dataclass(frozen=True, slots=True)
class BusTopic:
    """One topic.

    Attributes:
        name: Its name.
        size: Longest message [bytes].
        slots: Messages that are kept.
        stamp: Leading bytes that are no content: a frozen camera sends fresh stamps.
        bells: Bells that a message rings.
    """

    name: str
    size: int
    slots: int
    stamp: int = 0
    bells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BusEntry:
    """A message that lies on the bus, without its body.

    Attributes:
        topic: Its topic.
        number: How many were written to the topic before it.
        arrived: When it arrived [ns].
        content: Checksum of its content, without the stamp.
        head: Its first 16 bytes.
    """

    topic: str
    number: int
    arrived: Nanos
    content: int
    head: bytes


class Bus:
    """Topics in shared memory.

    It may be handed to processes of ``multiprocessing``, and to others by ``describe()``.

    Args:
        topics: The topics.
        memory: File descriptor of the memory; None for new memory.
        bells: Bell to its file descriptor.
    """

    def __init__(
        self, topics: Sequence[BusTopic], memory: int | None, bells: Mapping[str, int]
    ) -> None:
        self._topics = {topic.name: topic for topic in topics}
        self._bells = dict(bells)
        places, size = {}, 0
        for topic in topics:
            places[topic.name] = size
            size += _LINE + topic.slots * _measure_slot(topic)
        self._places = places
        self._shared = SharedBytes(size, memory)
        self._memory = self._shared.buffer
        # Counters are stored whole: ``struct`` writes zeros first, and another process sees them.
        self._words = memoryview(self._memory).cast("Q")

    @classmethod
    def create(cls, topics: Sequence[BusTopic]) -> Bus:
        """Creates a bus.

        Raises:
            ConfigError: If two topics share a name, or one keeps nothing.
        """
        names = [topic.name for topic in topics]
        for topic in topics:
            if names.count(topic.name) > 1:
                raise ConfigError(f"Two topics are named '{topic.name}'. Rename one.")
            if topic.size < 1 or topic.slots < 1:
                raise ConfigError(
                    f"Topic '{topic.name}' needs at least one byte and one slot. "
                    f"Got: {topic.size}, {topic.slots}."
                )
        bells = sorted({bell for topic in topics for bell in topic.bells})
        return cls(
            topics,
            None,
            {bell: os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for bell in bells},
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles for a process of ``multiprocessing``, which gets the descriptors."""
        bells = {bell: DupFd(fd) for bell, fd in self._bells.items()}
        return _rebuild_bus, (tuple(self._topics.values()), DupFd(self._shared.fd), bells)

    def describe(self) -> str:
        """Returns what another program needs to attach, as JSON."""
        topics = [asdict(topic) for topic in self._topics.values()]
        return json.dumps({"topics": topics, "memory": self._shared.fd, "bells": self._bells})

    @classmethod
    def attach(cls, description: str) -> Bus:
        """Attaches in a process that was given the descriptors.

        Args:
            description: What ``describe`` returned.
        """
        given = json.loads(description)
        topics = [BusTopic(**{**one, "bells": tuple(one["bells"])}) for one in given["topics"]]
        return cls(topics, given["memory"], given["bells"])

    @property
    def descriptors(self) -> tuple[int, ...]:
        """File descriptors that another program must be given."""
        return (self._shared.fd, *self._bells.values())

    @property
    def topics(self) -> tuple[str, ...]:
        """Names of the topics."""
        return tuple(self._topics)

    def write_message(self, name: str, raw: bytes, arrived: Nanos) -> None:
        """Writes a message; only one process may write to a topic, from one thread at a time.

        Args:
            name: The topic.
            raw: The message.
            arrived: When it arrived [ns].

        Raises:
            ConfigError: If it is too long.
        """
        topic, place = self._find_topic(name)
        if len(raw) > topic.size:
            raise ConfigError(
                f"A message of {len(raw)} bytes came on '{name}', which takes {topic.size}. Raise "
                "its size in the contract."
            )
        number = self._words[place // _WORD]
        slot = place + _LINE + number % topic.slots * _measure_slot(topic)
        # Void while it is written: a reader that meets it takes it for lost.
        self._words[slot // _WORD] = 0
        body = slot + _LINE
        self._memory[body : body + len(raw)] = raw
        content = zlib.crc32(raw[topic.stamp :])
        whole = zlib.crc32(raw[: topic.stamp], content)
        given = (arrived, len(raw), whole, content, raw[:_HEAD])
        _HEADER.pack_into(self._memory, slot, 0, *given)
        self._words[slot // _WORD] = number + 1
        self._words[place // _WORD] = number + 1
        for bell in topic.bells:
            self.ring_bell(bell)

    def count_messages(self, name: str) -> int:
        """Returns how many messages were ever written to a topic."""
        _, place = self._find_topic(name)
        return self._words[place // _WORD]

    def list_entries(self, name: str, since: int) -> tuple[list[BusEntry], int]:
        """Returns the messages from a number on, and how many of these are lost.

        Args:
            name: The topic.
            since: Number of the first.
        """
        topic, place = self._find_topic(name)
        count = self.count_messages(name)
        first = max(since, count - topic.slots)
        entries = []
        for number in range(first, count):
            slot = place + _LINE + number % topic.slots * _measure_slot(topic)
            seen, arrived, _, _, content, head = _HEADER.unpack_from(self._memory, slot)
            # Seen twice: between the two, no writer touched what was read.
            if seen == self._words[slot // _WORD] == number + 1:
                entries.append(BusEntry(name, number, arrived, content, head))
        return entries, count - since - len(entries)

    def read_body(self, entry: BusEntry) -> bytes | None:
        """Returns a message; None if it was overwritten."""
        topic, place = self._find_topic(entry.topic)
        slot = place + _LINE + entry.number % topic.slots * _measure_slot(topic)
        seen, _, length, whole, _, _ = _HEADER.unpack_from(self._memory, slot)
        raw = self._memory[slot + _LINE : slot + _LINE + min(length, topic.size)]
        if not seen == self._words[slot // _WORD] == entry.number + 1:
            return None
        content = zlib.crc32(raw[topic.stamp :])
        return raw if zlib.crc32(raw[: topic.stamp], content) == whole else None

    def ring_bell(self, bell: str) -> None:
        """Wakes whoever waits for a bell."""
        os.eventfd_write(self._bells[bell], 1)

    def await_bell(self, bell: str, timeout: float) -> bool:
        """Waits for a bell and returns whether it rang.

        Args:
            bell: Name of the bell.
            timeout: Longest wait [s].
        """
        fd = self._bells[bell]
        ready, _, _ = select.select([fd], [], [], max(timeout, 0.0))
        if ready:
            try:
                os.eventfd_read(fd)
            except BlockingIOError:
                return False
        return bool(ready)

    def close(self) -> None:
        """Detaches."""
        self._words.release()
        self._shared.close()
        for fd in self._bells.values():
            os.close(fd)

    def _find_topic(self, name: str) -> tuple[BusTopic, int]:
        if name not in self._topics:
            raise UnknownNameError("topic", name, self._topics, "the bus")
        return self._topics[name], self._places[name]


def _measure_slot(topic: BusTopic) -> int:
    """Returns the size of a slot [bytes], a multiple of a cache line."""
    return _LINE + -(-topic.size // _LINE) * _LINE


def _rebuild_bus(topics: tuple[BusTopic, ...], memory: Any, bells: Mapping[str, Any]) -> Bus:
    return Bus(topics, memory.detach(), {bell: fd.detach() for bell, fd in bells.items()})
