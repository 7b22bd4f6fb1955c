"""Wire access: what both ends of a wire between machines need, which is a token or this machine."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path

from aegis.core.errors import ConfigError
from aegis.host.notes import write_note

HEADER = "Authorization"
SCHEME = "Api-Key "
"""How openpi's clients name their token in the header."""
ENDING = "The server ends."
"""What a server says to who comes while it gives its last answers."""


def is_loopback(host: str) -> bool:
    """Says whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def warn_of_readable_token(where: str, host: str, token: str, encrypted: bool) -> None:
    """Notes that a token can be read on its way between two machines.

    It is no error: the way may be a tunnel, or a cable.

    Args:
        where: Setting or address that says so.
        host: Address or name that is listened on or connected to.
        token: The token; empty for none.
        encrypted: Whether TLS is used.
    """
    if token and not encrypted and not is_loopback(host):
        write_note(
            f"{where}: without TLS, whoever is between the two machines can read the token and all "
            "pictures. Give the server a certificate and a key, and clients a url of wss://, "
            "unless the way is protected otherwise."
        )


def read_token(file: str | None, variable: str | None) -> str:
    """Returns the token that a file or an environment variable holds; empty if none is named.

    It is never a setting: command lines are read by all users of a machine, and configurations are
    kept with results.

    Args:
        file: Path.
        variable: Name of an environment variable.

    Raises:
        ConfigError: If both are named, or nothing is there.
    """
    if file and variable:
        raise ConfigError("Give token_file or token_variable, not both.")
    if file:
        try:
            found = Path(file).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"token_file '{file}' cannot be read: {error}.") from error
    elif variable:
        found = os.environ.get(variable, "").strip()
    else:
        return ""
    if not found or not found.isascii() or not found.isprintable() or " " in found:
        place = f"token_file '{file}'" if file else f"Environment variable '{variable}'"
        raise ConfigError(f"{place} must hold a token: one word of ASCII letters.")
    return found
