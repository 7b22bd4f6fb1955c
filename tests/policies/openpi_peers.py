"""Peers of remote policies: servers that do and say what a test wants."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from websockets.sync.server import ServerConnection, serve

from aegis.core.types import Proposal
from aegis.host.array_messages import pack_message
from policies.openpi.policy import OpenpiPolicy
from policies.views import View
from tests.serve.toys import (
    KEYS,
    SIDE,
)

TOKEN = "a-token-of-the-tests"
PATIENCE = 0.5
"""Deadline of a question to a server that does not answer it [s]."""
AGES = 20.0
"""Deadline where an answer is to come [s]."""


def open_policy(url: str, **settings: Any) -> OpenpiPolicy:
    fixed: dict[str, Any] = {"horizon": 8, "execute": 4, "dimensions": 3, "deadline": AGES}
    views = [View(camera, key, (SIDE, SIDE), True) for camera, key in KEYS.items()]
    return OpenpiPolicy(**{"name": "far", "url": url, "views": views, **fixed, **settings})


@contextlib.contextmanager
def opened(url: str, **settings: Any) -> Iterator[OpenpiPolicy]:
    policy = open_policy(url, **settings)
    try:
        yield policy
    finally:
        policy.close()


def is_same(a: Proposal | None, b: Proposal | None) -> bool:
    assert a is not None
    assert b is not None
    same = a.actions.tobytes() == b.actions.tobytes() and a.k0 == b.k0
    same &= list(a.features) == list(b.features)
    same &= all(a.features[n].tobytes() == b.features[n].tobytes() for n in a.features)
    return (
        same
        and (a.samples is None) == (b.samples is None)
        and (a.samples is None or b.samples is None or a.samples.tobytes() == b.samples.tobytes())
    )


def make_metadata(**changes: Any) -> bytes:
    about: dict[str, Any] = {
        "protocol": 1, "max_bytes": 1 << 20, "digest": "d", "rounding": "r",
        "state": "observation/state",
        "prompt": "prompt", "horizon": 8, "execute": 4, "actions": ["x", "y", "z"], "cameras": {},
        "mirror": False, "taps": {"trunk": 2}, "history": [0], "batch_invariant": True,
        "portable": True, "from_due": False, "gated": False,
        "conventions": {"proprio": "", "actions": "", "gripper": "", "pictures": "upright"},
    }  # fmt: skip
    return pack_message({"aegis": {k: v for k, v in {**about, **changes}.items() if v is not ...}})


def make_answer(actions: Any = None, features: Any = None, **changes: Any) -> bytes:
    chunk = np.zeros((8, 3), np.float32) if actions is None else actions
    told = {"trunk": [0.0, 0.0]} if features is None else features
    fields = {"actions": chunk, "aegis": {"features": told}, **changes}
    return pack_message({k: v for k, v in fields.items() if v is not ...})


@contextlib.contextmanager
def run_handler(handle: Callable[[ServerConnection], None]) -> Iterator[str]:
    """Yields the address of a server that does what it likes."""

    def quietly(connection: ServerConnection) -> None:
        with contextlib.suppress(Exception):
            handle(connection)

    with serve(quietly, "127.0.0.1", 0, compression=None, max_size=None) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()


@contextlib.contextmanager
def run_answers(*answers: bytes | str, first: bytes | str | None = None) -> Iterator[str]:
    """Yields the address of a server that gives certain answers, whatever is asked."""

    def handle(connection: ServerConnection) -> None:
        connection.send(make_metadata() if first is None else first)
        for answer in answers:
            connection.recv()
            connection.send(answer)
        connection.recv()

    with run_handler(handle) as url:
        yield url


def with_row(value: float) -> np.ndarray:
    actions = np.zeros((8, 3), np.float32)
    actions[5, 1] = value
    return actions
