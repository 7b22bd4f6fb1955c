"""Servers that fail: each is named within the deadline, or the robot holds."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response
from websockets.sync.server import ServerConnection

from aegis.core.errors import MachineError, MessageError
from policies.openpi.failures import RefusedConnectionError, explain_failure
from tests.policies.openpi_peers import (
    PATIENCE,
    make_answer,
    make_metadata,
    open_policy,
    opened,
    run_answers,
    run_handler,
    with_row,
)
from tests.serve.toys import (
    make_query,
    serve_policy,
)


def wait_for_end(connection: ServerConnection) -> None:
    with contextlib.suppress(Exception):
        while True:
            connection.recv()


def answer_late(connection: ServerConnection) -> None:
    connection.send(make_metadata())
    wait_for_end(connection)


def say_nothing(connection: ServerConnection) -> None:
    wait_for_end(connection)


def close_at_once(connection: ServerConnection) -> None:
    connection.send(make_metadata())
    connection.recv()
    connection.close(1011, "out of memory")


def close_in_a_frame(connection: ServerConnection) -> None:
    connection.send(make_metadata())
    connection.recv()
    # The header of a frame of 1000 bytes, ten of them, and the end.
    connection.socket.sendall(b"\x82\x7e\x03\xe8" + bytes(10))
    connection.socket.shutdown(socket.SHUT_RDWR)


def drip(connection: ServerConnection) -> None:
    connection.send(make_metadata())
    connection.recv()
    connection.socket.sendall(b"\x82\x7e\x03\xe8")
    for _ in range(1000):
        connection.socket.sendall(b"\x00")
        time.sleep(0.02)


def send_hugely(connection: ServerConnection) -> None:
    connection.send(make_metadata())
    connection.recv()
    # Its length suffices; what comes of it, and that it is refused, the other end ignores.
    connection.socket.sendall(b"\x82\x7f" + (1 << 40).to_bytes(8, "big") + bytes(100))
    wait_for_end(connection)


def break_the_protocol(connection: ServerConnection) -> None:
    connection.send(make_metadata())
    connection.recv()
    connection.socket.sendall(b"\xff\xff\xff\xff nothing that WebSocket knows")
    wait_for_end(connection)


SILENT: dict[str, tuple[Callable[[ServerConnection], None], str]] = {
    "late": (answer_late, "did not answer within 0.5 s"),
    "closes": (close_at_once, r"is not there any more .*out of memory"),
    "closes in a frame": (close_in_a_frame, "is not there any more"),
    "slow drip": (drip, "did not answer within 0.5 s"),
    "huge frame": (send_hugely, "the answer is larger than allowed.*max_bytes"),
    "no WebSocket": (break_the_protocol, "is not there any more"),
}


@pytest.mark.parametrize("name", SILENT)
def test_a_server_that_fails_is_named_within_the_deadline(name: str) -> None:
    handle, says = SILENT[name]
    with run_handler(handle) as url, opened(url, max_bytes=100_000) as far:
        far._deadline = PATIENCE
        with pytest.raises((MachineError, MessageError), match=says) as caught:
            far.propose([make_query(i) for i in range(6)])
        assert f"Policy 'far' at {url}" in str(caught.value)
        assert caught.value.exit_code == 3


PASSING = {
    "NaN": make_answer(with_row(np.nan)),
    "ends": "MachineError: The server ended before policy 'x' answered.",
    "absent": "AbsentAnswerError: no answer at tick 3.",
}
LASTING = {
    "garbage": (b"\xc1 garbage", "the message is"),
    "shape": (make_answer(np.zeros((8, 5), np.float32)), "actions is float32 of shape"),
    "refusal": ("MessageError: observation/state is missing", "a refusal: MessageError"),
    "broken": ("InternalError: KeyError: 'x'", "a refusal: InternalError"),
}


@pytest.mark.parametrize("name", LASTING)
def test_what_would_be_the_same_the_next_time_is_raised_whatever_the_robot_may(name: str) -> None:
    frame, says = LASTING[name]
    with (
        run_answers(frame) as url,
        opened(url, on_missing="hold") as far,
        pytest.raises(MessageError, match=says) as caught,
    ):
        far.propose([make_query()])
    assert f"Policy 'far' at {url}" in str(caught.value)


def test_another_policy_behind_the_address_is_raised_whatever_the_robot_may() -> None:
    said = iter([make_metadata(), make_metadata(digest="other")])

    def change(connection: ServerConnection) -> None:
        connection.send(next(said))
        connection.recv()

    with (
        run_handler(change) as url,
        opened(url, on_missing="hold") as far,
        pytest.raises(MessageError, match=r"metadata is of policy other .*start a new run"),
    ):
        far.propose([make_query()])


def test_a_token_that_is_not_taken_any_more_is_raised_whatever_the_robot_may() -> None:
    error = InvalidStatus(Response(401, "Unauthorized", Headers()))
    found = explain_failure(error, "far", 1000, met=True)
    assert isinstance(found, RefusedConnectionError)
    full = explain_failure(InvalidStatus(Response(503, "", Headers(), b"")), "far", 1000, met=True)
    assert isinstance(full, MachineError)
    assert not isinstance(full, RefusedConnectionError)


@pytest.mark.parametrize("name", [*sorted(SILENT.keys() - {"huge frame"}), *PASSING])
def test_where_the_robot_may_hold_there_is_no_answer(name: str) -> None:
    opening = run_answers(PASSING[name]) if name in PASSING else run_handler(SILENT[name][0])
    with opening as url, opened(url, max_bytes=100_000, on_missing="hold") as far:
        far._deadline = PATIENCE
        assert far.propose([make_query()]) == [None]


def test_a_server_that_does_not_say_what_it_is() -> None:
    with run_handler(say_nothing) as url, pytest.raises(MachineError, match="did not say what it"):
        open_policy(url, deadline=PATIENCE)


def test_a_port_that_nobody_listens_on() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(MachineError, match=f"{port} is not there: nothing listens.*aegis serve"):
        open_policy(f"ws://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "noise", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\n\r\n", bytes(5000)]
)
def test_a_port_that_speaks_something_else(noise: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in range(2):
                with contextlib.suppress(OSError):
                    peer, _ = listener.accept()
                    with peer:
                        peer.recv(4096)
                        peer.sendall(noise)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        with pytest.raises(MachineError, match=f"127.0.0.1:{port}"):
            open_policy(f"ws://127.0.0.1:{port}", deadline=PATIENCE)


def test_a_port_that_accepts_and_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(MachineError, match=r"did not say what it is within 0\.5 s"):
            open_policy(f"ws://127.0.0.1:{port}", deadline=PATIENCE)


def test_a_redirection_is_not_followed() -> None:
    with serve_policy() as (url, server), socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(f"HTTP/1.1 302 Found\r\nLocation: {url}\r\n\r\n".encode())

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(MachineError, match="302"):
            open_policy(f"ws://127.0.0.1:{listener.getsockname()[1]}")
        assert server.counts["connections"] == 0
