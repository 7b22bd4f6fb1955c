"""Timing: how far ahead an arm asks its policies, and how late their answers come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from aegis.app.config.settings import Settings
from aegis.core.errors import UnknownNameError
from aegis.core.types import PolicyId

KEY = "timing"
_BY_POLICY = ("lead", "min_rows")
_NAMES = ("delay", "lead", "min_rows", "coast", "fallback")


@dataclass(frozen=True, slots=True)
class Timing:
    """Timing of an arm; by default a world that waits while policies think.

    Attributes:
        delay: Ticks after which a proposal arrives [control steps].
        lead: Policy to ticks between its question and its chunk [control steps].
        min_rows: Policy to the fewest rows of a late chunk that are executed [control steps].
        coast: Rows behind the executed ones that may be used while an answer is late [control
            steps].
        fallback: Policy that drives while another one is silent; None to hold, and then to stop.
    """

    delay: int = 0
    lead: Mapping[PolicyId, int] = field(default_factory=dict)
    min_rows: Mapping[PolicyId, int] = field(default_factory=dict)
    coast: int = 0
    fallback: PolicyId | None = None


def read_timing(settings: Settings, policies: tuple[PolicyId, ...]) -> Timing:
    """Reads the timing of an arm; the default if it gives none.

    Args:
        settings: The arm's part of the configuration.
        policies: Names of its policies.

    Raises:
        ConfigError: If a number is none.
        UnknownNameError: If a key or a policy is unknown.
    """
    if KEY not in settings.names() or settings.value(KEY) is None:
        return Timing()
    level = settings.level(KEY)
    for name in level.names():
        if name not in _NAMES:
            raise UnknownNameError("key", name, _NAMES, f"'{KEY}' of an arm")
    given = set(level.names())
    rows = {name: _read_counts(level, name, policies) for name in _BY_POLICY if name in given}
    fallback = level.value("fallback") if "fallback" in given else None
    return Timing(
        delay=level.integer("delay", 0) if "delay" in given else 0,
        lead=rows.get("lead", {}),
        min_rows=rows.get("min_rows", {}),
        coast=level.integer("coast", 0) if "coast" in given else 0,
        fallback=None if fallback is None else level.choice("fallback", policies),
    )


def _read_counts(level: Settings, name: str, policies: tuple[PolicyId, ...]) -> dict[PolicyId, int]:
    """Reads a number for all policies, or one for each."""
    value = level.value(name)
    if not isinstance(value, Mapping):
        return dict.fromkeys(policies, level.integer(name, 0))
    for policy in value:
        if policy not in policies:
            raise UnknownNameError("policy", str(policy), policies, f"'{KEY}.{name}' of an arm")
    counts = level.level(name)
    return {cast("str", policy): counts.integer(str(policy), 0) for policy in value}
