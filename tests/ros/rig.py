"""Rig for the wire: a peer in a process of its own, and a driver that answers as it is told."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from aegis.ros.wire.process import WireProcess, WireTopic
from aegis.runtime.bus import Bus, BusTopic
from aegis.runtime.bus_reader import BusReader

PATIENCE = 120.0
"""Longest wait for anything [s]: says nothing about how fast it should be."""
ROOT = Path(__file__).parents[2]
STRING = "std_msgs/msg/String"
TOPICS = (
    BusTopic("camera/image", 20_000, 8),
    BusTopic("note", 200, 64),
    BusTopic("command", 200, 64, bells=("wire",)),
    BusTopic("~/request", 400, 16, bells=("driver",)),
    BusTopic("~/answer", 400, 16, bells=("wire",)),
    BusTopic("~/status", 400, 16, bells=("wire",)),
)
WIRED = (
    WireTopic("camera/image", "sensor_msgs/msg/Image", "in", reliable=False, depth=5),
    WireTopic("note", STRING, "in"),
    WireTopic("command", STRING, "out"),
    WireTopic("~/status", STRING, "out", latched=True, depth=1),
)
_T = TypeVar("_T")


def await_truth(look: Callable[[], _T], what: str | Callable[[], str]) -> _T:
    """Waits until a look finds something, and returns it; ``what`` is for the message."""
    end = time.monotonic() + PATIENCE
    while not (found := look()):
        if time.monotonic() >= end:
            said = what if isinstance(what, str) else what()
            pytest.fail(f"waited {PATIENCE:g} s in vain for {said}")
        time.sleep(0.02)
    return found


def pack_text(text: str) -> bytes:
    """Returns the bytes of a std_msgs/msg/String, padded as ROS 2 does it."""
    raw = text.encode() + b"\0"
    return b"\0\1\0\0" + len(raw).to_bytes(4, "little") + raw + b"\0" * (-len(raw) % 4)


def unpack_text(raw: bytes) -> str:
    """Returns the text of a std_msgs/msg/String."""
    return raw[8 : 7 + int.from_bytes(raw[4:8], "little")].decode()


class Peer:
    """The other side: genuine ROS 2 in a process of its own."""

    def __init__(self, python: str) -> None:
        environment = dict(os.environ)
        environment.pop("_ROS_WHEELS_BOOTSTRAP_COMPLETE", None)
        self._process = subprocess.Popen(
            [python, "-u", str(ROOT / "tests/ros/peers/peer.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        self.events: list[dict[str, Any]] = []
        self._ids = itertools.count()
        threading.Thread(target=self._listen, daemon=True).start()
        await_truth(lambda: self.events, "the peer")

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.events.append(json.loads(line))

    def tell(self, do: str, **order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do} | order) + "\n")
        self._process.stdin.flush()

    def ask_later(self, service: str, kind: str, **fields: Any) -> Callable[[], dict[str, Any]]:
        number = next(self._ids)
        self.tell("call", service=service, type=kind, fields=fields, id=number)

        def answer() -> dict[str, Any]:
            events = (one for one in list(self.events) if one.get("id") == number)
            return next((one["answer"] for one in events), {})

        return answer

    def ask(self, service: str, kind: str, **fields: Any) -> dict[str, Any]:
        return await_truth(self.ask_later(service, kind, **fields), f"an answer of {service}")

    def list_received(self, topic: str) -> list[bytes]:
        return [bytes.fromhex(one["raw"]) for one in self.events if one.get("topic") == topic]

    def list_sent(self, topic: str) -> list[bytes]:
        return [bytes.fromhex(one["raw"]) for one in self.events if one.get("sent") == topic]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)


class Driver:
    """A driver on the bus: grants or refuses as ``rules`` say, and says what life it has."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.requests: list[str] = []
        self.rules: dict[str, tuple[bool, str, str] | None] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def show(self, life: str, fault: str = "") -> None:
        text = json.dumps({"life": life, "fault": fault})
        self._bus.write_message("~/status", pack_text(text), time.monotonic_ns())

    def _serve(self) -> None:
        reader = BusReader(self._bus, ["~/request"], everything=True)
        while not self._ended.is_set():
            self._bus.await_bell("driver", 0.1)
            for _, raw in reader.take_new():
                self._answer(json.loads(unpack_text(raw)))

    def _answer(self, asked: dict[str, Any]) -> None:
        rule = self.rules.get(asked["request"])
        if rule is not None:
            granted, reason, life = rule
            answer = asked | {"granted": granted, "reason": reason, "life": life}
            raw = pack_text(json.dumps(answer))
            self._bus.write_message("~/answer", raw, time.monotonic_ns())
        self.requests.append(asked["request"])

    def close(self) -> None:
        self._ended.set()
        self._thread.join()


class Rig:
    """A wire, its bus, its driver, and a peer."""

    def __init__(self, python: str, lifecycle: bool, arguments: Sequence[str]) -> None:
        self.bus = Bus.create(TOPICS)
        self.driver = Driver(self.bus)
        self.peer = Peer(python)
        self.wire = WireProcess(python, "aegis", "", lifecycle, arguments)
        self.parameters = self.wire.read_parameters(PATIENCE)
        self.wire.connect(self.bus, WIRED, True, PATIENCE)

    def write(self, topic: str, text: str) -> None:
        self.bus.write_message(topic, pack_text(text), time.monotonic_ns())

    def list_bus(self, topic: str) -> list[bytes]:
        entries, _ = self.bus.list_entries(topic, 0)
        return [raw for raw in map(self.bus.read_body, entries) if raw is not None]

    def publish_until_seen(self, topic: str, kind: str, seen_on: str, **order: Any) -> None:
        """Publishes again and again until one is on the bus: discovery takes its time."""
        before = self.bus.count_messages(seen_on)

        def look() -> bool:
            self.peer.tell("publish", topic=topic, type=kind, **order)
            time.sleep(0.1)
            return self.bus.count_messages(seen_on) > before

        await_truth(look, f"a message on {seen_on}")

    def write_until_heard(self, text: str) -> None:
        """Writes a command again and again until the peer has it."""

        def look() -> bool:
            self.write("command", text)
            time.sleep(0.1)
            return pack_text(text) in self.peer.list_received("/command")

        await_truth(look, f"the command {text}")

    def ask_state(self) -> str:
        state = self.peer.ask("/aegis/get_state", "lifecycle_msgs/srv/GetState")
        return str(state["current_state"]["label"])

    def await_state(self, state: str) -> None:
        await_truth(lambda: self.ask_state() == state, f"state {state}")

    def change_state(self, transition: int) -> bool:
        answer = self.peer.ask(
            "/aegis/change_state", "lifecycle_msgs/srv/ChangeState", transition={"id": transition}
        )
        return bool(answer["success"])

    def trigger(self, name: str) -> dict[str, Any]:
        return self.peer.ask(f"/aegis/{name}", "std_srvs/srv/Trigger")

    def close(self) -> None:
        self.wire.close()
        self.peer.close()
        self.driver.close()


@contextlib.contextmanager
def open_rig(
    python: str, *, lifecycle: bool = False, arguments: Sequence[str] = ()
) -> Iterator[Rig]:
    """Opens a rig, and closes it."""
    rig = Rig(python, lifecycle, arguments)
    try:
        yield rig
    finally:
        rig.close()
