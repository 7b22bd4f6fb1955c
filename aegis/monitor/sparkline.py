"""Sparkline: the last scores of an episode in a row of glyphs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

BARS = "▁▂▃▄▅▆▇█"
EMPTY = "·"
DRIVEN = "─"
UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of a sparkline.

    Attributes:
        risk: Highest risk seen in the column; NaN is unknown.
        strong: Whether the strong policy drove in the column.
    """

    risk: float
    strong: bool


class Sparkline:
    """Risk of one episode on a fixed number of columns that span the horizon.

    Columns keep their place, so tracks of different episodes can be compared at a glance, and a
    column costs the same whether an episode reports every tick or once per chunk.

    Args:
        horizon: Longest episode [control steps].
        width: Columns.
    """

    def __init__(self, horizon: int, width: int) -> None:
        self._horizon = max(1, horizon)
        self._cells: list[Cell | None] = [None] * width

    def add_risk(self, k: int, risk: float, strong: bool) -> None:
        """Records the risk at tick ``k`` and who drove."""
        width = len(self._cells)
        i = min(width - 1, max(0, k) * width // self._horizon)
        old = self._cells[i]
        if old is None:
            self._cells[i] = Cell(risk, strong)
        else:
            self._cells[i] = Cell(_pick_worse(old.risk, risk), strong or old.strong)

    @property
    def cells(self) -> Sequence[Cell | None]:
        """The columns; None where the episode has not been."""
        return self._cells


def choose_glyph(risk: float, low: float, high: float) -> str:
    """Returns the bar for a risk between ``low`` and ``high``; unknown risk is a question mark."""
    if math.isnan(risk):
        return UNKNOWN
    if not high > low:
        return BARS[0]
    share = max(0.0, min(1.0, (risk - low) / (high - low)))
    return BARS[min(len(BARS) - 1, int(share * len(BARS)))]


def _pick_worse(a: float, b: float) -> float:
    """Returns the higher risk; a known one beats an unknown one, which later ticks may explain."""
    if math.isnan(a):
        return b
    return a if math.isnan(b) else max(a, b)
