"""Driving: runs a node in the terminal, on a simulated robot, with a person at the keyboard."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aegis.app.config.composition import ComposedConfig
from aegis.app.config.lab import choose_units, make_world_factory, read_suite_name
from aegis.app.config.settings import Settings
from aegis.app.robot.planning import build_environment, build_plan, read_contract_node
from aegis.app.robot.robot_process import RobotProcess
from aegis.app.robot.terminal import RobotTerminal, read_script, read_seconds
from aegis.app.screen import Json, Screen
from aegis.core.types import EpisodeKey
from aegis.records.provenance import read_versions
from aegis.ros.contract.contract import Contract
from aegis.ros.message import cdr as m
from aegis.ros.node import Node
from aegis.ros.operator_desk import KEY_NAMES, KEYS, OperatorDesk
from aegis.ros.recorder import Recorder
from aegis.ros.simulated_robot import OUTCOME, RESTART, RobotSettings
from aegis.ros.topics import Topic, list_topics
from aegis.runtime.bus import Bus
from aegis.runtime.bus_reader import BusReader

_NODE = "/aegis"
"""Full name of the node, in its recording."""
_SIMULATION_TOPICS = (Topic(OUTCOME, m.STRING, "inside"), Topic(RESTART, m.EMPTY, "inside"))
_KEYS = (*KEYS, ("n", "next start"), ("q", "quit"))


class _SimulationView:
    """What is seen of a node and a simulated robot that run beside this process."""

    def __init__(self, node: Node, robot: RobotProcess, bus: Bus) -> None:
        self._node, self._robot = node, robot
        self._outcomes = BusReader(bus, [OUTCOME], everything=True)
        self._outcome: dict[str, Any] = {}

    def look(self) -> Sequence[Mapping[str, Any]]:
        self._robot.check_alive()
        return self._node.look()

    def list_ages(self) -> Mapping[str, float | None]:
        return self._node.diagnostics.list_ages(time.monotonic_ns())

    def describe_recorder(self) -> Mapping[str, Any]:
        return self._node.describe_recorder()

    def read_outcome(self) -> Mapping[str, Any]:
        for _, raw in self._outcomes.take_new():
            self._outcome = m.decode_json(raw, OUTCOME)
        return self._outcome


def drive_simulation(composed: ComposedConfig, screen: Screen) -> Mapping[str, Json]:
    """Runs `aegis drive`; returns what happened."""
    settings = Settings(composed.tree)
    seconds, script = read_seconds(settings), read_script(settings, (*KEY_NAMES, "n", "q"))
    contract = read_contract_node(composed)
    say_unwatched(contract, screen)
    key = choose_start(composed)
    topics = (*list_topics(contract), *_SIMULATION_TOPICS)
    bus = Bus.create([topic.build_bus_topic() for topic in topics])
    recorder = open_recorder(composed, bus, topics, _NODE)
    stops = settings.choice("record_failure", ("continue", "stop")) == "stop"
    node = Node(build_plan(composed, contract, key), bus, recorder, stops)
    robot = RobotProcess(
        make_world_factory(composed),
        contract,
        bus,
        read_robot_settings(settings, key),
        build_environment(settings),
    )
    desk = OperatorDesk(contract, bus)
    view = _SimulationView(node, robot, bus)
    terminal = RobotTerminal(view, desk, contract, f"drive · {key}", _KEYS, screen)

    def press_key(name: str) -> None:
        if name != "n":
            desk.press_key(name)
        elif desk.status.get("life") == "active":
            desk.answer = "next start: refused while active; disable first"
        else:
            bus.write_message(RESTART, m.encode_message(m.EMPTY), time.monotonic_ns())

    try:
        node.configure()
        terminal.run(
            press_key,
            lambda: node.over,
            settings.flag("enable"),
            seconds,
            script,
        )
    finally:
        node.close()
        robot.close()
        bus.close()
    return {**summarise_node(node), "outcome": dict(terminal.board.outcome)}


def say_unwatched(contract: Contract, screen: Screen) -> None:
    """Says which checks of a contract are turned off, before anything moves."""
    off = contract.list_unwatched()
    screen.print_note(f"not watched or bounded: {'; '.join(off) or 'nothing'}")


def choose_start(composed: ComposedConfig) -> EpisodeKey:
    """Returns the first start state of a configuration."""
    settings = Settings(composed.tree)
    suite = read_suite_name(composed)
    return choose_units(settings, settings.level("start"), suite, 1, None, None)[0]


def read_robot_settings(settings: Settings, key: EpisodeKey) -> RobotSettings:
    """Returns how a simulated robot is to behave.

    Args:
        settings: The configuration.
        key: Its first start state.
    """
    level = settings.level("robot")
    timeout = level.number("command_timeout", 0, 60)
    return RobotSettings(key, level.integer("picture_every", 1), timeout)


def open_recorder(
    composed: ComposedConfig, bus: Bus, topics: tuple[Topic, ...], node: str
) -> Recorder | None:
    """Opens the bag that a configuration names; None if it names none.

    Args:
        composed: The configuration.
        bus: The bus.
        topics: Topics to record.
        node: Full name of the node.
    """
    settings = Settings(composed.tree)
    if settings.value("record") is None:
        return None
    facts = {
        "command": composed.name,
        "overrides": list(composed.overrides),
        "config": composed.text,
        "versions": read_versions(),
    }
    return Recorder(Path(settings.text("record")), bus, topics, node, facts)


def summarise_node(node: Node) -> dict[str, Json]:
    """Returns what a node did."""
    whole = node.diagnostics.whole
    late = sorted(whole.late)
    return {
        "ticks": whole.ticks,
        "missed": whole.missed,
        "held": whole.holds,
        "drove": dict(whole.rungs),
        "late_p99_ms": late[int(0.99 * (len(late) - 1))] / 1e6 if late else None,
        "fault": str(node.status.get("fault", "")),
        "recorder": node.describe_recorder(),
    }
