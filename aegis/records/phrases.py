"""Phrases: what tells texts apart, such as the instructions of a suite's tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

_Name = TypeVar("_Name")


def strip_shared_words(texts: Mapping[_Name, str], gap: str = "") -> dict[_Name, str]:
    """Returns texts without the words that all of them begin with, and that all of them end with.

    A text that consists of such words alone becomes empty. One text alone stays as it is, since
    nothing tells it apart.

    Args:
        texts: Name to text, such as task to instruction.
        gap: Stands for the words that are left out on a side, for example ``…``.
    """
    words = {name: text.split() for name, text in texts.items()}
    if len(words) < 2:
        return {name: " ".join(parts) for name, parts in words.items()}
    head = _count_shared_words(list(words.values()))
    tail = _count_shared_words([parts[head:][::-1] for parts in words.values()])
    before, after = f"{gap} " if gap and head else "", f" {gap}" if gap and tail else ""
    return {
        name: before + " ".join(parts[head : len(parts) - tail]) + after
        for name, parts in words.items()
    }


def _count_shared_words(lists: Sequence[Sequence[str]]) -> int:
    """Returns how many words at the beginning are the same in all lists."""
    shared = 0
    for column in zip(*lists, strict=False):
        if len(set(column)) > 1:
            break
        shared += 1
    return shared
