"""Instruction: what a client's robot is told, in words, whichever wire the words came over."""

from __future__ import annotations

from aegis.core.errors import MessageError
from aegis.host.array_messages import Value

LONGEST_TEXT = 2000
"""Letters of a text of a client."""


def read_instruction(value: Value, key: str) -> str:
    """Returns what the robot is told.

    Args:
        value: What the client sent.
        key: Its key, for the message.

    Raises:
        MessageError: If it is no text, or too long.
    """
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        given = f"{len(value)} letters long" if isinstance(value, str) else type(value).__name__
        raise MessageError(key, given, f"a text of at most {LONGEST_TEXT} letters")
    return value
