"""Quoting: how a text is typed that the grammar of overrides would read as something else."""

from __future__ import annotations

import re
import shlex

_SHELL = frozenset('"$`\\!')
_BEFORE_QUOTE = re.compile(r"(\\*)('|$)")
_WORDS: dict[object, str] = {True: "true", False: "false", None: "null"}


def quote_override(key: str, value: object) -> str:
    """Returns what to type, quotes for the shell included, so that a value is taken as text.

    Args:
        key: Key path, for example ``"weak.checkpoint"``.
        value: The text, or the number, flag or null that was read instead of one.
    """
    word = value is None or isinstance(value, bool)
    quoted = f"{key}={quote_text(_WORDS[value] if word else str(value))}"
    return shlex.quote(quoted) if _SHELL & set(quoted) else f'"{quoted}"'


def quote_text(text: str) -> str:
    """Returns a text in quotes, as the grammar of overrides wants it."""
    # A backslash stands for itself there, except before a quote, where it is doubled.
    return "'" + _BEFORE_QUOTE.sub(lambda m: m[1] * 2 + m[2].replace("'", "\\'"), text) + "'"


def describe_quoting(key: str, value: object) -> str:
    """Returns what to add to a refusal of a value that is no text; empty where quotes do not help.

    Args:
        key: Key path.
        value: What was read.
    """
    if value is not None and not isinstance(value, bool | int | float):
        return ""
    return f" To give it as a text, quote it: {quote_override(key, value)}."
