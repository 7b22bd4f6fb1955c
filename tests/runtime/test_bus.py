"""Bus: every message once and in order, losses counted, nothing torn, by any number of readers."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.runtime.bus import Bus, BusTopic
from aegis.runtime.bus_reader import BusReader

WAIT = 60.0
"""Long enough for any machine [s]; no test waits for it unless something is broken."""
A = BusTopic("a", size=300, slots=4, stamp=3, bells=("ring",))
B = BusTopic("b", size=300, slots=4)
SPAWN = multiprocessing.get_context("spawn")


@contextmanager
def open_bus(*topics: BusTopic) -> Iterator[Bus]:
    bus = Bus.create(topics or (A, B))
    yield bus
    bus.close()


@given(st.lists(st.one_of(st.sampled_from("ab"), st.integers(0, 2)), max_size=60))
def test_every_message_is_read_once_in_order_or_counted_as_lost(events: list[str | int]) -> None:
    """Letters write to a topic; numbers let one of three readers look."""
    with open_bus() as bus:
        readers = [BusReader(bus, "ab") for _ in range(3)]
        read: list[list[tuple[str, int, bytes]]] = [[], [], []]
        written: list[tuple[str, int, bytes]] = []
        numbers = {"a": 0, "b": 0}
        for time, event in enumerate([*events, 0, 1, 2]):
            if isinstance(event, str):
                raw = f"{event}{numbers[event]}".encode() * (time + 1)
                bus.write_message(event, raw[:300], time)
                written.append((event, numbers[event], raw[:300]))
                numbers[event] += 1
                assert bus.count_messages(event) == numbers[event]
            else:
                read[event] += [
                    (entry.topic, entry.number, raw) for entry, raw in readers[event].take_new()
                ]
        for reader, found in zip(readers, read, strict=True):
            assert found == [one for one in written if one in found], "order, once each, unchanged"
            assert len(found) + reader.lost == len(written)
            # What is still there was read.
            for name in "ab":
                last = [one for one in written if one[0] == name][-4:]
                assert all(one in found for one in last)


def test_a_reader_that_starts_late_reads_what_comes_or_all_that_is_there() -> None:
    with open_bus() as bus:
        for i in range(6):
            bus.write_message("b", bytes([i]), i)
        news, history = BusReader(bus, ["b"]), BusReader(bus, ["b"], everything=True)
        bus.write_message("b", b"\6", 6)
        assert [raw for _, raw in news.take_new()] == [b"\6"]
        assert [raw for _, raw in history.take_new()] == [b"\3", b"\4", b"\5", b"\6"]
        assert (news.lost, history.lost) == (0, 3)


def test_entries_say_when_what_and_whether_it_changed() -> None:
    with open_bus() as bus:
        for raw in (b"lost", b"123same", b"456same", b"456other", b"12"):
            bus.write_message("a", raw, 7)
        entries, lost = bus.list_entries("a", 0)
        first, again, other, short = entries
        assert (lost, first.number, first.arrived) == (1, 1, 7)
        assert first.content == again.content == zlib.crc32(b"same")
        assert other.content == zlib.crc32(b"other")
        assert short.content == zlib.crc32(b"")
        assert other.head == b"456other".ljust(16, b"\0")
        assert [bus.read_body(one) for one in entries[-2:]] == [b"456other", b"12"]


def test_an_overwritten_or_torn_message_is_not_returned() -> None:
    with open_bus() as bus:
        bus.write_message("b", b"x" * 100, 0)
        (entry,), _ = bus.list_entries("b", 0)
        body = bytes(bus._memory).rindex(b"x" * 100)
        bus._memory[body + 50 : body + 51] = b"y"
        assert bus.read_body(entry) is None, "its checksum is another"
        bus._memory[body + 50 : body + 51] = b"x"
        assert bus.read_body(entry) == b"x" * 100
        for i in range(4):
            bus.write_message("b", b"z", i)
        assert bus.read_body(entry) is None, "another message lies there"


def test_a_void_slot_counts_as_lost() -> None:
    with open_bus() as bus:
        reader = BusReader(bus, ["b"])
        for i in range(3):
            bus.write_message("b", bytes([i]), 70 + i)
        (_, second, _), _ = bus.list_entries("b", 0)
        slot = bytes(bus._memory).rindex((2).to_bytes(8, "little") + (71).to_bytes(8, "little"))
        bus._words[slot // 8] = 0
        assert [raw for _, raw in reader.take_new()] == [b"\0", b"\2"]
        assert reader.lost == 1
        assert bus.read_body(second) is None
        assert reader.take_new() == []


def test_what_cannot_be_written_is_refused_by_name() -> None:
    with open_bus() as bus:
        bus.write_message("a", b"x" * 300, 0)
        with pytest.raises(ConfigError, match="301 bytes came on 'a', which takes 300"):
            bus.write_message("a", b"x" * 301, 0)
        assert bus.count_messages("a") == 1
        with pytest.raises(UnknownNameError, match="Unknown topic 'c' in the bus"):
            bus.write_message("c", b"", 0)
    with pytest.raises(ConfigError, match="Two topics are named 'a'"):
        Bus.create([A, A])
    for size, slots in ((0, 1), (1, 0)):
        with pytest.raises(ConfigError, match="at least one byte and one slot"):
            Bus.create([BusTopic("a", size, slots)])


def test_a_bell_rings_once_for_all_that_came() -> None:
    with open_bus() as bus:
        assert not bus.await_bell("ring", 0)
        bus.write_message("b", b"", 0)
        assert not bus.await_bell("ring", 0), "nobody rings for this topic"
        bus.write_message("a", b"", 0)
        bus.write_message("a", b"", 0)
        assert bus.await_bell("ring", WAIT)
        assert not bus.await_bell("ring", -1)


def test_another_program_attaches_by_descriptors() -> None:
    with open_bus() as bus:
        bus.write_message("a", b"from here", 5)
        code = (
            "import sys; from aegis.runtime.bus import Bus; "
            "from aegis.runtime.bus_reader import BusReader; bus = Bus.attach(sys.argv[1]); "
            "(entry, raw), = BusReader(bus, ['a'], everything=True).take_new(); "
            "bus.write_message('b', raw + b' and back', entry.arrived + 1); bus.ring_bell('ring')"
        )
        bus.await_bell("ring", 0)
        subprocess.run(
            [sys.executable, "-c", code, bus.describe()],
            pass_fds=bus.descriptors,
            check=True,
            timeout=WAIT,
        )
        assert bus.await_bell("ring", WAIT)
        ((entry, raw),) = BusReader(bus, ["b"], everything=True).take_new()
        assert (raw, entry.arrived) == (b"from here and back", 6)
        described = json.loads(bus.describe())
        assert bus.topics == tuple(one["name"] for one in described["topics"]) == ("a", "b")


COUNT = 200_000


def write_many(bus: Bus) -> None:
    for i in range(COUNT):
        body = i.to_bytes(8, "little")
        bus.write_message("fast", body * (1 + i % 30), i)


def test_nothing_is_torn_or_read_twice_while_another_process_writes() -> None:
    """Counters are stored whole: half of one would make a reader begin anew."""
    with open_bus(BusTopic("fast", 240, 64)) as bus:
        reader, last, read = BusReader(bus, ["fast"]), -1, 0
        process = SPAWN.Process(target=write_many, args=(bus,))
        process.start()
        alive = True
        while alive:
            alive = process.is_alive()
            for entry, raw in reader.take_new():
                i = entry.arrived
                assert i == entry.number > last
                assert raw == i.to_bytes(8, "little") * (1 + i % 30)
                last, read = i, read + 1
        process.join()
        assert process.exitcode == 0
        assert read + reader.lost == COUNT
        assert last == COUNT - 1


def test_the_memory_is_gone_with_its_descriptors() -> None:
    bus = Bus.create([A])
    fds = bus.descriptors
    bus.close()
    for fd in fds:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
