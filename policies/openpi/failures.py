"""Failures: what went wrong on the way to a server, in words that say what to do."""

from __future__ import annotations

import socket
import ssl

from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.frames import CloseCode

from aegis.core.errors import MachineError, MessageError
from aegis.host.wire_access import ENDING

_REMEDY = "Start the server again and run the same command: what is finished is kept."
_FULL = 503
"""Status of HTTP of a server that is full, or goes away: another moment may be better."""
_LONGEST_TEXT = 200
"""Letters of a server's own words that are repeated."""


class RefusedConnectionError(MachineError):
    """Raised when a server will not be reached, however often it is tried: the user must act."""


class UnfitNumbersError(MessageError):
    """Raised when an answer has the right form and numbers that no robot can use."""


def explain_failure(
    error: Exception, label: str, max_bytes: int, met: bool
) -> MachineError | MessageError:
    """Returns what happened to a connection, or why there is none.

    Args:
        error: What was raised.
        label: What messages call the server.
        max_bytes: How large a frame of it may be.
        met: Whether it has answered before.
    """
    if is_too_big(error):
        allowed = f"at most {max_bytes} bytes; raise max_bytes if that is right"
        return MessageError("the answer", "larger than allowed", allowed, label)
    if isinstance(error, InvalidStatus):
        full = error.response.status_code == _FULL
        kind = MachineError if full else RefusedConnectionError
        return kind(f"{label} {_explain_status(error)}")
    if isinstance(error, ssl.SSLError):
        return RefusedConnectionError(f"{label} {_explain_encryption(error)}")
    said = f"{type(error).__name__}: {error}"
    if met:
        return MachineError(f"{label} is not there any more ({said}). {_REMEDY}")
    return MachineError(f"{label} {_explain_absence(error)} ({said}).")


def name_sender(error: MachineError | MessageError, label: str) -> MachineError | MessageError:
    """Returns the same error with the name of the server whose answer it is."""
    if isinstance(error, MessageError):
        return error.name_sender(label)
    return MachineError(f"{label}: {error}")


def explain_silence(label: str, deadline: float, met: bool) -> MachineError:
    """Returns that nothing came in time.

    Args:
        label: What messages call the server.
        deadline: Time that was waited [s].
        met: Whether it has answered before.
    """
    if met:
        return MachineError(f"{label} did not answer within {deadline:g} s. {_REMEDY}")
    said = f"{label} did not say what it is within {deadline:g} s"
    return MachineError(f"{said}. Is it a server of openpi's protocol?")


def is_too_big(error: Exception) -> bool:
    """Says whether a frame was refused for its size."""
    sent = error.sent if isinstance(error, ConnectionClosed) else None
    return sent is not None and sent.code == CloseCode.MESSAGE_TOO_BIG


def _explain_status(error: InvalidStatus) -> str:
    """Returns what an answer of HTTP means that is no WebSocket."""
    status = error.response.status_code
    if status == 401:
        return (
            "does not take this client's token (401). Give the token that the server was started "
            "with: token_file=PATH or token_variable=NAME."
        )
    if status == _FULL:
        words = error.response.body.decode("utf-8", "replace").strip()[:_LONGEST_TEXT]
        said = f"says: {words}" if words.isprintable() and words else "says nothing else"
        if words == ENDING:
            return f"is going away (503; it {said}). {_REMEDY}"
        return (
            f"takes nobody at the moment (503; it {said}). Try again, give sockets a smaller "
            "number, or start `aegis serve` with a larger max_connections."
        )
    return f"answers HTTP {status}: no server of openpi's protocol is there. Mend the url."


def _explain_encryption(error: ssl.SSLError) -> str:
    """Returns why there is no encrypted connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"shows a certificate that is not trusted: {error.verify_message}. If it is yours, "
            "give the one that signed it, certificate=PATH, and a url with a host that it names."
        )
    return f"speaks no TLS that this machine knows ({error}). Is it a server of plain ws://?"


def _explain_absence(error: Exception) -> str:
    """Returns why a server that was never met is not there."""
    if isinstance(error, socket.gaierror):
        return "cannot be found: its host has no address. Mend the url"
    if isinstance(error, ConnectionRefusedError):
        return (
            "is not there: nothing listens at this address. Start the server first, `aegis serve`, "
            "or mend the url"
        )
    if isinstance(error, OSError) and not isinstance(error, ConnectionError):
        return "cannot be reached. Is the machine on, and does its firewall let this port through"
    if isinstance(error, InvalidMessage):
        return "does not answer like a WebSocket. Does it want wss://, or is it another program"
    return (
        "ended the connection before it said what it is. Is it a server of openpi's protocol, and "
        "of TLS only where the url says wss://"
    )
