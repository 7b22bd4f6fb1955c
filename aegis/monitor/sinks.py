"""Monitor sinks: the live panel, or plain lines where there is no terminal."""

from __future__ import annotations

import io
import math
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
    """Measures the rate of a run [control steps per second] over its last minute or so.

    Steps, not episodes: successes end early, so finished episodes come in bursts.

    Args:
        period: Shortest time between two samples [s].
        window: Samples that the rate is taken over.
        least: Time that the rate is taken over at least [s]; the first steps are no measure.
    """

    def __init__(self, period: float = 0.5, window: int = 120, least: float = 2.0) -> None:
        self._period, self._least = period, least
        self._samples: deque[tuple[float, int]] = deque([(0.0, 0)], maxlen=window)
        self._latest = (0.0, 0)

    def add_sample(self, elapsed: float, steps: int) -> None:
        """Notes the control steps played so far, a time after the run was opened [s]."""
        if not steps:  # Worlds and policies are still being built.
            self._samples[0] = (elapsed, 0)
        self._latest = (elapsed, steps)
        if elapsed - self._samples[-1][0] >= self._period:
            self._samples.append(self._latest)

    def measure_pace(self, elapsed: float, left: float) -> Pace:
        """Returns the pace of the run.

        Args:
            elapsed: Time since the run was opened [s].
            left: Control steps still to be played; NaN if unknown.
        """
        (began, before), (now, steps) = self._samples[0], self._latest
        known = now - began >= self._least and steps > before
        rate = (steps - before) / (now - began) if known else math.nan
        return Pace(elapsed, rate, left / rate)


class PanelSink:
    """Shows a live panel on a terminal.

    Events only note what happened. Drawing is limited to 10 Hz, and further if it would take more
    than a hundredth of the time.

    Args:
        console: The terminal.
        title: Name of the run.
        clock: Monotonic time [s].
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
        self._meter, self._began = RateMeter(), clock()
        self._elapsed: float | None = None
        self._live = self._build_live()
        self._lock = threading.Lock()
        self._due = clock()
        self._over = threading.Event()

    def on_run_opened(self, total: int, done: int, arms: Sequence[str]) -> None:
        """Shows the panel; a sink may be opened again once it was closed."""
        self.board = Board(self._reference)
        self.board.open_run(total, done, arms)
        self._meter, self._began = RateMeter(), self._clock()
        self._elapsed, self._due = None, self._began
        self._live, self._over = self._build_live(), threading.Event()
        self._live.start(refresh=True)
        # The thread keeps the event of its own run: opening again makes another one.
        over = self._over
        threading.Thread(
            target=self._redraw_when_idle, args=(over,), name="monitor", daemon=True
        ).start()

    def on_progress(self, progress: EpisodeProgress) -> None:
        """Notes the state of an episode in flight."""
        with self._lock:
            self.board.add_progress(progress)
            self._sample_pace()
            self._draw_if_due()

    def on_episode_finished(self, episode: EpisodeRow) -> None:
        """Notes a finished episode."""
        with self._lock:
            self.board.add_episode(episode)
            self._sample_pace()
            self._draw_if_due()

    def on_pace(self, elapsed: float, steps: int, resumed: int) -> None:
        """Takes the pace of a run in another process; nothing is measured here from then on.

        Args:
            elapsed: Time since the run was opened [s].
            steps: Control steps that it played since.
            resumed: Episodes that were finished before it was opened.
        """
        with self._lock:
            self.board.resumed = resumed
            if self._elapsed is None:
                self._meter = RateMeter()
            self._elapsed = elapsed
            self._meter.add_sample(elapsed, steps)
            self._draw_if_due()

    def on_run_closed(self) -> None:
        """Draws a last time and leaves the panel on the screen."""
        # Before the lock: a redraw that waits for it then draws no more.
        self._over.set()
        with self._lock:
            self._live.refresh()
            self._live.stop()

    def build_panel(self) -> RunPanel:
        """Returns what is drawn now."""
        elapsed = self._clock() - self._began if self._elapsed is None else self._elapsed
        pace = self._meter.measure_pace(elapsed, self.board.estimate_steps_left())
        return RunPanel(self.board, pace, self._title)

    def _sample_pace(self) -> None:
        if self._elapsed is None:
            self._meter.add_sample(self._clock() - self._began, self.board.played)

    def _draw_if_due(self) -> None:
        """Draws if it is due, and keeps drawing below a hundredth of the wall time."""
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
        clock: Monotonic time [s].
        reference: The arm against which recovered and disrupted units are counted.
    """

    def __init__(
        self, console: Console, clock: Callable[[], float], reference: str = "weak"
    ) -> None:
        self.board = Board(reference)
        self._reference = reference
        self._console = console
        self._clock = clock
        self._meter, self._began = RateMeter(), clock()

    def on_run_opened(self, total: int, done: int, arms: Sequence[str]) -> None:
        """Writes what is ahead."""
        self.board = Board(self._reference)
        self.board.open_run(total, done, arms)
        self._meter, self._began = RateMeter(), self._clock()
        before = f", {done} finished before" if done else ""
        self._print_line(f"{total} episodes{before}; arms: {', '.join(arms)}")

    def on_progress(self, progress: EpisodeProgress) -> None:
        """Writes nothing: lines are for finished episodes."""
        self.board.add_progress(progress)

    def on_episode_finished(self, episode: EpisodeRow) -> None:
        """Writes the line of a finished episode."""
        board = self.board
        board.add_episode(episode)
        done = board.finished
        if done <= board.resumed:
            return
        elapsed = self._clock() - self._began
        self._meter.add_sample(elapsed, board.played)
        pace = self._meter.measure_pace(elapsed, board.estimate_steps_left())
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
        """Writes the tally of each arm over complete units."""
        board = self.board
        whole = board.complete_units == board.units
        note = "" if whole else f", over the first {board.complete_units} of {board.units} units"
        for name, tally in board.tallies.items():
            if tally.units:
                share = format_percent_of(tally.successes, tally.units)
                solved = f"{tally.successes}/{tally.units} successes ({share})"
                self._print_line(f"{name:<10} {solved}{note}")

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
