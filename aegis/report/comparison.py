"""Comparison: where a stored document is not the one that its numbers give."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import PurePosixPath
from typing import Any, TypeVar

from aegis.report.tokens import Token, split_markdown, split_markup

NUDGE = 1e-9
"""Relative; by so much another CPU's sums may differ, see ``NUMBER_TOLERANCE`` of verification."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Difference:
    """A place at which a document is not what it may be.

    Attributes:
        text: Where, what stands there, and what is expected.
        may_be_rounding: Whether a printed number stands there, whose last digit may hang by
            rounding; a word, a mark or a missing part never does.
    """

    text: str
    may_be_rounding: bool


def find_differences(name: str, stored: str, expected: Sequence[str]) -> tuple[Difference, ...]:
    """Finds where a document differs from all that it may be.

    Words must be equal, coordinates of figures to the tolerances of ``aegis.report.tokens``.

    Args:
        name: Of its file; the ending says how it is read.
        stored: The document.
        expected: The document made again; more than once where numbers may be rounded otherwise.
    """
    if stored in expected:
        return ()
    theirs = _split(name, stored)
    candidates = [_split(name, text) for text in expected]
    fitting = [tokens for tokens in candidates if len(tokens) == len(theirs)]
    if not fitting:
        return (Difference(_describe_first(name, theirs, candidates[0]), False),)
    return tuple(
        Difference(
            f"{name}, line {token.line}: '{token.shorten_text()}' instead of "
            f"'{others[0].shorten_text()}'",
            not token.numbers and _drop_digits(token.words) == _drop_digits(others[0].words),
        )
        for token, *others in zip(theirs, *fitting, strict=True)
        if not any(token.agrees_with(other) for other in others)
    )


def nudge_numbers(node: _T, factor: float) -> _T:
    """Returns the same values, every float but a whole number multiplied by a factor.

    A printed number whose last digit depends on rounding is then printed either way; a whole number
    (a duty of 1, a count) is exact on every machine.

    Args:
        node: Dataclasses, mappings and sequences, nested.
        factor: The factor.
    """
    return _nudge(node, factor)  # type: ignore[no-any-return]


def _nudge(node: Any, factor: float) -> Any:
    if isinstance(node, float):
        return node if node.is_integer() else node * factor
    if is_dataclass(node) and not isinstance(node, type):
        made = (field.name for field in fields(node) if field.init)
        return replace(node, **{name: _nudge(getattr(node, name), factor) for name in made})
    if isinstance(node, Mapping):
        return {name: _nudge(child, factor) for name, child in node.items()}
    if isinstance(node, tuple | list):
        return type(node)(_nudge(child, factor) for child in node)
    return node


def _drop_digits(words: str) -> str:
    return re.sub(r"\d+", "0", words)


def _split(name: str, text: str) -> tuple[Token, ...]:
    return split_markdown(text) if PurePosixPath(name).suffix == ".md" else split_markup(text)


def _describe_first(name: str, theirs: Sequence[Token], mine: Sequence[Token]) -> str:
    """Returns the first difference of documents that have not as many parts."""
    end = Token("its end", line=theirs[-1].line if theirs else 1)
    pairs = zip([*theirs, end], [*mine, end], strict=False)
    token, other = next(
        ((a, b) for a, b in pairs if not a.agrees_with(b)), (end, Token("more of it"))
    )
    return (
        f"{name}, line {token.line}: '{token.shorten_text()}' instead of '{other.shorten_text()}'; "
        f"{len(theirs)} parts, {len(mine)} expected"
    )
