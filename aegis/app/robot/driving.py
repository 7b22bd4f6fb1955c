"""Driving: runs a node in the terminal, on a simulated robot, with a person at the keyboard."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.live import Live

from aegis.app.config.composition import ComposedConfig
from aegis.app.config.lab import choose_units, is_portable, make_world_factory, read_suite_name
from aegis.app.config.settings import Settings
from aegis.app.robot.keyboard import Keyboard, open_keyboard
from aegis.app.robot.planning import build_plan, read_contract_node
from aegis.app.robot.robot_process import RobotProcess
from aegis.app.screen import Json, Screen
from aegis.core.types import EpisodeKey
from aegis.host.dispatch import build_dispatch
from aegis.monitor.robot_panel import RobotBoard, RobotPanel
from aegis.records.provenance import read_versions
from aegis.ros import messages as m
from aegis.ros.contract import Contract
from aegis.ros.node import Node
from aegis.ros.operator_desk import KEYS, OperatorDesk
from aegis.ros.recorder import Recorder
from aegis.ros.simulated_robot import OUTCOME, RESTART, RobotSettings
from aegis.ros.topics import Topic, list_topics
from aegis.runtime.bus import Bus, BusReader

NODE = "/aegis"
"""Full name of the node."""
SIMULATION_TOPICS = (Topic(OUTCOME, m.STRING, "inside"), Topic(RESTART, m.EMPTY, "inside"))
_LOOK_EVERY = 0.03
_DRAW_EVERY = 0.1
_KEYS = (*KEYS, ("n", "next start"), ("q", "quit"))


def drive_simulation(composed: ComposedConfig, screen: Screen) -> Mapping[str, Json]:
    """Runs `aegis drive`; returns what happened."""
    settings = Settings(composed.tree)
    contract = read_contract_node(composed)
    key = choose_start(composed)
    topics = (*list_topics(contract), *SIMULATION_TOPICS)
    bus = Bus.create([topic.build_bus_topic() for topic in topics])
    recorder = open_recorder(composed, bus, topics)
    robot = RobotProcess(
        make_world_factory(composed),
        contract,
        bus,
        RobotSettings(
            key,
            settings.level("robot").integer("picture_every", 1),
            settings.level("robot").number("command_timeout", 0, 60),
        ),
        {**build_dispatch(is_portable(settings)), "OMP_NUM_THREADS": "1"},
    )
    node = Node(
        build_plan(composed, contract, key),
        bus,
        recorder,
        settings.choice("record_failure", ("continue", "stop")) == "stop",
    )
    try:
        node.configure()
        cab = DriverCab(node, contract, bus, f"drive · {key}", screen)
        limit = settings.value("seconds")
        seconds = None if limit is None else settings.number("seconds", 0, 10**7)
        with open_keyboard() as keyboard:
            cab.run(keyboard, robot, settings.flag("enable"), seconds)
    finally:
        node.close()
        robot.close()
        bus.close()
    return cab.summarise()


def choose_start(composed: ComposedConfig) -> EpisodeKey:
    """Returns the first start state of a configuration."""
    settings = Settings(composed.tree)
    suite = read_suite_name(composed)
    return choose_units(settings, settings.level("start"), suite, 1, None, None)[0]


def open_recorder(composed: ComposedConfig, bus: Bus, topics: tuple[Topic, ...]) -> Recorder | None:
    """Opens the bag that a configuration names; None if it names none."""
    folder = Settings(composed.tree).value("record")
    if folder is None:
        return None
    path = Path(Settings(composed.tree).text("record"))
    return Recorder(path, bus, topics, NODE, composed.text, read_versions())


class DriverCab:
    """The terminal of who drives: keys in, a panel out.

    Args:
        node: The node.
        contract: The robot.
        bus: The bus.
        title: What is driven.
        screen: Where to draw.
    """

    def __init__(
        self, node: Node, contract: Contract, bus: Bus, title: str, screen: Screen
    ) -> None:
        self._node, self._bus, self._screen = node, bus, screen
        self._desk = OperatorDesk(contract, bus)
        self._outcomes = BusReader(bus, [OUTCOME], everything=True)
        limits = {part.topic: part.max_age for part in contract.state}
        limits |= {level.topic: level.max_age for level in contract.levels.values()}
        limits |= {one.topic: one.max_age for one in contract.pictures.values()}
        self.board = RobotBoard(title, _KEYS, limits=limits, rate=contract.rate * contract.parts)
        self._said = ""

    def run(
        self, keyboard: Keyboard, robot: RobotProcess, enable: bool, seconds: float | None
    ) -> None:
        """Runs until q, the end of the time, or a signal.

        Args:
            keyboard: Keys.
            robot: The robot; its end is an error.
            enable: Whether to enable the robot as soon as that is granted.
            seconds: How long, from the first tick on [s]; None for no limit.
        """
        over = threading.Event()
        drawn, asked, started = 0.0, 0.0, None
        with _catch_signals(over), self._open_live() as live:
            while not over.is_set() and not self._node.over:
                for key in keyboard.wait_for_keys(_LOOK_EVERY):
                    self._press_key(key, over)
                robot.check_alive()
                self._desk.look()
                self.board.add_rows(self._node.look())
                now = time.monotonic()
                if self.board.ticks and started is None:
                    started = now
                ready = self._desk.status.get("life") == "inactive" and started is not None
                if enable and ready and not self.board.row.get("trouble") and now - asked > 1.0:
                    asked = now
                    self._desk.ask("enable")
                if now - drawn >= _DRAW_EVERY:
                    drawn = now
                    self._refresh(live)
                if seconds is not None and started is not None and now - started >= seconds:
                    over.set()
            self._refresh(live)

    def summarise(self) -> Mapping[str, Json]:
        """Returns what happened."""
        board, whole = self.board, self._node.diagnostics.whole
        late = sorted(whole.late)
        return {
            "ticks": whole.ticks,
            "missed": whole.missed,
            "held": whole.holds,
            "drove": dict(whole.rungs),
            "late_p99_ms": late[int(0.99 * (len(late) - 1))] / 1e6 if late else None,
            "fault": str(board.status.get("fault", "")),
            "solved": bool(board.outcome.get("solved", False)),
            "solved_at": board.outcome.get("step") if board.outcome.get("solved") else None,
            "recorder": dict(board.recorder),
        }

    def _press_key(self, key: str, over: threading.Event) -> None:
        if key == "q":
            over.set()
        elif key == "n":
            if self.board.status.get("life") == "active":
                self._desk.answer = "next start: refused while active; disable first"
            else:
                self._bus.write_message(RESTART, m.encode_message(m.EMPTY), time.monotonic_ns())
        else:
            self._desk.press_key(key)

    def _refresh(self, live: Live | None) -> None:
        board = self.board
        board.status, board.answer = self._desk.status, self._desk.answer
        board.stopped = self._desk.stopped
        board.ages = self._node.diagnostics.list_ages(time.monotonic_ns())
        board.recorder = self._node.describe_recorder()
        for _, raw in self._outcomes.take_new():
            board.outcome = m.decode_json(raw, OUTCOME)
        if live is not None:
            live.update(RobotPanel(board), refresh=True)
            return
        said = self._describe_news(board)
        if said != self._said:
            self._said = said
            self._screen.print_line(f"{time.strftime('%H:%M:%S')}  {said}")

    def _describe_news(self, board: RobotBoard) -> str:
        status = board.status
        why = status.get("fault") or ""
        parts = [str(status.get("life", "unconfigured")), str(status.get("mode", "")), str(why)]
        if board.answer:
            parts.append(f"({board.answer})")
        if board.outcome.get("solved"):
            parts.append(f"solved at step {board.outcome['step']}")
        return " ".join(part for part in parts if part)

    @contextlib.contextmanager
    def _open_live(self) -> Iterator[Live | None]:
        console = self._screen.out
        if self._screen.machine or not console.is_terminal:
            yield None
            return
        with Live(console=console, auto_refresh=False, screen=False) as live:
            yield live


@contextlib.contextmanager
def _catch_signals(over: threading.Event) -> Iterator[None]:
    """Lets SIGTERM and SIGINT end the run in order."""

    def end(number: int, frame: Any) -> None:
        del number, frame
        over.set()

    before = {one: signal.signal(one, end) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
