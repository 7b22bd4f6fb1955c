"""A client of vla-eval's wire that shares no code with ours, and a world for it to look at."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgpack
import numpy as np
from PIL import Image
from websockets.sync.client import connect

from aegis.core.types import EpisodeKey, Observation
from aegis.serve.responder import Responder
from aegis.serve.vla_eval.server import VlaEvalServer
from tests.serve.toys import SIDE, SeeingPolicy, make_layout, make_policy_responder, run_server

KEYS = {"agentview": "agentview", "wrist": "wrist"}
LAYOUT = {"pictures": KEYS, "state": "states", "prompt": "task_description"}
KEY = EpisodeKey(0, "libero_spatial", 3, "official", 7)


class ErrorReplyError(Exception):
    """The server answered with an error."""


class Harness:
    """Says hello, begins episodes, and acts, as vla-eval does."""

    def __init__(self, url: str, packing: str = "png", **options: Any) -> None:
        self.socket = connect(url, compression=None, max_size=None, proxy=None, **options)
        self.packing, self.number = packing, 0

    def send(self, kind: str, payload: Any) -> int:
        self.number += 1
        self.socket.send(self.pack_message(kind, payload))
        return self.number

    def pack_message(self, kind: str, payload: Any) -> bytes:
        message = {"type": kind, "payload": payload, "seq": self.number, "timestamp": time.time()}
        packed: bytes = msgpack.packb(message, default=self.pack)
        return packed

    def receive(self) -> Any:
        return msgpack.unpackb(self.socket.recv(timeout=20), object_hook=unpack)

    def hello(self, **changes: Any) -> Any:
        number = self.send("hello", {"harness_version": "x", "protocol_version": 1, **changes})
        return self.expect("hello", number)

    def begin(self, key: EpisodeKey = KEY, **changes: Any) -> None:
        place = {"suite": key.suite, "task_id": key.task, "episode_idx": key.index}
        task = {k: v for k, v in {"name": "do it", **place, **changes}.items() if v is not ...}
        self.send("episode_start", {"task": task})

    def act(self, payload: Any) -> Any:
        return self.expect("action", self.send("observation", payload))

    def expect(self, kind: str, number: int) -> Any:
        reply = self.receive()
        assert reply["seq"] == number
        if reply["type"] == "error":
            raise ErrorReplyError(reply["payload"]["error"])
        assert reply["type"] == kind
        return reply["payload"]

    def pack(self, value: Any) -> Any:
        if value.ndim == 3 and self.packing != "array":
            return {"__image__": True, "shape": value.shape, **self.pack_picture(value)}
        return {
            "__ndarray__": True,
            "data": value.tobytes(),
            "dtype": value.dtype.str,
            "shape": value.shape,
        }

    def pack_picture(self, value: Any) -> dict[str, Any]:
        if self.packing == "raw":
            return {"format": "raw", "data": value.tobytes(), "dtype": value.dtype.str}
        buffer = io.BytesIO()
        Image.fromarray(value).save(buffer, format=self.packing.upper())
        return {"format": self.packing, "data": buffer.getvalue()}

    def __enter__(self) -> Harness:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def unpack(value: Any) -> Any:
    if "__ndarray__" in value:
        return np.frombuffer(value["data"], value["dtype"]).reshape(value["shape"])
    return value


def see(k: int) -> Observation:
    """Returns what the robot sees at a tick, as our policies see it."""
    rng = np.random.default_rng(k)
    images = {c: rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8) for c in KEYS}
    return Observation(k, rng.standard_normal(2).astype(np.float32), images, "do it")


def observe(k: int, **changes: Any) -> dict[str, Any]:
    """Returns the same as vla-eval's LIBERO sends it: mirrored, state in double precision."""
    obs = see(k)
    fields = {
        "images": {c: np.ascontiguousarray(p[:, ::-1]) for c, p in obs.images.items()},
        "states": obs.proprio.astype(np.float64),
        "task_description": obs.instruction,
    }
    return {name: value for name, value in {**fields, **changes}.items() if value is not ...}


@contextmanager
def serve(policy: SeeingPolicy | None = None, **settings: Any) -> Iterator[str]:
    """Yields the address of a policy."""
    served, layout = policy or SeeingPolicy(), make_layout(**LAYOUT)

    def make(server: VlaEvalServer) -> Responder:
        return make_policy_responder(served, server, layout, wait=0.001)

    with run_server(make, wire=VlaEvalServer, **settings) as (url, _):
        yield url
