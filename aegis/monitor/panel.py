"""The panel: draws the board as lines of segments, without rich's table layout, which is slow."""

from __future__ import annotations

import math
from collections.abc import Iterator
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
Line = list[Segment]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a run goes.

    Attributes:
        elapsed: Time since the run was opened [s].
        rate: Episodes per second; NaN before the first has finished.
        left: Time left [s]; NaN when unknown.
    """

    elapsed: float
    rate: float
    left: float


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
        yield from self._draw_edge(
            "╭", "╮", width, f" AEGIS · {self._title} ", self._format_elapsed()
        )
        for line in self._draw_flights(inner, color, room):
            yield from _frame_line(line, inner)
        yield from self._draw_edge("├", "┤", width, " arms ", "")
        for line in self._draw_arms(inner):
            yield from _frame_line(line, inner)
        yield from self._draw_edge("├", "┤", width, "", "")
        yield from _frame_line(self._draw_progress(inner), inner)
        yield from self._draw_edge("╰", "╯", width, "", "")

    def _format_elapsed(self) -> str:
        return f" {drawing.format_duration(self._pace.elapsed)} "

    def _draw_edge(
        self, left: str, right: str, width: int, title: str, note: str
    ) -> Iterator[Segment]:
        """Draws a horizontal edge with a title on the left and a note on the right."""
        title = title[: width - len(note) - 6]
        rule = width - 4 - len(title) - len(note)
        yield Segment(f"{left}─", drawing.FRAME)
        yield Segment(title, drawing.TITLE)
        yield Segment("─" * rule, drawing.FRAME)
        yield Segment(note, drawing.LABEL)
        yield Segment(f"─{right}", drawing.FRAME)
        yield Segment.line()

    def _draw_flights(self, width: int, color: bool, room: int) -> Iterator[Line]:
        """Draws one line per episode in flight, at most ``room``."""
        board = self._board
        words = max(0, width - 54 - SPARKLINE_WIDTH)
        yield _draw_flight_head(words)
        flights = list(board.flights.values())
        phrases = drawing.shorten_phrases(board.instructions)
        for flight in flights[:room]:
            yield _draw_flight(flight, phrases, words, board.scale, color)
        if not flights:
            note = (
                "all done"
                if board.total and self._count_left() == 0
                else "waiting for the first step"
            )
            yield [fit_text(note, width, drawing.LABEL)]
        elif len(flights) > room:
            yield [fit_text(f"and {len(flights) - room} more", width, drawing.LABEL)]

    def _draw_arms(self, width: int) -> Iterator[Line]:
        """Draws one line per arm."""
        board = self._board
        size = max(4, min(30, width - 65))
        head = f"{'arm':<8} {'episodes':>8}  {'success':<{size + 20}}{'recovered':>10}"
        versus = f"  against '{board.reference}'" if width > 116 else ""
        yield [fit_text(f"{head}{'disrupted':>10}{'duty':>6}{versus}", width, drawing.LABEL)]
        for name, tally in board.tallies.items():
            yield _draw_arm(name, tally, name == board.reference, size)

    def _count_left(self) -> int:
        board = self._board
        return max(0, board.total - board.finished)

    def _draw_progress(self, width: int) -> Line:
        """Draws the bar of the whole run, its rate and the time left."""
        board, pace = self._board, self._pace
        done = board.finished
        count = f"{done}/{board.total} episodes"
        if board.resumed:
            count += f" ({board.resumed} from before)"
        rate = (
            ""
            if math.isnan(pace.rate)
            else f"  {pace.rate:.2f}/s  left {drawing.format_duration(pace.left)}"
        )
        note = f"  {count}{rate}"
        size = max(4, width - len(note))
        share = done / board.total if board.total else 0.0
        return [*draw_bar(share, size, drawing.DONE), Segment(note, drawing.TEXT)]


def _frame_line(line: Line, inner: int) -> Iterator[Segment]:
    yield Segment("│ ", drawing.FRAME)
    yield from Segment.adjust_line_length(line, inner)
    yield Segment(" │", drawing.FRAME)
    yield Segment.line()


def _draw_flight_head(words: int) -> Line:
    head = f"{'arm':<8} {'task':>4} {'step':>7}  {'drives':<8} {'risk':>4} {'limit':>5} "
    tail = f" {'fires':>5} {'duty':>4}"
    task = "  instruction" if words > 13 else ""
    return [Segment(f"{head}{'over the horizon':<{SPARKLINE_WIDTH}}{tail}{task}", drawing.LABEL)]


def _draw_flight(
    flight: Flight,
    phrases: dict[str, str],
    words: int,
    scale: tuple[float, float],
    color: bool,
) -> Line:
    """Draws one episode in flight."""
    last = flight.last
    driver = drawing.STRONG if flight.strong else drawing.WEAK
    duty = min(1.0, last.strong_steps / last.k) if last.k else 0.0
    line = [
        fit_text(last.arm, 8, drawing.TEXT),
        fit_text(str(last.key.task), 5, drawing.LABEL, right=True),
        fit_text(f"{last.k}/{last.horizon}", 8, drawing.TEXT, right=True),
        draw_gap(2),
        fit_text(("▲ " if flight.strong else "· ") + last.active, 8, driver),
        fit_text(
            _format_number(last.risk),
            5,
            drawing.choose_risk_style(last.risk, last.threshold),
            right=True,
        ),
        fit_text(_format_number(last.threshold), 6, drawing.LABEL, right=True),
        draw_gap(),
        *drawing.draw_sparkline(flight.track.cells, last.threshold, scale, color),
        fit_text(str(last.fires), 6, drawing.TEXT if last.fires else drawing.FAINT, right=True),
        fit_text(format_percent(duty), 5, drawing.TEXT if duty else drawing.FAINT, right=True),
    ]
    if words > 13:
        line += [draw_gap(2), fit_text(phrases[last.instruction], words - 2, drawing.LABEL)]
    return line


def _draw_arm(name: str, tally: Tally, reference: bool, size: int) -> Line:
    """Draws the tally of one arm."""
    line = [
        fit_text(name, 8, drawing.TEXT),
        fit_text(str(tally.done), 9, drawing.TEXT, right=True),
        draw_gap(2),
    ]
    if not tally.done:
        return line
    rate = tally.successes / tally.done
    interval = _compute_interval(tally.successes, tally.done)
    line += [
        *draw_bar(rate, size, drawing.GOOD),
        fit_text(f" {100 * rate:5.1f} %", 8, drawing.TEXT),
        fit_text(f" [{100 * interval.low:.0f}, {100 * interval.high:.0f}]", 12, drawing.LABEL),
    ]
    if reference:
        line += [
            fit_text("-", 10, drawing.FAINT, right=True),
            fit_text("-", 10, drawing.FAINT, right=True),
        ]
    else:
        won, lost = tally.recovered, tally.disrupted
        line.append(fit_text(str(won), 10, drawing.GOOD if won else drawing.FAINT, right=True))
        line.append(fit_text(str(lost), 10, drawing.BAD if lost else drawing.FAINT, right=True))
    return [*line, fit_text(format_percent(tally.duty), 6, drawing.TEXT, right=True)]


def _format_number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


@lru_cache(maxsize=256)
def _compute_interval(successes: int, n: int) -> Interval:
    """Remembers intervals: they change once per episode and are drawn ten times a second."""
    return wilson_interval(successes, n)
