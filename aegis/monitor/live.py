"""Sinks that show a run while it runs: a panel on a terminal, plain lines anywhere else."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.live import Live

from aegis.fleet.progress import Progress, Sink
from aegis.monitor import look
from aegis.monitor.board import Board
from aegis.monitor.panel import Pace, Panel
from aegis.records.rows import EpisodeRow

PERIOD = 0.1  # [s]; 10 Hz at most
IDLE = 0.5  # [s]; how often the clock moves on when nothing happens
SHARE = 0.01  # most of the time that drawing may take


class Meter:
    """Measures the rate of a run over its last episodes.

    Args:
        clock: Returns a time that never goes back [s].
        window: Finished episodes that the rate is taken over.
    """

    def __init__(self, clock: Callable[[], float], window: int = 40) -> None:
        self._clock = clock
        self._start = clock()
        self._times: deque[float] = deque([self._start], maxlen=window)

    def tick(self) -> None:
        """Notes that an episode has finished."""
        self._times.append(self._clock())

    def pace(self, left: int) -> Pace:
        """Returns elapsed time, rate, and the time that ``left`` episodes will take."""
        now = self._clock()
        span = self._times[-1] - self._times[0]
        rate = (len(self._times) - 1) / span if span > 0 else float("nan")
        return Pace(now - self._start, rate, left / rate if rate > 0 else float("nan"))


class PanelSink:
    """Shows a live panel on a terminal.

    Events only note what happened. Drawing is limited to 10 Hz, and further if it would take more
    than a hundredth of the time.

    Args:
        console: The terminal.
        title: Name of the run.
        clock: Returns a time that never goes back [s].
        reference: The arm against which recovered and disrupted units are counted.
    """

    def __init__(
        self, console: Console, title: str, clock: Callable[[], float], reference: str = "weak"
    ) -> None:
        self.board = Board(reference)
        self._reference = reference
        self._console = console
        self._title = title
        self._clock = clock
        self._meter = Meter(clock)
        self._live = self._screen()
        self._lock = threading.Lock()
        self._due = clock()
        self._over = threading.Event()

    def opened(self, total: int, done: int, arms: Sequence[str]) -> None:
        """Shows the panel; a sink may be opened again once it was closed."""
        self.board = Board(self._reference)
        self.board.open(total, done, arms)
        self._meter, self._due = Meter(self._clock), self._clock()
        self._live, self._over = self._screen(), threading.Event()
        self._live.start(refresh=True)
        over = self._over
        threading.Thread(target=self._idle, args=(over,), name="monitor", daemon=True).start()

    def progress(self, progress: Progress) -> None:
        """Notes the state of an episode in flight."""
        with self._lock:
            self.board.progress(progress)
            self._draw()

    def finished(self, episode: EpisodeRow) -> None:
        """Notes a finished episode."""
        with self._lock:
            self.board.finish(episode)
            if self.board.finished > self.board.resumed:
                self._meter.tick()
            self._draw()

    def closed(self) -> None:
        """Draws a last time and leaves the panel on the screen."""
        self._over.set()
        with self._lock:
            self._live.refresh()
            self._live.stop()

    def panel(self) -> Panel:
        """Returns what is drawn now."""
        board = self.board
        left = max(0, board.total - board.finished)
        return Panel(board, self._meter.pace(left), self._title)

    def _draw(self) -> None:
        """Draws if it is time to; the dearer a drawing was, the longer until the next."""
        now = self._clock()
        if now < self._due or self._over.is_set():
            return
        self._live.refresh()
        cost = self._clock() - now
        self._due = now + max(PERIOD, cost / SHARE)

    def _screen(self) -> Live:
        return Live(console=self._console, auto_refresh=False, get_renderable=self.panel)

    def _idle(self, over: threading.Event) -> None:
        while not over.wait(IDLE):
            with self._lock:
                self._draw()


class LineSink:
    """Writes one plain line per finished episode; for files, pipes and continuous integration.

    Args:
        console: Where to.
        clock: Returns a time that never goes back [s].
        reference: The arm against which recovered and disrupted units are counted.
    """

    def __init__(
        self, console: Console, clock: Callable[[], float], reference: str = "weak"
    ) -> None:
        self.board = Board(reference)
        self._reference = reference
        self._console = console
        self._clock = clock
        self._meter = Meter(clock)

    def opened(self, total: int, done: int, arms: Sequence[str]) -> None:
        """Says what is ahead."""
        self.board = Board(self._reference)
        self.board.open(total, done, arms)
        self._meter = Meter(self._clock)
        before = f", {done} finished before" if done else ""
        self._say(f"{total} episodes{before}; arms: {', '.join(arms)}")

    def progress(self, progress: Progress) -> None:
        """Writes nothing: lines are for what is over."""
        del progress  # Unused.

    def finished(self, episode: EpisodeRow) -> None:
        """Writes the line of a finished episode."""
        board = self.board
        board.finish(episode)
        if board.finished > board.resumed:
            self._meter.tick()
        done = board.finished
        if done <= board.resumed:
            return
        pace = self._meter.pace(board.total - done)
        left = f"  left {look.duration(pace.left)}" if pace.left > 0 else ""
        place = f"[{done:>{len(str(board.total))}}/{board.total}]"
        outcome = "success" if episode.success else "failure"
        start = f"{episode.start}/{episode.index}"
        self._say(
            f"{place} {episode.arm:<10} task {episode.task:<2} {start:<14} {outcome} "
            f"{episode.steps:>4} steps  fires {episode.fires}  "
            f"duty {look.percent(episode.duty):>5}{left}"
        )

    def closed(self) -> None:
        """Writes the tally of each arm."""
        for name, tally in self.board.tallies.items():
            if tally.done:
                share = percent_of(tally.successes, tally.done)
                self._say(f"{name:<10} {tally.successes}/{tally.done} successes ({share})")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def picture(sink: PanelSink, path: Path, width: int = 120) -> None:
    """Writes the panel as SVG."""
    console = Console(
        record=True, width=width, height=40, force_terminal=True, file=io.StringIO(), no_color=False
    )
    console.print(sink.panel())
    path.parent.mkdir(parents=True, exist_ok=True)
    console.save_svg(str(path), title="aegis")


def percent_of(part: int, whole: int) -> str:
    """Returns ``part`` of ``whole`` as a percentage."""
    return f"{100 * part / whole:.1f} %"


def sink_for(
    console: Console, title: str, clock: Callable[[], float], reference: str = "weak"
) -> Sink:
    """Returns the panel for a terminal and plain lines for everything else."""
    if console.is_terminal and not console.is_dumb_terminal:
        return PanelSink(console, title, clock, reference)
    return LineSink(console, clock, reference)
