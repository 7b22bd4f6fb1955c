"""Robot terminal: keys in, a panel out, or lines where there is no terminal."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from rich.live import Live

from aegis.app.config.settings import Settings
from aegis.app.robot.keyboard import open_keyboard
from aegis.app.robot.signals import catch_signals
from aegis.app.screen import Screen
from aegis.core.errors import ConfigError, UnknownNameError
from aegis.monitor.robot_panel import RobotBoard, RobotPanel
from aegis.ros.contract.contract import Contract
from aegis.ros.diagnostics import LoopCounts
from aegis.ros.operator_desk import OperatorDesk

_LOOK_EVERY = 0.03
_DRAW_EVERY = 0.1
_ASK_AGAIN = 1.0
_RECENT = 200
"""Ticks over which the panel shows the latest wake-up."""


class RobotView(Protocol):
    """What is seen of a robot from here."""

    def look(self) -> Sequence[Mapping[str, Any]]:
        """Returns the rows of the ticks since the last look.

        Raises:
            AegisError: If there is nothing to be seen any more.
        """
        ...

    def list_ages(self) -> Mapping[str, float | None]:
        """Returns input to the age of its newest message [s]; None before the first."""
        ...

    def describe_recorder(self) -> Mapping[str, Any]:
        """Returns how the recording stands; empty without one."""
        ...

    def read_outcome(self) -> Mapping[str, Any]:
        """Returns what came of the task; empty where nobody knows."""
        ...


class RobotTerminal:
    """Keys and panel.

    Args:
        view: What is seen of the robot.
        desk: The operator's switches and requests.
        contract: The robot.
        title: What is driven.
        keys: Key to what it does.
        screen: Where to draw.
    """

    def __init__(
        self,
        view: RobotView,
        desk: OperatorDesk,
        contract: Contract,
        title: str,
        keys: Sequence[tuple[str, str]],
        screen: Screen,
    ) -> None:
        self._view, self._desk, self._screen = view, desk, screen
        rate = contract.rate * contract.parts
        self.board = RobotBoard(title, keys, limits=contract.age_limits, rate=rate)
        self._counts = LoopCounts()
        self._said, self._asked = "", 0.0

    def run(
        self,
        press_key: Callable[[str], None],
        is_over: Callable[[], bool],
        enable: bool,
        seconds: float | None,
        script: Sequence[tuple[float, str]] = (),
    ) -> None:
        """Runs until q, the end of the time, a signal, or until it is over.

        Args:
            press_key: Does what a key means; q ends the run by itself.
            is_over: Whether it is over.
            enable: Whether to enable the robot as soon as that is granted.
            seconds: How long, from the first tick on [s]; None for no limit.
            script: Keys that are pressed by themselves, each at its time from the first tick on
                [s]; in order.
        """
        left = list(script)
        over = threading.Event()
        drawn, started = 0.0, None
        with catch_signals(over), open_keyboard() as keyboard, self._open_live() as live:
            while not over.is_set() and not is_over():
                for key in keyboard.wait_for_keys(_LOOK_EVERY):
                    over.set() if key == "q" else press_key(key)
                self._desk.look()
                self._take_rows(self._view.look())
                now = time.monotonic()
                if self._counts.ticks and started is None:
                    started = now
                while left and started is not None and now - started >= left[0][0]:
                    press_key(left.pop(0)[1])
                if enable and started is not None:
                    self._enable_when_ready(now)
                if now - drawn >= _DRAW_EVERY:
                    drawn = now
                    self._refresh(live)
                if seconds is not None and started is not None and now - started >= seconds:
                    over.set()
            self._refresh(live)

    def _take_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            self._counts.add_row(row)
        self.board.add_rows(rows)

    def _enable_when_ready(self, now: float) -> None:
        ready = self._desk.status.get("life") == "inactive"
        if ready and not self.board.row.get("trouble") and now - self._asked > _ASK_AGAIN:
            self._asked = now
            self._desk.ask("enable")

    def _refresh(self, live: Live | None) -> None:
        board = self.board
        if self._desk.status.get("called") and not board.status.get("called"):
            self._screen.out.bell()
        board.status, board.answer = self._desk.status, self._desk.answer
        board.stopped = self._desk.stopped
        board.ages, board.recorder = self._view.list_ages(), self._view.describe_recorder()
        board.outcome = self._view.read_outcome()
        counts = self._counts
        board.ticks, board.missed, board.holds = counts.ticks, counts.missed, counts.holds
        board.latest = max(islice(reversed(counts.late), _RECENT), default=0)
        board.took = {rung: took[-1] for rung, took in counts.took.items()}
        if live is not None:
            live.update(RobotPanel(board), refresh=True)
            return
        said = _describe_news(board)
        if said != self._said:
            self._said = said
            self._screen.print_line(f"{time.strftime('%H:%M:%S')}  {said}")

    @contextlib.contextmanager
    def _open_live(self) -> Iterator[Live | None]:
        console = self._screen.out
        if self._screen.machine or not console.is_terminal:
            yield None
            return
        with Live(console=console, auto_refresh=False) as live:
            yield live


def read_seconds(settings: Settings) -> float | None:
    """Returns how long to run [s]; None for no limit."""
    return None if settings.value("seconds") is None else settings.number("seconds", 0, 10**7)


def read_script(settings: Settings, keys: Sequence[str]) -> list[tuple[float, str]]:
    """Reads keys that are pressed by themselves.

    Args:
        settings: The configuration.
        keys: Keys that mean something.

    Raises:
        ConfigError: If an entry is no pair of seconds and key, or they are out of order.
        UnknownNameError: If a key means nothing.
    """
    value = settings.value("script")
    script: list[tuple[float, str]] = []
    for entry in value if isinstance(value, list) else [value]:
        match entry:
            case [int() | float() as seconds, str(key)] if not isinstance(seconds, bool):
                if key not in keys:
                    raise UnknownNameError("key", key, keys, "'script'")
                script.append((float(seconds), key))
            case _:
                raise ConfigError(
                    "'script' must be a list of [seconds, key], for example [[8, space], [10, r]]. "
                    f"Got: {value!r}."
                )
    if script != sorted(script, key=lambda one: one[0]):
        raise ConfigError(f"'script' must be in order of time. Got: {value!r}.")
    return script


def _describe_news(board: RobotBoard) -> str:
    status = board.status
    parts = [str(status.get(name, "")) for name in ("life", "mode", "fault")]
    if status.get("called"):
        parts.append(f"{status['called']} is called")
    if board.answer:
        parts.append(f"({board.answer})")
    if board.outcome.get("solved"):
        parts.append(f"solved at step {board.outcome['step']}")
    return " ".join(part for part in parts if part) or "waiting"
