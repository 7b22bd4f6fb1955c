"""Access: who may connect, and how a server proves who it is."""

from __future__ import annotations

import hmac
import ssl
from dataclasses import dataclass
from pathlib import Path

from aegis.core.errors import ConfigError
from aegis.host.wire_access import SCHEME, is_loopback

_SHORTEST_TOKEN = 16
"""Letters of a token that listens beyond this machine."""


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

    def admits(self, authorization: str) -> bool:
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
