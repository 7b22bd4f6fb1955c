"""Names of runs and arms: what may be one, and the file names that are made of them."""

from __future__ import annotations

import re
import unicodedata

from aegis.core.errors import ConfigError
from aegis.core.types import EpisodeKey

LONGEST = 120  # [bytes of UTF-8]; file names hold a name, a unit and an ending, 255 in all
_PUNCTUATION = "_-."
_PART = re.compile(r"([0-9]+)-([^-]+)-([0-9]+)-(.+)\.parquet")  # Only an arm may hold dashes.


def check_name(name: object, what: str) -> str:
    """Returns a name that files, tables and reports can carry.

    A name consists of letters and digits of any script and of ``_``, ``-`` and ``.``, and begins
    with a letter, a digit or ``_``.

    Args:
        name: What was given.
        what: What it names, for the message, for example ``"'name'"`` or ``"an arm"``.

    Raises:
        ConfigError: If it is no name.
    """
    if not isinstance(name, str):
        fault = "it is no text"
    elif not name:
        fault = "it is empty"
    else:
        fault = _find_fault(name)
    if fault:
        raise ConfigError(
            f"{what} must be a name: letters, digits, '_', '-' and '.', the first one a letter, a "
            f"digit or '_', at most {LONGEST} bytes. Got: {name!r}; {fault}."
        )
    return str(name)


def check_family_name(name: str) -> str:
    """Returns the name of a family of start states: a name without dashes.

    Files are named after task, family, index and arm; without dashes in families, and with any in
    arms, these can be told apart.

    Raises:
        ConfigError: If it is not one.
    """
    if "-" in check_name(name, "'start.family'"):
        raise ConfigError(f"'start.family' must be a name without dashes. Got: {name!r}.")
    return name


def format_part_name(key: EpisodeKey, arm: str) -> str:
    """Returns the name of the file that holds a finished episode."""
    return f"{key.task}-{key.start}-{key.index}-{arm}.parquet"


def parse_part_name(file: str) -> tuple[int, str, int, str] | None:
    """Returns task, start family, index and arm of such a file; None if it is another one."""
    match = _PART.fullmatch(file)
    return None if match is None else (int(match[1]), match[2], int(match[3]), match[4])


def _find_fault(name: str) -> str:
    odd = next((sign for sign in name if not _is_allowed(sign)), None)
    if odd is not None:
        return f"{odd!r} may not stand in it"
    if not (name[0] == "_" or unicodedata.category(name[0])[0] in "LN"):
        return f"it begins with {name[0]!r}"
    if len(name.encode()) > LONGEST:
        return f"it has {len(name.encode())} bytes"
    return ""


def _is_allowed(sign: str) -> bool:
    # Marks are parts of letters in many scripts; surrogates and separators are of other categories.
    return sign in _PUNCTUATION or unicodedata.category(sign)[0] in "LNM"
