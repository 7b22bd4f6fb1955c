"""Access: who may connect, and how a server proves who it is."""

from __future__ import annotations

import hmac
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from aegis.core.errors import ConfigError
from aegis.host.wire_access import SCHEME, is_loopback

_SHORTEST_TOKEN = 16
"""Letters that a token needs at least."""
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
"""Hosts that mean all addresses of this machine, to one that clients on it can connect to."""
_BACKLOG = 128
"""Connections that may wait to be taken."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where a server listens, and for whom.

    Attributes:
        host: Address or name to listen on.
        port: Port; 0 takes a free one.
        token: What clients must know; empty where everybody on this machine may connect.
        tls: Certificate and key; None for plain connections.

    Raises:
        ConfigError: If others could connect without a token.
    """

    host: str
    port: int
    token: str = ""
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        if not self.token and not is_loopback(self.host):
            raise ConfigError(
                f"host '{self.host}' lets other machines connect, so clients need a token. Write "
                "one into a file that only you can read and give token_file=PATH, or put it into "
                "an environment variable and give token_variable=NAME."
            )
        if self.token and len(self.token) < _SHORTEST_TOKEN:
            raise ConfigError(
                f"The token has {len(self.token)} letters; it needs at least {_SHORTEST_TOKEN}. "
                "Make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'."
            )

    @property
    def scheme(self) -> str:
        """Start of the address that clients connect to."""
        return "ws" if self.tls is None else "wss"

    @property
    def is_everywhere(self) -> bool:
        """Whether it is all addresses of this machine."""
        return self.host.strip("[]") in _EVERYWHERE

    def build_url(self, port: int) -> str:
        """Returns an address that a client on this machine can connect to.

        Args:
            port: Port that is listened on.
        """
        bare = self.host.strip("[]")
        host = _EVERYWHERE.get(bare, bare)
        return (
            f"{self.scheme}://[{host}]:{port}" if ":" in host else f"{self.scheme}://{host}:{port}"
        )

    def open_listener(self) -> socket.socket:
        """Returns a socket that listens.

        A name such as localhost may have an address of each version of IP. Only one of them is
        taken, the older version's: with port 0, each would have a port of its own, and clients try
        all addresses of a name.

        Raises:
            ConfigError: If the address cannot be listened on.
        """
        try:
            found = socket.getaddrinfo(
                self.host.strip("[]") or None,
                self.port,
                type=socket.SOCK_STREAM,
                flags=socket.AI_PASSIVE,
            )
            family, *_, place = min(found, key=lambda one: one[0] != socket.AF_INET)
            return socket.create_server(place[:2], family=family, backlog=_BACKLOG)
        except OSError as error:
            raise ConfigError(
                f"'{self.host}' port {self.port} cannot be listened on: {error}. Is another server "
                "running? Give port=0 for a free one."
            ) from error

    def admits_client(self, authorization: str) -> bool:
        """Says whether a client with a header ``Authorization`` may connect.

        Args:
            authorization: The header; empty where there is none.
        """
        if not self.token:
            return True
        if not authorization.startswith(SCHEME):
            return False
        given = authorization.removeprefix(SCHEME).strip().encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, self.token.encode())


def load_certificate(certificate: str | None, key: str | None) -> ssl.SSLContext | None:
    """Returns what TLS needs; None where nothing is named.

    Args:
        certificate: Path of the chain, PEM.
        key: Path of its private key, PEM.

    Raises:
        ConfigError: If one is missing or cannot be used.
    """
    if not certificate and not key:
        return None
    if not certificate or not key:
        raise ConfigError("TLS needs both certificate and key. Give both, or neither.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(Path(certificate).expanduser(), Path(key).expanduser())
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"'{certificate}' and '{key}' are no certificate: {error}.") from error
    return context
