"""openpi server: answers openpi's clients over WebSocket; one bad client harms no other.

A connection begins with a frame of metadata; then each request has one answer. What cannot be
answered is refused in a text frame, which openpi's client shows, and the connection ends.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Sequence

from websockets.asyncio.server import ServerConnection

from aegis.core.errors import AbsentAnswerError, AegisError, MessageError
from aegis.host.array_messages import Value, pack_message
from aegis.host.wire_names import ABOUT, ABSENT, BATCH, CLIENT
from aegis.serve.access import Access
from aegis.serve.caller import Caller
from aegis.serve.request import Address, Request, read_requests
from aegis.serve.responder import Responder
from aegis.serve.wire_server import ServerLimits, WireServer

_REFUSED = 1011

_logger = logging.getLogger("aegis")


class OpenpiServer(WireServer):
    """Serves a responder to clients of openpi's protocol; see ``WireServer``."""

    health = "/healthz"

    def __init__(self, access: Access, limits: ServerLimits) -> None:
        super().__init__(access, limits)
        self._numbers = itertools.count()

    async def serve_client(
        self, socket: ServerConnection, responder: Responder, number: int
    ) -> None:
        """Says what is served, then answers requests."""
        spec, limits = responder.served.spec, self._limits
        client = self.name_client(socket, number)
        caller = Caller(client, limits.seed, self._numbers, spec.execute, limits.horizon)
        await socket.send(pack_message(responder.served.describe_server()))
        total = 0.0
        async for frame in socket:
            if self.is_ending:
                break
            began = time.perf_counter()
            self.clients.busy += 1
            try:
                answer = await self._answer_frame(frame, caller, responder, total)
                await socket.send(answer)
            finally:
                self.clients.busy -= 1
            if isinstance(answer, str):
                await socket.close(_REFUSED, "refused: see the text frame")
                break
            total = 1e3 * (time.perf_counter() - began)

    def name_client(self, socket: ServerConnection, number: int) -> str:
        """Returns what the client calls itself, or a client of its own."""
        names = [] if socket.request is None else socket.request.headers.get_all(CLIENT)
        return f"client {names[0]}" if len(names) == 1 else f"connection {number}"

    async def _answer_frame(
        self, frame: bytes | str, caller: Caller, responder: Responder, previous: float
    ) -> bytes | str:
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
            requests, batched = read_requests(frame, layout, self._limits.message)
            began = time.perf_counter()
            answers = await _answer_requests(requests, caller, responder, batched)
            took = 1e3 * (time.perf_counter() - began)
            answer = {BATCH: answers} if batched else answers[0]
            packed = pack_message({**answer, **_describe_times(took, previous)})
        except AegisError as error:
            self.counts["refused"] += 1
            return f"{type(error).__name__}: {error}"
        except Exception as error:
            self.counts["refused"] += 1
            _logger.exception("a request failed")
            return f"InternalError: {type(error).__name__}: {error}"
        self.counts["answered"] += len(requests)
        return packed


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
