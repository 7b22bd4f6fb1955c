"""A policy that looks at pictures, and servers of it on a loopback port, in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from aegis.core.conventions import Conventions
from aegis.core.errors import NonFiniteError
from aegis.core.protocols import Policy, PolicySpec, Query
from aegis.core.types import F32, ActionKind, Embodiment, EpisodeKey, Observation
from aegis.host.array_messages import MessageLimits, Value
from aegis.serve.access import Access
from aegis.serve.batcher import QueryBatcher
from aegis.serve.metadata import Served
from aegis.serve.openpi_server import OpenpiServer
from aegis.serve.request import WireLayout
from aegis.serve.responder import PolicyResponder, Responder
from aegis.serve.wire_server import ServerSettings, WireServer
from policies.adapter import BatchAdapter, Inference

SIDE = 8
MEANT = Conventions("toy_state", "toy_moves", "close_positive", "upright")
KEYS = {"agentview": "observation/image", "wrist": "observation/wrist_image"}


def toy_robot(dims: int = 3) -> Embodiment:
    names = ("x", "y", "z", "rx", "ry", "rz", "gripper")[-dims:]
    low, high = np.full(dims, -1, np.float32), np.full(dims, 1, np.float32)
    sticky = tuple(name == "gripper" for name in names)
    return Embodiment(names, low, high, ActionKind.DELTA, 0.05, np.zeros(dims, np.float32), sticky)


class SeeingPolicy(BatchAdapter):
    """Its actions depend on each pixel's place, on proprioception, words and noise.

    Proprioception whose first entry is ``CURSED`` makes it raise.
    """

    CURSED = 13.0

    def __init__(
        self,
        name: str = "seeing",
        proprio: int = 2,
        action: int = 3,
        batch: int = 4,
        samples: int = 0,
        cameras: Sequence[str] = ("agentview", "wrist"),
        history: Sequence[int] = (0,),
        execute: int = 4,
    ) -> None:
        taps = {"trunk": 4}
        sizes = dict.fromkeys(cameras, (SIDE, SIDE))
        spec = PolicySpec(name, "seeing-1", sizes, 8, execute, taps, history=tuple(history))
        super().__init__(spec, batch, proprio, action, samples)
        self.declare_portable("toy")
        self.batches: list[int] = []
        self.seen: list[Query] = []

    def infer(self, rows: Sequence[Query], noise: F32) -> Inference:
        self.batches.append(len(rows))
        self.seen += rows
        if any(row.obs.proprio[0] == self.CURSED for row in rows):
            raise NonFiniteError("the toy is cursed")
        weights = np.arange(SIDE * SIDE * 3, dtype=np.float32).reshape(SIDE, SIDE, 3) / 1e5
        looks = [
            sum(float((row.obs.images[c] * weights).sum()) for c in self.spec.cameras) % 1.0
            + float(row.obs.proprio.sum()) + len(row.obs.instruction) / 100
            + sum(float(one.proprio.sum()) for one in row.past)
            for row in rows
        ]  # fmt: skip
        bias = np.array(looks, np.float32)[:, None, None]
        features = np.stack([np.full(4, one, np.float32) + noise[i, 0, 0, 0] for i, one in
                             enumerate(looks)])  # fmt: skip
        samples = noise[:, 1:] + bias[:, None] if self._samples else None
        return Inference(np.tanh(0.3 * noise[:, 0] + bias), {"trunk": features}, samples)


def make_layout(**changes: Any) -> WireLayout:
    fixed: dict[str, Any] = {"pictures": KEYS, "state": "observation/state", "prompt": "prompt"}
    return WireLayout(**{**fixed, "mirror": True, "resize": False, **changes})


def make_limits(**changes: Any) -> ServerSettings:
    fixed: dict[str, Any] = {"message": MessageLimits(1 << 20), "connections": 32}
    return ServerSettings(**{**fixed, "handshake": 5.0, "horizon": 40, "seed": 0, **changes})


def make_policy_responder(
    policy: Policy,
    server: WireServer,
    layout: WireLayout | None = None,
    wait: float = 0.05,
    kind: type[Served] = Served,
    room: int = 1 << 20,
) -> PolicyResponder:
    batcher = QueryBatcher(policy, wait, server.clients.count_idle)
    digests = {"policy": policy.spec.digest}
    robot = toy_robot(getattr(policy, "_action", 7))
    served = kind(policy.spec, robot, layout or make_layout(), False, room, digests, MEANT)
    return PolicyResponder(served, policy, batcher)


class Plain(Served):
    """Says nothing of itself, like openpi's own servers."""

    def describe_server(self) -> dict[str, Value]:
        return {}


@contextmanager
def run_server(
    make: Callable[[Any], Responder],
    *,
    access: Access | None = None,
    wire: type[WireServer] = OpenpiServer,
    **limits: Any,
) -> Iterator[tuple[str, Any]]:
    """Yields address and server; it ends as on SIGTERM."""
    server = wire(access or Access("127.0.0.1", 0), make_limits(**limits))
    loop, ready = asyncio.new_event_loop(), threading.Event()
    urls: list[str] = []
    over = asyncio.Event()
    faults: list[BaseException] = []

    def tell_url(url: str) -> None:
        urls.append(url)
        ready.set()

    def serve() -> None:
        try:
            loop.run_until_complete(server.serve_until(over, make(server), tell_url))
        except BaseException as error:
            faults.append(error)
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    ready.wait(20)
    if faults:
        raise faults[0]
    try:
        yield urls[0], server
    finally:
        with suppress(RuntimeError):  # it has ended by itself
            loop.call_soon_threadsafe(over.set)
        thread.join(20)
        assert not thread.is_alive(), "the server did not end"
        if faults:
            raise faults[0]


@contextmanager
def serve_policy(
    policy: Policy | None = None, layout: WireLayout | None = None, **settings: Any
) -> Iterator[tuple[str, OpenpiServer]]:
    """Yields address and server of a policy."""
    served, wait = policy or SeeingPolicy(), settings.pop("wait", 0.05)
    kind, room = settings.pop("kind", Served), settings.pop("room", 1 << 20)

    def make(server: OpenpiServer) -> Responder:
        return make_policy_responder(served, server, layout, wait, kind, room)

    with run_server(make, **settings) as running:
        yield running


def make_query(number: int = 0, *, k: int = 0, proprio: int = 2, salt: int = 0) -> Query:
    rng = np.random.default_rng(number)
    images = {c: rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8) for c in KEYS}
    state = rng.standard_normal(proprio).astype(np.float32)
    key = EpisodeKey(3, "toy", number % 10, "wide", number)
    return Query(key, k, Observation(k, state, images, f"do {number}"), salt)


def make_request(number: int = 0, /, **changes: Any) -> dict[str, Any]:
    """What an unmodified client sends: our pictures, mirrored."""
    obs = make_query(number).obs
    pictures = {key: obs.images[c][:, ::-1].copy() for c, key in KEYS.items()}
    fields = {**pictures, "observation/state": np.array(obs.proprio), "prompt": obs.instruction}
    return {k: v for k, v in {**fields, **changes}.items() if v is not ...}
