"""Sparkline: what a gate judged over an episode, in a row of glyphs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aegis.fleet.progress import Judgement

BARS = "▁▂▃▄▅▆▇█"
EMPTY = "·"
DRIVEN = "─"
UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of a sparkline.

    Attributes:
        value: Highest value of the quantity in the column; NaN is unknown.
        bar: What that value is compared with; NaN if nothing.
        helped: Whether the second driver drove in the column.
    """

    value: float
    bar: float
    helped: bool


class Sparkline:
    """Judgements of one episode on a fixed number of columns that span the horizon.

    Columns keep their place, so tracks of different episodes can be compared at a glance, and a
    column costs the same whether an episode reports every tick or once per chunk.

    Args:
        horizon: Longest episode [control steps].
        width: Columns.
    """

    def __init__(self, horizon: int, width: int) -> None:
        self._horizon = max(1, horizon)
        self._cells: list[Cell | None] = [None] * width

    def add_judgement(self, judged: Judgement) -> None:
        """Records what was judged at a tick and who drove."""
        width = len(self._cells)
        i = min(width - 1, max(0, judged.k) * width // self._horizon)
        cell = Cell(judged.value, judged.bar, judged.helped)
        self._cells[i] = _merge_cells(self._cells[i], cell)

    @property
    def cells(self) -> Sequence[Cell | None]:
        """The columns; None where the episode has not been."""
        return self._cells

    def narrow_cells(self, width: int) -> Sequence[Cell | None]:
        """Returns the same on at most ``width`` columns."""
        if width >= len(self._cells):
            return self._cells
        found: list[Cell | None] = [None] * width
        for i, cell in enumerate(self._cells):
            j = i * width // len(self._cells)
            found[j] = _merge_cells(found[j], cell)
        return found


def choose_glyph(value: float, low: float, high: float) -> str:
    """Returns the glyph of a value between ``low`` and ``high``; a question mark for NaN."""
    if math.isnan(value):
        return UNKNOWN
    if not high > low:
        return BARS[0]
    share = max(0.0, min(1.0, (value - low) / (high - low)))
    return BARS[min(len(BARS) - 1, int(share * len(BARS)))]


def _merge_cells(old: Cell | None, new: Cell | None) -> Cell | None:
    """Returns the higher of two; a known value beats an unknown one, which later ticks explain."""
    if old is None or new is None:
        return old or new
    higher = math.isnan(old.value) or new.value >= old.value
    shown = new if higher and not math.isnan(new.value) else old
    return Cell(shown.value, shown.bar, new.helped or old.helped)
