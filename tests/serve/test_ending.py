"""A server always ends, and whoever asked is always told, whatever became of the policy."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import msgpack
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from aegis.core.errors import MachineError, StuckPolicyError
from aegis.serve import openpi_server, request, wire_server
from aegis.serve.access import Access
from aegis.serve.batcher import QueryBatcher
from aegis.serve.openpi_server import OpenpiServer
from aegis.serve.vla_eval.server import VlaEvalServer
from aegis.serve.wire_server import WireServer
from tests.serve.clients import Client, RefusedError, pack_numpy
from tests.serve.toys import (
    SeeingPolicy,
    make_layout,
    make_limits,
    make_query,
    make_request,
    run_server,
)
from tests.serve.toys import make_policy_responder as respond


class Panic(BaseException):
    """What a library in Rust raises: no ``Exception``."""


class Broken(SeeingPolicy):
    """Raises what it is given."""

    def __init__(self, make: Callable[[], BaseException]) -> None:
        super().__init__()
        self._make = make

    def infer(self, rows: Any, noise: Any) -> Any:
        raise self._make()


class Stuck(SeeingPolicy):
    """Thinks until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go = threading.Event(), threading.Event()

    def infer(self, rows: Any, noise: Any) -> Any:
        self.begun.set()
        self.go.wait(60)
        return super().infer(rows, noise)


def test_a_policy_that_thinks_for_ever_does_not_keep_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire_server, "_GRACE", 0.05)
    policy, asked, closed = Stuck(), list[threading.Thread](), list[int]()

    def ask(client: Client) -> None:
        with pytest.raises(ConnectionClosed) as told:
            client.infer(make_request())
        assert told.value.rcvd is not None
        closed.append(told.value.rcvd.code)

    def play() -> None:
        # Leaving the block asserts that the server's thread ends.
        with run_server(lambda server: respond(policy, server)) as (url, _):
            client = Client(url)
            asking = threading.Thread(target=ask, args=(client,))
            asking.start()
            asked.append(asking)
            assert policy.begun.wait(20)

    try:
        with pytest.raises(StuckPolicyError, match="it was given up"):
            play()
        asked[0].join(20)
        assert closed == [1001]
    finally:
        policy.go.set()


@pytest.mark.parametrize("kind", [Panic, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_whatever_a_policy_raises_its_clients_and_the_user_are_told(
    kind: type[BaseException],
) -> None:
    policy, said = Broken(lambda: kind("of the test")), []

    def ask() -> None:
        with run_server(lambda server: respond(policy, server)) as (url, _), Client(url) as client:
            with pytest.raises(RefusedError) as told:
                client.infer(make_request())
            said.append(str(told.value))

    with pytest.raises(MachineError, match=rf"'seeing' broke off .*{kind.__name__}: of the test"):
        ask()
    assert "Start the server again" in said[0]


def test_everybody_who_waits_is_answered_when_the_batcher_is_cancelled() -> None:
    policy = Stuck()
    policy.go.clear()

    async def play() -> list[Any]:
        batcher = QueryBatcher(policy, 0.0, lambda: 0)
        running = asyncio.ensure_future(batcher.answer_queries())
        # More than one batch: some are at hand, others wait for their turn.
        asked = [asyncio.ensure_future(batcher.ask_policy(make_query(i))) for i in range(9)]
        await asyncio.to_thread(policy.begun.wait, 20)
        running.cancel()
        found = await asyncio.gather(*asked, running, return_exceptions=True)
        late = await asyncio.gather(batcher.ask_policy(make_query()), return_exceptions=True)
        assert not batcher.close(0.0), "its policy thinks"
        policy.go.set()
        assert batcher.close(60.0)
        return [*found[:-1], *late]

    found = asyncio.run(asyncio.wait_for(play(), 60))
    assert len(found) == 10
    assert all(isinstance(one, MachineError) for one in found)


@pytest.mark.parametrize("wire", [OpenpiServer, VlaEvalServer])
def test_the_system_asks_whether_silent_machines_are_there(wire: type[WireServer]) -> None:
    with (
        run_server(lambda server: respond(SeeingPolicy(), server), wire=wire) as (url, server),
        connect(url, compression=None, proxy=None) as client,
    ):
        client.ping().wait(20)  # the server has the connection by then
        (connections,) = server.clients._connections.values()
        raw = next(iter(connections)).transport.get_extra_info("socket")
        assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_a_client_that_takes_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_server, "_SENDING_PATIENCE", 0.05)
    dropped: list[str] = []

    class Full:
        """A connection whose buffers are full."""

        transport = SimpleNamespace(abort=lambda: dropped.append("aborted"))

        async def send(self, frame: bytes) -> None:
            await asyncio.Event().wait()

    server = OpenpiServer(Access("127.0.0.1", 0), make_limits())
    full: Any = Full()
    with pytest.raises(ConnectionClosed):
        asyncio.run(server.send_frame(full, b"an answer"))
    assert dropped == ["aborted"]


def test_large_frames_and_resizing_leave_the_loop_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Frames are read, and pictures resized, in other threads than that of the connections."""
    where: dict[str, str] = {}
    read, fit = openpi_server.read_requests, request.fit_picture

    def note_read(*given: Any) -> Any:
        where["read"] = threading.current_thread().name
        return read(*given)

    def note_fit(*given: Any) -> Any:
        where["fit"] = threading.current_thread().name
        return fit(*given)

    monkeypatch.setattr(openpi_server, "read_requests", note_read)
    monkeypatch.setattr(openpi_server, "_LARGE_FRAME", 100)
    monkeypatch.setattr(request, "fit_picture", note_fit)
    big = make_request(**{"observation/image": np.zeros((16, 16, 3), np.uint8)})
    layout = make_layout(resize=True)
    with (
        run_server(lambda server: respond(SeeingPolicy(), server, layout)) as (url, _),
        Client(url) as client,
    ):
        assert client.infer(big)["actions"].shape == (8, 3)
    assert all(name.startswith("asyncio_") for name in where.values()), where
    assert set(where) == {"read", "fit"}


_SERVE = """
import os, signal, sys, threading
from aegis.app import screen
from aegis.app.main import main
from aegis.serve import wire_server
from policies.nano_vla.policy import NanoVLA

def think(self, queries):
    print("THINKING", flush=True)
    {thinking}

{patches}
NanoVLA.propose = think
sys.exit(main(["serve", "policy=nano_weak", "port=0"]))
"""
_FOR_EVER = "threading.Event().wait()"
_IN_TORCH = """import torch
    while True: torch.ones(400, 400) @ torch.ones(400, 400)"""
_ANOTHER_WHILE_IT_SAYS_SO = """
say = screen.Screen.print_line
def print_line(self, text):
    say(self, text)
    if "another signal ends at once" in text:
        os.kill(os.getpid(), signal.SIGTERM)
screen.Screen.print_line = print_line
"""
_ANOTHER_BEFORE_THE_FIRST_IS_SEEN = """
import asyncio.unix_events as events
see = events._UnixSelectorEventLoop._process_self_data
def process_self_data(self, data):
    see(self, data)
    if data == bytes([signal.SIGTERM]):
        see(self, data)
events._UnixSelectorEventLoop._process_self_data = process_self_data
"""
_SHORT_GRACE = "wire_server._GRACE = 0.05"


@contextmanager
def _think_in_child(thinking: str = _FOR_EVER, patches: str = "") -> Iterator[Any]:
    """Yields a server whose policy thinks for ever about a question."""
    child = subprocess.Popen(
        [sys.executable, "-c", _SERVE.format(thinking=thinking, patches=patches)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert child.stdout is not None
        url = next(line for line in child.stdout if "serving" in line).split(" at ")[1]
        client = Client(url.split(";")[0])
        client.socket.send(_make_frame(client.metadata["aegis"]))
        assert any("THINKING" in line for line in child.stdout)
        yield child
    finally:
        child.kill()


def test_a_second_signal_ends_at_once() -> None:
    """Whatever a policy does; without it, the grace is waited for."""
    with _think_in_child() as child:
        child.send_signal(signal.SIGTERM)
        assert any("another signal ends at once" in line for line in child.stdout)
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == -signal.SIGTERM


def test_that_another_signal_ends_at_once_is_true_when_it_is_said() -> None:
    with _think_in_child(patches=_ANOTHER_WHILE_IT_SAYS_SO) as child:
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == -signal.SIGTERM


def test_two_signals_in_one_turn_of_the_loop_are_two() -> None:
    """As where they come while the loop is busy."""
    with _think_in_child(patches=_ANOTHER_BEFORE_THE_FIRST_IS_SEEN) as child:
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == -signal.SIGTERM


@pytest.mark.parametrize("thinking", [_FOR_EVER, _IN_TORCH])
def test_a_process_ends_under_a_policy_that_thinks_for_ever(thinking: str) -> None:
    with _think_in_child(thinking, _SHORT_GRACE) as child:
        child.send_signal(signal.SIGTERM)
        said = child.stdout.read()
        assert child.wait(60) == StuckPolicyError.exit_code, said
        assert "it was given up" in said


def _make_frame(spec: Any) -> bytes:
    pictures = {
        one["key"]: np.zeros((one["height"], one["width"], 3), np.uint8)
        for one in spec["cameras"].values()
    }
    asked = {**pictures, spec["state"]: np.zeros(8, np.float32), spec["prompt"]: "go"}
    return bytes(msgpack.packb(asked, default=pack_numpy))
