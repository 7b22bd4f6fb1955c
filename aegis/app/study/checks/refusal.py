"""Refusal: an error of ours during a check is a failed check."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from aegis.core.errors import AegisError
from aegis.study.verification import CheckResult

_T = TypeVar("_T")


def catch_refusal(checks: list[CheckResult], name: str, act: Callable[[], _T]) -> _T | None:
    """Runs something that may raise; an error becomes a failed check.

    Args:
        checks: Receives the failed check.
        name: Of the check.
        act: What may raise an ``AegisError``.

    Returns:
        What it returned; None if it raised.
    """
    try:
        return act()
    except AegisError as error:
        checks.append(CheckResult(name, False, 1, str(error)))
        return None
