"""Watchdog: which inputs are too old, stand still or have the wrong level; pure.

Ages are those of arrival by the driver's own clock: stamps of senders may jump, and simulated time
may stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aegis.core.errors import ConfigError
from aegis.core.types import Nanos


@dataclass(frozen=True, slots=True)
class InputLimit:
    """What is expected of one input.

    Attributes:
        name: Name of the input.
        max_age: Age from which on it is stale [ns]; 0 turns the check off.
        max_still: Time for which its content may stay the same [ns]; 0 turns the check off. A
            frozen camera sends fresh stamps.
        level: Level that it must have, for an e-stop or a deadman; None for other inputs.

    Raises:
        ConfigError: If a limit is negative.
    """

    name: str
    max_age: Nanos
    max_still: Nanos = 0
    level: bool | None = None

    def __post_init__(self) -> None:
        for limit in ("max_age", "max_still"):
            if getattr(self, limit) < 0:
                raise ConfigError(
                    f"{limit} of input '{self.name}' must not be negative [ns]; 0 turns the check "
                    f"off. Got: {getattr(self, limit)}."
                )


@dataclass(frozen=True, slots=True)
class HeardInput:
    """What was heard of an input.

    Attributes:
        arrived: When it was heard last, by the driver's clock [ns].
        changed: When its content was another one for the last time [ns].
        level: Its level, if it has one.
    """

    arrived: Nanos
    changed: Nanos
    level: bool | None = None


def find_trouble(
    limits: tuple[InputLimit, ...], heard: Mapping[str, HeardInput], now: Nanos
) -> str:
    """Returns what is wrong with the inputs, the first in order; empty for nothing.

    An input that was never heard is stale, whatever its limits, unless none is on.

    Args:
        limits: What is expected, the most important input first.
        heard: Input to what was heard of it.
        now: Time [ns].
    """
    for limit in limits:
        if fault := _find_fault(limit, heard.get(limit.name), now):
            return fault
    return ""


def _find_fault(limit: InputLimit, heard: HeardInput | None, now: Nanos) -> str:
    if heard is None:
        checked = limit.max_age or limit.max_still or limit.level is not None
        return f"{limit.name} never heard" if checked else ""
    age, still = now - heard.arrived, now - heard.changed
    if limit.level is not None and heard.level is not limit.level:
        return f"{limit.name} is {_name_level(heard.level)}"
    if limit.max_age and not 0 <= age <= limit.max_age:
        return f"{limit.name} is {_show(age)} old, limit {_show(limit.max_age)}"
    if limit.max_still and still > limit.max_still:
        return f"{limit.name} has not changed for {_show(still)}, limit {_show(limit.max_still)}"
    return ""


def _name_level(level: bool | None) -> str:
    return "without a level" if level is None else "on" if level else "off"


def _show(nanos: Nanos) -> str:
    return f"{nanos / 1e6:.0f} ms"
