"""openpi server: answers openpi's clients over WebSocket; one bad client harms no other.

A connection begins with a frame of metadata; then each request has one answer. What cannot be
answered is refused in a text frame, which openpi's client shows, and the connection ends; where a
policy was merely silent, it stays open, so that the client can ask again.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from websockets.asyncio.server import ServerConnection

from aegis.core.errors import AbsentAnswerError, AegisError, MessageError
from aegis.host.array_messages import Value, pack_message
from aegis.host.wire_names import ABOUT, ABSENT, BATCH, CLIENT
from aegis.serve.access import Access
from aegis.serve.caller import Caller
from aegis.serve.request import Address, Request, read_requests
from aegis.serve.responder import Responder
from aegis.serve.wire_server import ServerSettings, WireServer

_REFUSED = 1011
_LARGE_FRAME = 1 << 20
"""Size from which a frame is read in a thread [bytes]."""

_logger = logging.getLogger("aegis")


class _Answer(NamedTuple):
    """What a request is answered with, and whether the connection ends with it."""

    frame: bytes | str
    ends: bool


class OpenpiServer(WireServer):
    """Serves a responder to clients of openpi's protocol; see ``WireServer``."""

    health = "/healthz"

    def __init__(self, access: Access, settings: ServerSettings) -> None:
        super().__init__(access, settings)
        self._numbers = itertools.count()

    async def serve_client(
        self, socket: ServerConnection, responder: Responder, number: int
    ) -> None:
        """Says what is served, then answers requests."""
        spec, settings = responder.served.spec, self._settings
        client = self.name_client(socket, number)
        caller = Caller(client, settings.seed, self._numbers, spec.execute, settings.horizon)
        await self.send_frame(socket, pack_message(responder.served.describe_server()))
        total = 0.0
        async for frame in socket:
            if self.is_ending:
                break
            began = time.perf_counter()
            self.clients.busy += 1
            try:
                answer = await self._answer_frame(frame, caller, responder, total)
                await self.send_frame(socket, answer.frame)
            finally:
                self.clients.busy -= 1
            if answer.ends:
                await socket.close(_REFUSED, "refused: see the text frame")
                break
            total = 1e3 * (time.perf_counter() - began)

    def name_client(self, socket: ServerConnection, number: int) -> str:
        """Returns what the client calls itself, or a client of its own."""
        names = [] if socket.request is None else socket.request.headers.get_all(CLIENT)
        return f"client {names[0]}" if len(names) == 1 else f"connection {number}"

    async def _answer_frame(
        self, frame: bytes | str, caller: Caller, responder: Responder, previous: float
    ) -> _Answer:
        """Returns an answer, or as text why there is none.

        Args:
            frame: What came.
            caller: Who sent it.
            responder: It answers.
            previous: Time that the last answer took until it was sent [ms]; 0 for none.
        """
        try:
            if isinstance(frame, str):
                raise MessageError("the request", "a text frame", "a binary frame of msgpack")
            layout = responder.served.layout
            # Large pictures take milliseconds to turn, in which other clients are served.
            read = partial(read_requests, frame, layout, self._settings.message)
            requests, batched = (
                await asyncio.to_thread(read) if len(frame) > _LARGE_FRAME else read()
            )
            began = time.perf_counter()
            answers = await _answer_requests(requests, caller, responder, batched)
            took = 1e3 * (time.perf_counter() - began)
            answer = {BATCH: answers} if batched else answers[0]
            packed = pack_message({**answer, **_describe_times(took, previous)})
        except AegisError as error:
            self.counts["refused"] += 1
            ends = not isinstance(error, AbsentAnswerError)
            return _Answer(f"{type(error).__name__}: {error}", ends)
        except Exception as error:
            self.counts["refused"] += 1
            _logger.exception("a request failed")
            return _Answer(f"InternalError: {type(error).__name__}: {error}", ends=True)
        self.counts["answered"] += len(requests)
        return _Answer(packed, ends=False)


async def _answer_requests(
    requests: Sequence[Request], caller: Caller, responder: Responder, batched: bool
) -> list[dict[str, Value]]:
    """Answers the requests of one frame at the same time.

    In a batch, a question without an answer costs the others nothing.
    """

    async def answer_one(request: Request, address: Address) -> dict[str, Value]:
        try:
            return await responder.answer_request(request, address, caller.client)
        except AbsentAnswerError as error:
            if not batched:
                raise
            return {ABOUT: {"tick": address.k, ABSENT: str(error)}}

    places = [caller.find_address(request) for request in requests]
    answers = await asyncio.gather(*map(answer_one, requests, places))
    for request in requests:
        caller.count_rows(request)
    return answers


def _describe_times(took: float, previous: float) -> dict[str, Value]:
    """Returns the times that openpi's clients read [ms]."""
    server = {"infer_ms": took, **({"prev_total_ms": previous} if previous else {})}
    return {"policy_timing": {"infer_ms": took}, "server_timing": server}
