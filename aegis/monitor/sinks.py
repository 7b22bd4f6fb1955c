"""Monitor sinks: the live panel, or plain lines where there is no terminal."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.live import Live

from aegis.fleet.progress import EpisodeProgress, ProgressSink
from aegis.monitor import drawing
from aegis.monitor.board import Board
from aegis.monitor.panel import Pace, RunPanel
from aegis.records.rows import EpisodeRow

DRAW_PERIOD = 0.1  # [s]; 10 Hz at most
IDLE_PERIOD = 0.5  # [s]; how often the clock moves on when nothing happens
MAX_DRAW_SHARE = 0.01  # most of the time that drawing may take


class RateMeter:
    """Measures the rate of a run over its last episodes.

    Args:
        clock: Returns a time that never goes back [s].
        window: Finished episodes that the rate is taken over.
    """

    def __init__(self, clock: Callable[[], float], window: int = 40) -> None:
        self._clock = clock
        self._start = clock()
        self._times: deque[float] = deque([self._start], maxlen=window)

    def count_episode(self) -> None:
        """Notes that an episode has finished."""
        self._times.append(self._clock())

    def measure_pace(self, left: int) -> Pace:
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
        self._meter = RateMeter(clock)
        self._live = self._build_live()
        self._lock = threading.Lock()
        self._due = clock()
        self._over = threading.Event()

    def on_run_opened(self, total: int, done: int, arms: Sequence[str]) -> None:
        """Shows the panel; a sink may be opened again once it was closed."""
        self.board = Board(self._reference)
        self.board.open_run(total, done, arms)
        self._meter, self._due = RateMeter(self._clock), self._clock()
        self._live, self._over = self._build_live(), threading.Event()
        self._live.start(refresh=True)
        over = self._over
        threading.Thread(
            target=self._redraw_when_idle, args=(over,), name="monitor", daemon=True
        ).start()

    def on_progress(self, progress: EpisodeProgress) -> None:
        """Notes the state of an episode in flight."""
        with self._lock:
            self.board.add_progress(progress)
            self._draw_if_due()

    def on_episode_finished(self, episode: EpisodeRow) -> None:
        """Notes a finished episode."""
        with self._lock:
            self.board.add_episode(episode)
            if self.board.finished > self.board.resumed:
                self._meter.count_episode()
            self._draw_if_due()

    def on_run_closed(self) -> None:
        """Draws a last time and leaves the panel on the screen."""
        self._over.set()
        with self._lock:
            self._live.refresh()
            self._live.stop()

    def build_panel(self) -> RunPanel:
        """Returns what is drawn now."""
        board = self.board
        left = max(0, board.total - board.finished)
        return RunPanel(board, self._meter.measure_pace(left), self._title)

    def _draw_if_due(self) -> None:
        """Draws if it is time to; the dearer a drawing was, the longer until the next."""
        now = self._clock()
        if now < self._due or self._over.is_set():
            return
        self._live.refresh()
        cost = self._clock() - now
        self._due = now + max(DRAW_PERIOD, cost / MAX_DRAW_SHARE)

    def _build_live(self) -> Live:
        return Live(console=self._console, auto_refresh=False, get_renderable=self.build_panel)

    def _redraw_when_idle(self, over: threading.Event) -> None:
        while not over.wait(IDLE_PERIOD):
            with self._lock:
                self._draw_if_due()


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
        self._meter = RateMeter(clock)

    def on_run_opened(self, total: int, done: int, arms: Sequence[str]) -> None:
        """Says what is ahead."""
        self.board = Board(self._reference)
        self.board.open_run(total, done, arms)
        self._meter = RateMeter(self._clock)
        before = f", {done} finished before" if done else ""
        self._print_line(f"{total} episodes{before}; arms: {', '.join(arms)}")

    def on_progress(self, progress: EpisodeProgress) -> None:
        """Writes nothing: lines are for what is over."""
        del progress  # Unused.

    def on_episode_finished(self, episode: EpisodeRow) -> None:
        """Writes the line of a finished episode."""
        board = self.board
        board.add_episode(episode)
        if board.finished > board.resumed:
            self._meter.count_episode()
        done = board.finished
        if done <= board.resumed:
            return
        pace = self._meter.measure_pace(board.total - done)
        left = f"  left {drawing.format_duration(pace.left)}" if pace.left > 0 else ""
        place = f"[{done:>{len(str(board.total))}}/{board.total}]"
        outcome = "success" if episode.success else "failure"
        start = f"{episode.start}/{episode.index}"
        self._print_line(
            f"{place} {episode.arm:<10} task {episode.task:<2} {start:<14} {outcome} "
            f"{episode.steps:>4} steps  fires {episode.fires}  "
            f"duty {drawing.format_percent(episode.duty):>5}{left}"
        )

    def on_run_closed(self) -> None:
        """Writes the tally of each arm."""
        for name, tally in self.board.tallies.items():
            if tally.done:
                share = format_percent_of(tally.successes, tally.done)
                self._print_line(f"{name:<10} {tally.successes}/{tally.done} successes ({share})")

    def _print_line(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def write_panel_svg(sink: PanelSink, path: Path, width: int = 120) -> None:
    """Writes the panel as SVG."""
    console = Console(
        record=True, width=width, height=40, force_terminal=True, file=io.StringIO(), no_color=False
    )
    console.print(sink.build_panel())
    path.parent.mkdir(parents=True, exist_ok=True)
    console.save_svg(str(path), title="aegis")


def format_percent_of(part: int, whole: int) -> str:
    """Returns ``part`` of ``whole`` as a percentage."""
    return f"{100 * part / whole:.1f} %"


def choose_sink(
    console: Console, title: str, clock: Callable[[], float], reference: str = "weak"
) -> ProgressSink:
    """Returns the panel for a terminal and plain lines for everything else."""
    if console.is_terminal and not console.is_dumb_terminal:
        return PanelSink(console, title, clock, reference)
    return LineSink(console, clock, reference)
