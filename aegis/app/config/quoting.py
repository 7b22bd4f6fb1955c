"""Quoting: quotes text that the grammar of overrides would parse as another type."""

from __future__ import annotations

import re
import shlex

_SHELL = frozenset('"$`\\!')
_BEFORE_QUOTE = re.compile(r"(\\*)('|$)")
_WORDS: dict[object, str] = {True: "true", False: "false", None: "null"}


def quote_override(key: str, value: object) -> str:
    """Returns the override, quoted for the shell too, that passes a value as text.

    Args:
        key: Key path, for example ``"weak.checkpoint"``.
        value: The text, or the number, flag or null that it was parsed as.
    """
    is_word = value is None or isinstance(value, bool)
    quoted = f"{key}={quote_text(_WORDS[value] if is_word else str(value))}"
    return shlex.quote(quoted) if _SHELL & set(quoted) else f'"{quoted}"'


def quote_text(text: str) -> str:
    """Returns a text in the quotes of the grammar of overrides."""
    # A backslash stands for itself there, except before a quote, where it is doubled.
    return "'" + _BEFORE_QUOTE.sub(lambda m: m[1] * 2 + m[2].replace("'", "\\'"), text) + "'"


def describe_quoting(key: str, value: object) -> str:
    """Returns a hint for a value that should be text; empty where quotes do not help.

    Args:
        key: Key path.
        value: The parsed value.
    """
    if value is not None and not isinstance(value, bool | int | float):
        return ""
    return f" To pass it as text, quote it: {quote_override(key, value)}."
