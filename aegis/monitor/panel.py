"""The panel: draws the board as lines of segments, without rich's table layout, which is slow."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment

from aegis.monitor import look
from aegis.monitor.board import TRACK_WIDTH, Board, Flight, Tally
from aegis.monitor.look import bar, gap, percent, text
from aegis.stats.intervals import Interval, wilson

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


class Panel:
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
        yield from self._edge("╭", "╮", width, f" AEGIS · {self._title} ", self._clock())
        for line in self._flights(inner, color, room):
            yield from _framed(line, inner)
        yield from self._edge("├", "┤", width, " arms ", "")
        for line in self._arms(inner):
            yield from _framed(line, inner)
        yield from self._edge("├", "┤", width, "", "")
        yield from _framed(self._progress(inner), inner)
        yield from self._edge("╰", "╯", width, "", "")

    def _clock(self) -> str:
        return f" {look.duration(self._pace.elapsed)} "

    def _edge(self, left: str, right: str, width: int, title: str, note: str) -> Iterator[Segment]:
        """Draws a horizontal edge with a title on the left and a note on the right."""
        title = title[: width - len(note) - 6]
        rule = width - 4 - len(title) - len(note)
        yield Segment(f"{left}─", look.FRAME)
        yield Segment(title, look.TITLE)
        yield Segment("─" * rule, look.FRAME)
        yield Segment(note, look.LABEL)
        yield Segment(f"─{right}", look.FRAME)
        yield Segment.line()

    def _flights(self, width: int, color: bool, room: int) -> Iterator[Line]:
        """Draws one line per episode in flight, at most ``room``."""
        board = self._board
        words = max(0, width - 54 - TRACK_WIDTH)
        yield _flight_head(words)
        flights = list(board.flights.values())
        phrases = look.distinct(board.instructions)
        for flight in flights[:room]:
            yield _flight_line(flight, phrases, words, board.scale, color)
        if not flights:
            note = "all done" if board.total and self._left() == 0 else "waiting for the first step"
            yield [text(note, width, look.LABEL)]
        elif len(flights) > room:
            yield [text(f"and {len(flights) - room} more", width, look.LABEL)]

    def _arms(self, width: int) -> Iterator[Line]:
        """Draws one line per arm."""
        board = self._board
        size = max(4, min(30, width - 65))
        head = f"{'arm':<8} {'episodes':>8}  {'success':<{size + 20}}{'recovered':>10}"
        versus = f"  against '{board.reference}'" if width > 116 else ""
        yield [text(f"{head}{'disrupted':>10}{'duty':>6}{versus}", width, look.LABEL)]
        for name, tally in board.tallies.items():
            yield _arm_line(name, tally, name == board.reference, size)

    def _left(self) -> int:
        board = self._board
        return max(0, board.total - board.finished)

    def _progress(self, width: int) -> Line:
        """Draws the bar of the whole run, its rate and the time left."""
        board, pace = self._board, self._pace
        done = board.finished
        count = f"{done}/{board.total} episodes"
        if board.resumed:
            count += f" ({board.resumed} from before)"
        rate = (
            "" if math.isnan(pace.rate) else f"  {pace.rate:.2f}/s  left {look.duration(pace.left)}"
        )
        note = f"  {count}{rate}"
        size = max(4, width - len(note))
        share = done / board.total if board.total else 0.0
        return [*bar(share, size, look.DONE), Segment(note, look.TEXT)]


def _framed(line: Line, inner: int) -> Iterator[Segment]:
    yield Segment("│ ", look.FRAME)
    yield from Segment.adjust_line_length(line, inner)
    yield Segment(" │", look.FRAME)
    yield Segment.line()


def _flight_head(words: int) -> Line:
    head = f"{'arm':<8} {'task':>4} {'step':>7}  {'drives':<8} {'risk':>4} {'limit':>5} "
    tail = f" {'fires':>5} {'duty':>4}"
    task = "  instruction" if words > 13 else ""
    return [Segment(f"{head}{'over the horizon':<{TRACK_WIDTH}}{tail}{task}", look.LABEL)]


def _flight_line(
    flight: Flight,
    phrases: dict[str, str],
    words: int,
    scale: tuple[float, float],
    color: bool,
) -> Line:
    """Draws one episode in flight."""
    last = flight.last
    driver = look.STRONG if flight.strong else look.WEAK
    duty = min(1.0, last.strong_steps / last.k) if last.k else 0.0
    line = [
        text(last.arm, 8, look.TEXT),
        text(str(last.key.task), 5, look.LABEL, right=True),
        text(f"{last.k}/{last.horizon}", 8, look.TEXT, right=True),
        gap(2),
        text(("▲ " if flight.strong else "· ") + last.active, 8, driver),
        text(_number(last.risk), 5, look.risk_style(last.risk, last.threshold), right=True),
        text(_number(last.threshold), 6, look.LABEL, right=True),
        gap(),
        *look.track(flight.track.cells, last.threshold, scale, color),
        text(str(last.fires), 6, look.TEXT if last.fires else look.FAINT, right=True),
        text(percent(duty), 5, look.TEXT if duty else look.FAINT, right=True),
    ]
    if words > 13:
        line += [gap(2), text(phrases[last.instruction], words - 2, look.LABEL)]
    return line


def _arm_line(name: str, tally: Tally, reference: bool, size: int) -> Line:
    """Draws the tally of one arm."""
    line = [text(name, 8, look.TEXT), text(str(tally.done), 9, look.TEXT, right=True), gap(2)]
    if not tally.done:
        return line
    rate = tally.successes / tally.done
    interval = _interval(tally.successes, tally.done)
    line += [
        *bar(rate, size, look.GOOD),
        text(f" {100 * rate:5.1f} %", 8, look.TEXT),
        text(f" [{100 * interval.low:.0f}, {100 * interval.high:.0f}]", 12, look.LABEL),
    ]
    if reference:
        line += [text("-", 10, look.FAINT, right=True), text("-", 10, look.FAINT, right=True)]
    else:
        won, lost = tally.recovered, tally.disrupted
        line.append(text(str(won), 10, look.GOOD if won else look.FAINT, right=True))
        line.append(text(str(lost), 10, look.BAD if lost else look.FAINT, right=True))
    return [*line, text(percent(tally.duty), 6, look.TEXT, right=True)]


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


@lru_cache(maxsize=256)
def _interval(successes: int, n: int) -> Interval:
    """Remembers intervals: they change once per episode and are drawn ten times a second."""
    return wilson(successes, n)
