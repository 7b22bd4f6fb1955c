"""Dials: arguments of a gate or switch that calibration may turn so that an arm spends a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from aegis.core.types import Score

DialValue: TypeAlias = int | float
"""Setting of a dial."""


@dataclass(frozen=True, slots=True)
class DialRange:
    """Facts of an experiment from which a dial lists its settings.

    Attributes:
        chunk: Rows of a proposal that are executed [control steps].
        horizon: Longest episode [control steps].
        scores: Scores of the reference arm at its chunk boundaries on calibration units, in any
            order.
    """

    chunk: int
    horizon: int
    scores: Sequence[Score]


def _keep_setting(setting: DialValue) -> object:
    return setting


@dataclass(frozen=True, slots=True)
class Dial:
    """Setting that calibration may turn; a gate or switch lists its own in ``dials()``.

    Attributes:
        arguments: Constructor arguments that are set, all to the same value; the first names the
            dial in a locked plan.
        rises: Whether duty rises with the setting.
        list_settings: Lists all settings that make sense, ascending.
        encode: Turns a setting into the value of the arguments, for example a mean length of stay
            into lengths to draw from.
        tick_argument: Argument that is chosen first, among ticks that the plan lists (its key
            ``starts``); empty for a dial without such a choice.
    """

    arguments: tuple[str, ...]
    rises: bool
    list_settings: Callable[[DialRange], Sequence[DialValue]]
    encode: Callable[[DialValue], object] = _keep_setting
    tick_argument: str = ""
