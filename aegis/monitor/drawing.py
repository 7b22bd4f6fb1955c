"""Drawing: colours, bars and number formats of the panel."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from aegis.monitor.sparkline import DRIVEN, EMPTY, Cell, choose_glyph
from aegis.records.phrases import strip_shared_words

FRAME = Style(color="#4c566a")
TITLE = Style(color="#eceff4", bold=True)
LABEL = Style(color="#7b88a1")
TEXT = Style(color="#d8dee9")
FAINT = Style(color="#4c566a")
WEAK = Style(color="#88c0d0", bold=True)
HELPER = Style(color="#d79be8", bold=True)
CALM = Style(color="#a3be8c")
WARM = Style(color="#ebcb8b")
HOT = Style(color="#f2777a", bold=True)
UNWATCHED = Style(color="#7b88a1")
DONE = Style(color="#88c0d0")
GOOD = Style(color="#a3be8c")
BAD = Style(color="#f2777a")
_HELPER_DRIVES = Style(bgcolor="#4b3a63")
_HELPER_DRIVES_PLAIN = Style(underline=True)
_EIGHTHS = " ▏▎▍▌▋▊▉"


def choose_value_style(value: float, bar: float, scale: tuple[float, float]) -> Style:
    """Returns the colour of a quantity beside the bar of its rule.

    Hot above the bar and where unknown, warm within a sixth of the scale below it, else calm;
    without colour where there is no bar.

    Args:
        value: The quantity.
        bar: The value above which the rule hands over.
        scale: Smallest and largest value that is drawn.
    """
    if math.isnan(bar):
        return UNWATCHED
    # Not "above": a value that is not known hands over, too.
    if not value <= bar:
        return HOT
    return WARM if value >= bar - (scale[1] - scale[0]) / 6 else CALM


def draw_sparkline(
    cells: Sequence[Cell | None], watched: bool, scale: tuple[float, float], color: bool
) -> list[Segment]:
    """Draws a sparkline; columns that the second driver drove have a ground of their own.

    Args:
        cells: The columns.
        watched: Whether the arm's rule compares a quantity with a bar.
        scale: Smallest and largest value that is drawn.
        color: Whether the terminal has colours.
    """
    ground = _HELPER_DRIVES if color else _HELPER_DRIVES_PLAIN
    segments = []
    for cell in cells:
        if cell is None:
            segments.append(Segment(EMPTY, FAINT))
            continue
        style = choose_value_style(cell.value, cell.bar, scale)
        mark = choose_glyph(cell.value, *scale) if watched else DRIVEN
        segments.append(Segment(mark, style + ground if cell.helped else style))
    return list(Segment.simplify(segments))


def draw_bar(share: float, width: int, style: Style) -> list[Segment]:
    """Draws a bar of ``width`` columns, full at a share of 1, to an eighth of a column."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    filled = "█" * full + (_EIGHTHS[rest] if rest else "")
    return [Segment(filled, style), Segment("╌" * (width - len(filled)), FAINT)]


def fit_text(words: str, width: int, style: Style = TEXT, right: bool = False) -> Segment:
    """Returns words cut or padded to exactly ``width`` columns."""
    if right and cell_len(words) < width:
        words = " " * (width - cell_len(words)) + words
    return Segment(set_cell_size(words, width), style)


def draw_gap(width: int = 1) -> Segment:
    """Returns blank columns."""
    return Segment(" " * max(0, width))


def format_percent(share: float) -> str:
    """Returns a share as a percentage of at most four columns."""
    return f"{100 * share:.0f}%"


def format_duration(seconds: float) -> str:
    """Returns a duration for reading: ``2 h 05 min``, ``3 min 07 s``, ``12 s``."""
    if not math.isfinite(seconds):
        return "?"
    total = round(seconds)
    if total >= 3600:
        return f"{total // 3600} h {total % 3600 // 60:02d} min"
    return f"{total // 60} min {total % 60:02d} s" if total >= 60 else f"{total} s"


def shorten_phrases(phrases: Iterable[str]) -> dict[str, str]:
    """Shortens phrases to what tells them apart: drops words that all start or end with."""
    return strip_shared_words({phrase: phrase for phrase in phrases}, gap="…")
