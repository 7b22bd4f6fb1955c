"""Connection: one WebSocket to a server, with a deadline for each question and one reconnection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from aegis.core.errors import ConfigError, MachineError, MessageError
from aegis.host.wire_access import HEADER, SCHEME, is_loopback, warn_of_readable_token
from aegis.host.wire_names import CLIENT
from policies.openpi.failures import explain_failure, explain_silence, is_too_big

_TRIES = 2
_FAILURES = (OSError, WebSocketException, EOFError, ValueError)
"""What a connection raises that cannot be had, or is lost."""
_logger = logging.getLogger("aegis.openpi.websockets")


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """Where a server is, and how it is reached.

    Attributes:
        url: Its address.
        label: What messages call it.
        token: What it wants to know; empty for nothing.
        max_bytes: How large a frame of it may be.
        tls: Certificates to trust; None without TLS.
        client: Name by which a server of ours knows this client's connections; empty for none.

    Raises:
        ConfigError: If the address is none, or neither TLS nor a token protects the way to it.
    """

    url: str
    label: str
    token: str
    max_bytes: int
    tls: ssl.SSLContext | None
    client: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ConfigError(
                f"'url' must be ws://HOST:PORT, or wss://HOST:PORT with TLS. Got: {self.url!r}."
            )
        if parts.scheme == "ws" and not self.token and not is_loopback(parts.hostname):
            raise ConfigError(
                f"'{self.url}' is on another machine, and anybody in between could answer. Use "
                "wss://, or give the server's token: token_file=PATH or token_variable=NAME."
            )
        warn_of_readable_token(self.url, parts.hostname, self.token, parts.scheme == "wss")


def load_trust(url: str, certificate: str | None) -> ssl.SSLContext | None:
    """Returns which certificates are trusted; None for an address without TLS.

    Args:
        url: Address of the server.
        certificate: Path of certificates to trust besides the system's; None for none.

    Raises:
        ConfigError: If the file cannot be read, or there is no use for it.
    """
    if urlsplit(url).scheme != "wss":
        if certificate:
            raise ConfigError(f"'certificate' is for wss:// addresses. Got: {url!r}.")
        return None
    context = ssl.create_default_context()
    if certificate:
        try:
            context.load_verify_locations(Path(certificate).expanduser())
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"'{certificate}' holds no certificates: {error}.") from error
    return context


class _Direct(connect):
    """Connects to the given address, and to no other that a server may point to."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Connection:
    """A WebSocket that is opened when it is needed.

    Args:
        place: The server.
        check_first: Called with the first frame of each connection; raises if it is not usable.
        is_known: Says whether the server was met before, over any connection.

    Attributes:
        moved: Bytes of messages that were ``sent`` and ``received``.
    """

    def __init__(
        self,
        place: ServerPlace,
        check_first: Callable[[bytes | str], None],
        is_known: Callable[[], bool],
    ) -> None:
        self._place, self._check_first, self._is_known = place, check_first, is_known
        self._socket: ClientConnection | None = None
        self.moved: Counter[str] = Counter()

    async def ask_server(self, request: bytes, deadline: float) -> bytes | str:
        """Sends a request and returns the frame that answers it.

        A connection that turns out to be lost is opened once more. After any error it is closed:
        an answer that comes later must not be taken for that of the next question.

        Args:
            request: What is asked.
            deadline: Time in which the answer must come [s].

        Raises:
            MachineError: If no answer comes in that time.
            MessageError: If what comes is larger than allowed, or the server is another one.
        """
        async with self._watch(deadline):
            return await self._ask_twice(request)

    async def open_socket(self, deadline: float) -> None:
        """Connects.

        Args:
            deadline: Time in which the server must say what it is [s].

        Raises:
            MachineError: If it does not.
            MessageError: If it says something else than expected.
        """
        async with self._watch(deadline):
            await self._open()

    async def close(self) -> None:
        """Closes the connection, if it is open."""
        socket, self._socket = self._socket, None
        if socket is not None:
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                async with asyncio.timeout(1):
                    await socket.close()

    @contextlib.asynccontextmanager
    async def _watch(self, deadline: float) -> AsyncIterator[None]:
        """Gives what happens inside a deadline, and drops the connection if it fails."""
        done = False
        try:
            async with asyncio.timeout(deadline):
                yield
            done = True
        except TimeoutError as error:
            raise self._explain_silence(deadline) from error
        except _FAILURES as error:
            raise self._explain(error) from error
        finally:
            if not done:
                self._drop()

    async def _ask_twice(self, request: bytes) -> bytes | str:
        for left in reversed(range(_TRIES)):
            try:
                socket = self._socket or await self._open()
                await socket.send(request)
                self.moved["sent"] += len(request)
                return self._count_frame(await socket.recv())
            except _FAILURES as error:
                if not left or is_too_big(error):
                    raise
                self._drop()
        raise AssertionError("unreachable")

    async def _open(self) -> ClientConnection:
        place = self._place
        headers = {CLIENT: place.client} if place.client else {}
        if place.token:
            headers[HEADER] = SCHEME + place.token
        socket = self._socket = await _Direct(
            place.url,
            additional_headers=headers,
            ssl=place.tls,
            compression=None,
            # A proxy of the environment is not for what is next door.
            proxy=None,
            max_size=place.max_bytes,
            max_queue=2,
            open_timeout=None,
            close_timeout=1,
            # The deadline of each question suffices; between questions nobody would answer a ping.
            ping_interval=None,
            logger=_silence_library(),
        )
        self._check_first(self._count_frame(await socket.recv()))
        return socket

    def _count_frame(self, frame: bytes | str) -> bytes | str:
        """Returns a frame that came, counted."""
        self.moved["received"] += len(frame if isinstance(frame, bytes) else frame.encode())
        return frame

    def _drop(self) -> None:
        """Forgets the connection without asking the other end, which may be silent."""
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.transport.abort()

    def _explain_silence(self, deadline: float) -> MachineError | MessageError:
        """Returns why no answer came in time.

        A frame that was refused is refused at once, but the other end may not react to that.
        """
        refused = self._socket.protocol.close_sent if self._socket is not None else None
        if refused is not None:
            return self._explain(ConnectionClosed(None, refused))
        return explain_silence(self._place.label, deadline, self._is_known())

    def _explain(self, error: Exception) -> MachineError | MessageError:
        return explain_failure(error, self._place.label, self._place.max_bytes, self._is_known())


def _silence_library() -> logging.Logger:
    """Returns a logger that repeats nothing of what errors say already."""
    _logger.setLevel(logging.CRITICAL)
    return _logger
