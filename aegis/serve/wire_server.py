"""Wire server: what servers of all wires share, whatever is said on them.

Who may connect, how many may, how large a message may be, and how a server ends: answers that are
under way are still given, and one bad client harms no other.
"""

from __future__ import annotations

import asyncio
import http
import logging
import socket
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.http11 import Request as HttpRequest
from websockets.http11 import Response as HttpResponse

from aegis.core.errors import StuckPolicyError
from aegis.host.array_messages import MessageLimits
from aegis.host.wire_access import ENDING, HEADER
from aegis.serve.access import Access
from aegis.serve.client_register import ClientRegister
from aegis.serve.responder import Responder

_logger = logging.getLogger("aegis")

_GRACE = 10.0
"""How long answers under way may take when the server is to end [s]."""
_SENDING_PATIENCE = 60.0
"""How long a client may take to take an answer [s]."""
_PROBES = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 20, "TCP_KEEPCNT": 3}
"""After how long a silent machine is asked whether it is there, how often, and how many times."""
_PING_PATIENCE = 120.0
"""How long a client that is asked whether it is there may be silent [s]."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What clients may cost, and what counts for those who do not say which episode they play.

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


class WireServer(ABC):
    """Serves a responder; a wire says what is said on a connection.

    Args:
        access: Where, and for whom.
        settings: What clients may cost, and more.

    Attributes:
        clients: Who is connected.
        counts: How many requests were ``answered`` and ``refused``, and ``connections`` opened.
    """

    health: ClassVar[str]
    """Path at which a plain request is told that the server is there."""
    healthy: ClassVar[str] = "OK\n"
    """What it is told."""
    ping_period: ClassVar[float | None] = 30.0
    """How often a client is asked whether it is there [s]; None for never."""

    def __init__(self, access: Access, settings: ServerSettings) -> None:
        self._access, self._settings = access, settings
        self._ending = False
        self._conversations: set[asyncio.Task[None]] = set()
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
            MachineError: If a policy ended the server.
            StuckPolicyError: If a policy had to be given up.
        """
        batchers = [asyncio.create_task(one.answer_queries()) for one in responder.batchers]
        until = time.monotonic()
        try:
            server, port = await self._listen(responder)
            tell_url(self._access.build_url(port))
            ended = asyncio.create_task(over.wait())
            await asyncio.wait([ended, *batchers], return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            until = time.monotonic() + _GRACE
            await self._end(server, until)
        finally:
            for task in batchers:
                task.cancel()
            done = await asyncio.gather(*batchers, return_exceptions=True)
            idle = [one.close(max(until - time.monotonic(), 0.0)) for one in responder.batchers]
        for result in done:
            if isinstance(result, Exception):
                raise result
        if not all(idle):
            raise StuckPolicyError(
                f"A policy had not answered {_GRACE:g} s after the server was to end; it was "
                "given up, and who waited for it was told."
            )

    @abstractmethod
    async def serve_client(
        self, socket: ServerConnection, responder: Responder, number: int
    ) -> None:
        """Talks to a client until it goes, or until ``is_ending``.

        Args:
            socket: Its connection.
            responder: It answers.
            number: Of the connection.
        """

    @abstractmethod
    def name_client(self, socket: ServerConnection, number: int) -> str:
        """Returns whose connection it is; see ``ClientRegister``.

        Args:
            socket: The connection.
            number: Of the connection.
        """

    async def send_frame(self, socket: ServerConnection, frame: bytes | str) -> None:
        """Sends a frame; a client that does not take it for long is dropped.

        Args:
            socket: Its connection.
            frame: What it is told.

        Raises:
            ConnectionClosed: If the client is gone, or was dropped.
        """
        try:
            async with asyncio.timeout(_SENDING_PATIENCE):
                await socket.send(frame)
        except TimeoutError as error:
            socket.transport.abort()
            raise ConnectionClosedError(None, None) from error

    def find_token(self, request: HttpRequest) -> str:
        """Returns how a client says that it may connect, as a header ``Authorization``.

        Args:
            request: What opens the connection.
        """
        headers = request.headers.get_all(HEADER)
        return headers[0] if len(headers) == 1 else ""

    @property
    def is_ending(self) -> bool:
        """Whether nothing new is answered."""
        return self._ending

    async def _end(self, server: Server, until: float) -> None:
        """Waits for answers under way; then clients are told that the server goes away.

        Args:
            server: It listens.
            until: When what is still under way is given up, on the monotonic clock [s].
        """
        self._ending = True
        while self.clients.busy and time.monotonic() < until:
            await asyncio.sleep(0.01)
        server.close()
        if self.clients.busy:
            for task in self._conversations:
                task.cancel()
        await server.wait_closed()

    async def _listen(self, responder: Responder) -> tuple[Server, int]:
        """Returns a server, and the port at which clients may connect to it."""
        access, settings = self._access, self._settings
        listener = access.open_listener()

        async def serve_connection(socket: ServerConnection) -> None:
            await self._serve_connection(socket, responder)

        server = await serve(
            serve_connection,
            sock=listener,
            ssl=access.tls,
            # A browser says from which page it comes: none may connect, or any page that a user of
            # this machine opens could.
            origins=[None],
            process_request=self._admit_client,
            compression=None,
            max_size=settings.message.size,
            max_queue=1,
            open_timeout=settings.handshake,
            close_timeout=5,
            ping_interval=self.ping_period,
            ping_timeout=_PING_PATIENCE,
            logger=_silence_library(),
        )
        return server, listener.getsockname()[1]

    def _admit_client(self, socket: ServerConnection, request: HttpRequest) -> HttpResponse | None:
        """Answers what is no WebSocket, and refuses who may not connect."""
        if request.path.partition("?")[0] == self.health:
            return socket.respond(http.HTTPStatus.OK, self.healthy)
        if not self._access.admits_client(self.find_token(request)):
            text = f"A token is needed: {HEADER}: Api-Key ...\n"
            return socket.respond(http.HTTPStatus.UNAUTHORIZED, text)
        if self._ending:
            return socket.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, f"{ENDING}\n")
        if self.clients.count_connections() >= self._settings.connections:
            text = f"{self._settings.connections} clients are connected; that is the limit.\n"
            return socket.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, text)
        return None

    async def _serve_connection(self, socket: ServerConnection, responder: Responder) -> None:
        _probe_silence(socket)
        number = self.counts["connections"]
        client = self.name_client(socket, number)
        self.clients.add_connection(client, socket)
        self.counts["connections"] += 1
        task = asyncio.current_task()
        assert task is not None
        self._conversations.add(task)
        try:
            await self.serve_client(socket, responder, number)
        except ConnectionClosed:
            pass
        except asyncio.CancelledError:
            if not self._ending:
                raise
            # Given up: the client is told that the server goes away.
        finally:
            self._conversations.discard(task)
            self.clients.remove_connection(client, socket)


def _probe_silence(connection: ServerConnection) -> None:
    """Lets the system ask whether a silent client's machine is there, and end the connection else.

    Pings ask the program, which may be busy for minutes; this asks its machine.
    """
    raw = connection.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _PROBES.items():
        if hasattr(socket, name):  # not on every system
            raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _silence_library() -> logging.Logger:
    """Returns a logger that does not report each scan of the port as an error with a traceback."""
    logger = logging.getLogger("aegis.serve.websockets")
    logger.setLevel(logging.CRITICAL)
    return logger
