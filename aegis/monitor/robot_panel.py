"""Robot panel: how a robot is being driven, for the terminal of its operator."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_STYLES = {
    "active": "bold green", "inactive": "bold", "fault": "bold white on red",
    "unconfigured": "dim", "finalized": "dim",
}  # fmt: skip
_BLOCKS = " ▁▂▃▄▅▆▇█"
_REMEMBERED = 160


@dataclass(slots=True)
class RobotBoard:
    """What is known of a robot.

    Attributes:
        title: What is driven.
        keys: Key to what it does.
        status: The driver's status.
        ages: Input topic to the age of its newest message [s]; None before the first.
        limits: Input topic to the age from which on it is stale [s].
        rate: Ticks per second that were asked for [Hz].
        stopped: Whether the operator stopped the robot.
        answer: What came of the operator's last request.
        recorder: What the recorder says of itself; empty without one.
        outcome: What the simulated robot says of its task; empty for a real one.
        drivers: Who drove at each of the last ticks.
        risks: First score at each of the last chunks.
        ticks: Ticks so far.
        missed: Ticks that were missed.
        holds: Ticks at which the robot held.
        latest: Largest lateness of the last ticks [ns].
        took: Rung to how long its last answer took [ns].
        row: The last tick.
    """

    title: str
    keys: Sequence[tuple[str, str]] = ()
    status: Mapping[str, Any] = field(default_factory=dict)
    ages: Mapping[str, float | None] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    rate: float = 0.0
    stopped: bool = False
    answer: str = ""
    recorder: Mapping[str, Any] = field(default_factory=dict)
    outcome: Mapping[str, Any] = field(default_factory=dict)
    drivers: deque[str] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    risks: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    ticks: int = 0
    missed: int = 0
    holds: int = 0
    latest: int = 0
    took: dict[str, int] = field(default_factory=dict)
    row: Mapping[str, Any] = field(default_factory=dict)

    def add_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Takes note of ticks."""
        for row in rows:
            if row["alarm"]:
                continue
            self.row = row
            if "mode" not in row:
                continue
            self.drivers.append("" if row["command"] != "Act" else row["mode"])
            if row["scores"]:
                self.risks.append(float.fromhex(next(iter(row["scores"].values()))))


class RobotPanel:
    """Draws a board.

    Args:
        board: What to draw.
    """

    def __init__(self, board: RobotBoard) -> None:
        self._board = board

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields the frame and its lines."""
        width = min(options.max_width, 110)
        room = max(width - 18, 20)
        board = self._board
        lines = Table.grid(padding=(0, 2))
        lines.add_column(style="dim", width=10)
        lines.add_column()
        lines.add_row("state", self._draw_state())
        lines.add_row("drives", self._draw_drivers(room))
        lines.add_row("risk", self._draw_risk(room))
        lines.add_row("loop", self._draw_loop())
        lines.add_row("policies", self._draw_policies())
        lines.add_row("inputs", self._draw_inputs())
        if board.recorder:
            lines.add_row("recording", self._draw_recorder())
        if board.outcome:
            lines.add_row("task", self._draw_outcome())
        lines.add_row("answer", Text(board.answer or "-"))
        keys = Text("  ".join(f"[{key}] {meaning}" for key, meaning in board.keys), style="dim")
        yield Panel(Group(lines, Text(""), keys), title=f"AEGIS · {board.title}", width=width)

    def _draw_state(self) -> Text:
        status = self._board.status
        life = str(status.get("life", "unconfigured"))
        text = Text()
        text.append(f" {life.upper()} ", style=_STYLES.get(life, ""))
        if self._board.stopped:
            text.append("  E-STOP PRESSED", style="bold red")
        if status.get("taken_over"):
            text.append("  operator drives", style="bold magenta")
        if status.get("called"):
            text.append(f"  {status['called']} is called: take over", style="bold yellow")
        why = status.get("fault") or status.get("trouble")
        if why:
            text.append(f"  {why}", style="red" if status.get("fault") else "yellow")
        return text

    def _draw_drivers(self, room: int) -> Text:
        board = self._board
        rungs = list(board.status.get("rungs", ()))
        text = Text()
        for driver in list(board.drivers)[-room:]:
            strong = driver in rungs[1:]
            style = "magenta" if driver == "operator" else "yellow" if strong else "cyan"
            text.append("▪" if driver else "·", style=style if driver else "red")
        mode = str(board.status.get("mode", "") or "-")
        fires = board.status.get("fires", 0)
        return Text(f"{mode}, {fires} hand-over{'s' * (fires != 1)}  ") + text

    def _draw_risk(self, room: int) -> Text:
        board = self._board
        text = Text()
        for risk in list(board.risks)[-room:]:
            known = not math.isnan(risk)
            block = _BLOCKS[min(int(max(risk, 0.0) * 8), 8)] if known else "?"
            text.append(block, style="cyan" if known else "red")
        last = "-"
        if board.risks:
            last = "unknown" if math.isnan(board.risks[-1]) else f"{board.risks[-1]:.2f}"
        why = str(board.status.get("why", ""))
        return Text(f"{last}  ") + text + Text(f"  {why}", style="dim")

    def _draw_loop(self) -> Text:
        board = self._board
        worst = board.latest / 1e6
        text = Text(f"{board.rate:g} Hz  {board.ticks} ticks  ")
        text.append(f"{board.missed} missed", style="red" if board.missed else "")
        text.append(f"  {board.holds} held  late at most {worst:.1f} ms")
        return text

    def _draw_policies(self) -> Text:
        took = self._board.took
        return Text("  ".join(f"{rung} {t / 1e6:.0f} ms" for rung, t in took.items()) or "-")

    def _draw_inputs(self) -> Text:
        text = Text()
        for topic, age in self._board.ages.items():
            limit = self._board.limits.get(topic, 0.0)
            stale = age is None or (limit > 0 and age > limit)
            shown = "never" if age is None else f"{1000 * age:.0f} ms"
            text.append(f"{topic} ", style="dim")
            text.append(f"{shown}   ", style="red" if stale else "")
        return text

    def _draw_recorder(self) -> Text:
        one = self._board.recorder
        fault = str(one["fault"])
        return Text(fault or f"{one['written']} messages", style="red" if fault else "")

    def _draw_outcome(self) -> Text:
        one = self._board.outcome
        solved = f"solved at step {one['step']}" if one["solved"] else "not solved yet"
        return Text(f"start {one['start']}: {solved}", style="green" if one["solved"] else "")
