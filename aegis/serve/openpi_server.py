"""openpi server: answers openpi's clients over WebSocket; one bad client harms no other.

A connection begins with a frame of metadata; then each request has one answer. What cannot be
answered is refused in a text frame, which openpi's client shows, and the connection ends.
"""

from __future__ import annotations

import asyncio
import http
import itertools
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as HttpRequest
from websockets.http11 import Response as HttpResponse

from aegis.core.errors import AbsentAnswerError, AegisError, MessageError
from aegis.host.array_messages import MessageLimits, Value, pack_message
from aegis.host.wire_access import HEADER
from aegis.host.wire_names import ABOUT, ABSENT, BATCH, CLIENT
from aegis.serve.access import Access
from aegis.serve.caller import Caller
from aegis.serve.client_register import ClientRegister
from aegis.serve.request import Address, Request, read_requests
from aegis.serve.responder import Responder

HEALTH = "/healthz"
_REFUSED = 1011
_GRACE = 10.0
"""How long answers under way may take when the server is to end [s]."""
_PING_PERIOD, _PING_PATIENCE = 30.0, 120.0
"""How often a client is asked whether it is there, and how long it may be silent [s]."""

_logger = logging.getLogger("aegis")


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What clients may cost.

    Attributes:
        message: How large a request may be.
        connections: Connections at a time.
        handshake: Time in which one must be opened [s].
        horizon: Longest episode of a client that does not say when one begins [control steps].
        seed: Root seed of the noise of such clients.
    """

    message: MessageLimits
    connections: int
    handshake: float
    horizon: int
    seed: int


class OpenpiServer:
    """Serves a responder.

    Args:
        access: Where, and for whom.
        limits: What clients may cost.

    Attributes:
        clients: Who is connected.
        counts: How many requests were ``answered`` and ``refused``, and ``connections`` opened.
    """

    def __init__(self, access: Access, limits: ServerLimits) -> None:
        self._access, self._limits = access, limits
        self._busy = 0
        self._ending = False
        self._numbers = itertools.count()
        self.clients = ClientRegister()
        self.counts: Counter[str] = Counter()

    async def serve_until(
        self, over: asyncio.Event, responder: Responder, tell_url: Callable[[str], None]
    ) -> None:
        """Serves until an event is set; answers that are under way are still given.

        Args:
            over: Ends the server.
            responder: It answers.
            tell_url: Called with an address to connect to as soon as clients may.

        Raises:
            ConfigError: If the address cannot be listened on.
        """
        batchers = [asyncio.create_task(one.answer_queries()) for one in responder.batchers]
        try:
            server, port = await self._listen(responder)
            tell_url(self._access.build_url(port))
            ended = asyncio.create_task(over.wait())
            await asyncio.wait([ended, *batchers], return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            await self._end(server)
        finally:
            for task in batchers:
                task.cancel()
            done = await asyncio.gather(*batchers, return_exceptions=True)
            for one in responder.batchers:
                one.close()
        for result in done:
            if isinstance(result, Exception):
                raise result

    async def _end(self, server: Server) -> None:
        """Waits for answers under way; then clients are told that the server goes away."""
        self._ending = True
        until = time.monotonic() + _GRACE
        while self._busy and time.monotonic() < until:
            await asyncio.sleep(0.01)
        server.close()
        await server.wait_closed()

    async def _listen(self, responder: Responder) -> tuple[Server, int]:
        """Returns a server, and the port at which clients may connect to it."""
        first = pack_message(responder.served.describe_server())
        access, limits = self._access, self._limits
        listener = access.open_listener()

        async def serve_connection(socket: ServerConnection) -> None:
            await self._serve_connection(socket, responder, first)

        server = await serve(
            serve_connection,
            sock=listener,
            ssl=access.tls,
            # A browser says from which page it comes: none may connect, or any page that a user of
            # this machine opens could.
            origins=[None],
            process_request=self._admit_client,
            compression=None,
            max_size=limits.message.size,
            max_queue=1,
            open_timeout=limits.handshake,
            close_timeout=5,
            ping_interval=_PING_PERIOD,
            ping_timeout=_PING_PATIENCE,
            logger=_silence_library(),
        )
        return server, listener.getsockname()[1]

    def _admit_client(self, socket: ServerConnection, request: HttpRequest) -> HttpResponse | None:
        """Answers what is no WebSocket, and refuses who may not connect."""
        if request.path.partition("?")[0] == HEALTH:
            return socket.respond(http.HTTPStatus.OK, "OK\n")
        headers = request.headers.get_all(HEADER)
        if not self._access.admits_client(headers[0] if len(headers) == 1 else ""):
            text = f"A token is needed: {HEADER}: Api-Key ...\n"
            return socket.respond(http.HTTPStatus.UNAUTHORIZED, text)
        if self._ending:
            return socket.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "The server ends.\n")
        if self.clients.count_connections() >= self._limits.connections:
            text = f"{self._limits.connections} clients are connected; that is the limit.\n"
            return socket.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, text)
        return None

    async def _serve_connection(
        self, socket: ServerConnection, responder: Responder, first: bytes
    ) -> None:
        spec, limits = responder.served.spec, self._limits
        client = _name_client(socket, self.counts["connections"])
        caller = Caller(client, limits.seed, self._numbers, spec.execute, limits.horizon)
        self.clients.add_connection(client, socket)
        self.counts["connections"] += 1
        try:
            await socket.send(first)
            total = 0.0
            async for frame in socket:
                if self._ending:
                    break
                began = time.perf_counter()
                self._busy += 1
                try:
                    answer = await self._answer_frame(frame, caller, responder, total)
                    await socket.send(answer)
                finally:
                    self._busy -= 1
                if isinstance(answer, str):
                    await socket.close(_REFUSED, "refused: see the text frame")
                    break
                total = 1e3 * (time.perf_counter() - began)
        except ConnectionClosed:
            pass
        finally:
            self.clients.remove_connection(client, socket)

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


def _name_client(socket: ServerConnection, number: int) -> str:
    """Returns whose connection it is: what the client calls itself, or a client of its own."""
    names = [] if socket.request is None else socket.request.headers.get_all(CLIENT)
    return f"client {names[0]}" if len(names) == 1 else f"connection {number}"


def _describe_times(took: float, previous: float) -> dict[str, Value]:
    """Returns the times that openpi's clients read [ms]."""
    server = {"infer_ms": took, **({"prev_total_ms": previous} if previous else {})}
    return {"policy_timing": {"infer_ms": took}, "server_timing": server}


def _silence_library() -> logging.Logger:
    """Returns a logger that does not report each scan of the port as an error with a traceback."""
    logger = logging.getLogger("aegis.serve.websockets")
    logger.setLevel(logging.CRITICAL)
    return logger
