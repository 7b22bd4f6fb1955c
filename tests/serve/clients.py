"""A client of openpi's protocol that shares no code with ours."""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


def pack_numpy(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {
            b"__ndarray__": True,
            b"data": value.tobytes(),
            b"dtype": value.dtype.str,
            b"shape": value.shape,
        }
    raise TypeError(type(value))


def unpack_numpy(value: Any) -> Any:
    if b"__ndarray__" in value:
        return np.ndarray(value[b"shape"], np.dtype(value[b"dtype"]), value[b"data"])
    return value


class RefusedError(Exception):
    """The server sent a text."""


class Client:
    """Asks one question at a time."""

    def __init__(self, url: str, **options: Any) -> None:
        self.socket = connect(url, compression=None, max_size=None, proxy=None, **options)
        self.metadata = self.receive()

    def receive(self) -> Any:
        frame = self.socket.recv(timeout=20)
        if isinstance(frame, str):
            raise RefusedError(frame)
        return msgpack.unpackb(frame, object_hook=unpack_numpy)

    def infer(self, request: Any) -> Any:
        self.socket.send(msgpack.packb(request, default=pack_numpy))
        return self.receive()

    def refuse(self, request: Any) -> str:
        """Returns what the server says to a request that it must refuse, and how it closes."""
        frame = request if isinstance(request, bytes | str) else None
        self.socket.send(frame or msgpack.packb(request, default=pack_numpy))
        said = self.socket.recv(timeout=20)
        assert isinstance(said, str), "was to be refused"
        with pytest.raises(ConnectionClosed) as closed:
            self.socket.recv(timeout=20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011
        return said

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
