"""The panel: draws the board as lines of segments, without rich's table layout, which is slow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment

from aegis.monitor import drawing
from aegis.monitor.board import SPARKLINE_WIDTH, Board, Flight, Tally
from aegis.monitor.drawing import draw_bar, draw_gap, fit_text, format_percent
from aegis.stats.intervals import Interval, wilson_interval

MIN_WIDTH = 72
MAX_WIDTH = 132
MAX_FLIGHTS = 10
_MAX_NAME = 14
_MIN_SPARKLINE = 10
_LEAST_WORDS = 12
"""Columns below which instructions are left out."""
Line = list[Segment]


@dataclass(frozen=True, slots=True)
class Pace:
    """Speed of a run.

    Attributes:
        elapsed: Time since the run was opened [s].
        rate: Control steps per second; NaN before the first.
        left: Time left [s]; NaN when unknown.
    """

    elapsed: float
    rate: float
    left: float


@dataclass(frozen=True, slots=True)
class _Columns:
    """Widths of the columns of episodes in flight, for a width of the terminal."""

    name: int
    quantity: int
    track: int
    words: int

    @classmethod
    def fit_to(cls, width: int, arms: Sequence[str], quantities: Sequence[str]) -> _Columns:
        """Returns widths that fill a line: names as long as needed, then track, then words."""
        name = min(_MAX_NAME, max([4, *map(len, arms)]))
        quantity = min(10, max([0, *map(len, quantities)]))
        fixed = name + 47
        if width - fixed - quantity - 1 < _MIN_SPARKLINE:
            quantity = 0
        room = max(1, width - fixed - quantity - (quantity > 0))
        track = min(SPARKLINE_WIDTH, room)
        words = room - track - 2
        return cls(name, quantity, track, words if words >= _LEAST_WORDS else 0)


class RunPanel:
    """Draws a board.

    Args:
        board: What to draw.
        pace: How fast the run goes.
        title: Name of the run.
    """

    def __init__(self, board: Board, pace: Pace, title: str) -> None:
        self._board = board
        self._pace = pace
        self._title = title

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields the frame and its lines."""
        width = max(MIN_WIDTH, min(MAX_WIDTH, options.max_width))
        inner = width - 4
        color = not console.no_color
        room = max(1, min(MAX_FLIGHTS, options.max_height - len(self._board.tallies) - 9))
        elapsed = f" {drawing.format_duration(self._pace.elapsed)} "
        yield from _draw_edge("╭", "╮", width, f" AEGIS · {self._title} ", elapsed)
        for line in self._draw_flights(inner, color, room):
            yield from _frame_line(line, inner)
        yield from _draw_edge("├", "┤", width, " arms ", self._describe_units(width))
        for line in self._draw_arms(inner):
            yield from _frame_line(line, inner)
        yield from _draw_edge("├", "┤", width, "", "")
        yield from _frame_line(self._draw_progress(inner), inner)
        yield from _draw_edge("╰", "╯", width, "", "")

    def _describe_units(self, width: int) -> str:
        """Returns which units the tallies are over."""
        board = self._board
        done, total = board.complete_units, board.units
        if not done:
            return " no unit is complete in every arm yet " if total else ""
        if done == total:
            return f" all {total} units "
        whole = " (complete in every arm)" if width > 84 else ""
        return f" over the first {done} of {total} units{whole} "

    def _draw_flights(self, width: int, color: bool, room: int) -> Iterator[Line]:
        """Draws one line per episode in flight, at most ``room``."""
        board = self._board
        flights = list(board.flights.values())
        columns = _Columns.fit_to(width, list(board.tallies), list(board.quantities))
        yield _draw_flight_head(columns)
        phrases = drawing.shorten_phrases(board.instructions)
        for flight in flights[:room]:
            scale = board.scale_of(flight.last.quantity)
            yield _draw_flight(flight, phrases, columns, scale, color)
        if not flights:
            over = board.total and board.finished >= board.total
            note = "all done" if over else "waiting for the first step"
            yield [fit_text(note, width, drawing.LABEL)]
        elif len(flights) > room:
            yield [fit_text(f"and {len(flights) - room} more", width, drawing.LABEL)]

    def _draw_arms(self, width: int) -> Iterator[Line]:
        """Draws one line per arm."""
        board = self._board
        name = min(_MAX_NAME, max([4, *map(len, board.tallies)]))
        interval = 12 if width >= name + 68 else 0
        size = max(4, min(30, width - name - 52 - interval))
        head = f"{'arm':<{name}} {'done':>5} {'in flight':>9}  {'success':<{size + 8 + interval}}"
        versus = f"  against '{board.reference}'" if width > name + size + 83 else ""
        tail = f"{'recovered':>10}{'disrupted':>10}{'duty':>6}{versus}"
        yield [fit_text(head + tail, width, drawing.LABEL)]
        for arm, tally in board.tallies.items():
            line = [
                fit_text(arm, name, drawing.TEXT),
                fit_text(str(tally.done), 6, drawing.TEXT, right=True),
                fit_text(str(board.count_flights(arm) or "-"), 10, drawing.LABEL, right=True),
                draw_gap(2),
            ]
            alone = arm == board.reference or board.reference not in board.tallies
            yield line + _draw_tally(tally, alone, size, interval)

    def _draw_progress(self, width: int) -> Line:
        """Draws the bar of the whole run, its rate and the time left."""
        board, pace = self._board, self._pace
        note = f"  {board.finished}/{board.total} episodes"
        if board.resumed:
            note += f" ({board.resumed} from before)"
        if board.flights:
            note += f", {len(board.flights)} in flight"
        if not math.isnan(pace.rate):
            note += f"  {pace.rate:,.0f} steps/s".replace(",", " ")
        if board.finished < board.total and not math.isnan(pace.left):
            note += f"  left {drawing.format_duration(pace.left)}"
        size = max(4, width - len(note))
        left = board.estimate_steps_left()
        share = board.steps / (board.steps + left) if board.steps + left > 0 else 0.0
        return [*draw_bar(share, size, drawing.DONE), Segment(note, drawing.TEXT)]


def _draw_edge(left: str, right: str, width: int, title: str, note: str) -> Iterator[Segment]:
    """Draws a horizontal edge with a title on the left and a note on the right."""
    title = title[: width - len(note) - 6]
    rule = width - 4 - len(title) - len(note)
    yield Segment(f"{left}─", drawing.FRAME)
    yield Segment(title, drawing.TITLE)
    yield Segment("─" * rule, drawing.FRAME)
    yield Segment(note, drawing.LABEL)
    yield Segment(f"─{right}", drawing.FRAME)
    yield Segment.line()


def _frame_line(line: Line, inner: int) -> Iterator[Segment]:
    yield Segment("│ ", drawing.FRAME)
    yield from Segment.adjust_line_length(line, inner)
    yield Segment(" │", drawing.FRAME)
    yield Segment.line()


def _draw_flight_head(columns: _Columns) -> Line:
    judged = f" {'judges':<{columns.quantity}}" if columns.quantity else ""
    track = "over the horizon"[: columns.track]
    head = (
        f"{'arm':<{columns.name}} {'task':>4} {'step':>7}  {'drives':<8}{judged} {'value':>5} "
        f"{'bar':>5} {track:<{columns.track}} {'stays':>5} {'duty':>4}"
    )
    return [Segment(head + ("  instruction" if columns.words else ""), drawing.LABEL)]


def _draw_flight(
    flight: Flight,
    phrases: dict[str, str],
    columns: _Columns,
    scale: tuple[float, float],
    color: bool,
) -> Line:
    """Draws one episode in flight: its rule's own quantity beside its rule's own bar."""
    last = flight.last
    watched = last.quantity != ""
    driver = drawing.HELPER if last.helped else drawing.WEAK
    duty = min(1.0, last.strong_steps / last.k) if last.k else 0.0
    style = drawing.choose_value_style(last.value, last.bar, scale)
    value = "?" if watched and last.track and math.isnan(last.value) else _format_number(last.value)
    line = [
        fit_text(last.arm, columns.name, drawing.TEXT),
        fit_text(str(last.key.task), 5, drawing.LABEL, right=True),
        fit_text(f"{last.k}/{last.horizon}", 8, drawing.TEXT, right=True),
        draw_gap(2),
        fit_text(("▲ " if last.helped else "· ") + last.active, 8, driver),
    ]
    if columns.quantity:
        line += [draw_gap(), fit_text(last.quantity, columns.quantity, drawing.LABEL)]
    line += [
        fit_text(value, 6, style, right=True),
        fit_text(_format_number(last.bar), 6, drawing.LABEL, right=True),
        draw_gap(),
        *drawing.draw_sparkline(flight.track.narrow_cells(columns.track), watched, scale, color),
        fit_text(str(last.fires), 6, drawing.TEXT if last.fires else drawing.FAINT, right=True),
        fit_text(format_percent(duty), 5, drawing.TEXT if duty else drawing.FAINT, right=True),
    ]
    if columns.words:
        words = phrases[last.instruction]
        line += [draw_gap(2), fit_text(words, columns.words, drawing.LABEL)]
    return line


def _draw_tally(tally: Tally, alone: bool, size: int, space: int) -> Line:
    """Draws what an arm did on complete units; nothing before the first.

    Args:
        tally: Of the arm.
        alone: Whether there is no arm to compare it with.
        size: Columns of the bar.
        space: Columns of the interval; 0 leaves it out.
    """
    if not tally.units:
        return []
    rate = tally.successes / tally.units
    interval = _compute_interval(tally.successes, tally.units)
    line = [
        *draw_bar(rate, size, drawing.GOOD),
        fit_text(f" {100 * rate:5.1f} %", 8, drawing.TEXT),
        fit_text(f" [{100 * interval.low:.0f}, {100 * interval.high:.0f}]", space, drawing.LABEL),
    ]
    pairs = ((tally.recovered, drawing.GOOD), (tally.disrupted, drawing.BAD))
    for count, style in pairs:
        words = "-" if alone else str(count)
        shown = style if count and not alone else drawing.FAINT
        line.append(fit_text(words, 10, shown, right=True))
    return [*line, fit_text(format_percent(tally.duty), 6, drawing.TEXT, right=True)]


def _format_number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


@lru_cache(maxsize=256)
def _compute_interval(successes: int, n: int) -> Interval:
    """Remembers intervals: they change once per unit and are drawn ten times a second."""
    return wilson_interval(successes, n)
