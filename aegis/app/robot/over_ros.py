"""Over ROS: runs a node, a simulated robot or an operator's console as ROS 2 nodes."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aegis.app.config.composition import ComposedConfig, compose_config
from aegis.app.config.folders import find_config_folders
from aegis.app.config.lab import make_world_factory
from aegis.app.config.settings import Settings
from aegis.app.robot.driving import (
    choose_start,
    open_recorder,
    read_robot_settings,
    say_unwatched,
    summarise_node,
)
from aegis.app.robot.planning import build_plan, read_contract_node
from aegis.app.robot.signals import catch_signals
from aegis.app.screen import Json, Screen
from aegis.core.types import EpisodeKey
from aegis.ros.contract.contract import Contract
from aegis.ros.message import cdr as m
from aegis.ros.node import Node
from aegis.ros.recorder import resolve_topic
from aegis.ros.simulated_robot import OUTCOME, RESTART, SimulatedRobot
from aegis.ros.topics import Topic, list_inputs, list_topics
from aegis.ros.wire.process import TRANSPORTS, WireProcess, WireTopic
from aegis.runtime.bus import Bus
from aegis.runtime.realtime.lifecycle import Life

_START_PATIENCE = 60.0
"""How long ROS 2 may take to start [s]."""
_LOOK_EVERY = 0.03


def compose_with_parameters(
    name: str, options: argparse.Namespace, parameters: Mapping[str, Any]
) -> ComposedConfig:
    """Composes a configuration that parameters of ROS 2 override, and the command line both.

    Args:
        name: Name of the configuration.
        options: Options of the command line.
        parameters: Dotted name to value.
    """
    given = [f"{key}={_format_value(value)}" for key, value in parameters.items()]
    folders = find_config_folders(name, options.config_dir)
    return compose_config(name, [*given, *options.overrides], *folders)


def run_node(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    """Runs `aegis ros node` until a signal, or a request to shut down."""
    over = threading.Event()
    # A bag gets its end also when the node is stopped while it loads, or is told so twice.
    with (
        open_wire("ros_node", options, lifecycle=True) as (wire, composed),
        catch_signals(over),
    ):
        settings = Settings(composed.tree)
        contract = read_contract_node(composed)
        say_unwatched(contract, screen)
        topics = list_topics(contract)
        bus = Bus.create([topic.build_bus_topic() for topic in topics])
        recorder = open_recorder(composed, bus, topics, _name_node(settings))
        stops = settings.choice("record_failure", ("continue", "stop")) == "stop"
        key = EpisodeKey(settings.integer("seed", 0), "robot", 0, "robot", 0)
        node = Node(build_plan(composed, contract, key), bus, recorder, stops)
        try:
            if settings.flag("configure"):
                node.configure()
            wire.connect(bus, list_wire_topics(topics), services=True)
            _watch_node(node, wire, screen, over)
        finally:
            node.close()
            wire.close()
            bus.close()
        return summarise_node(node)


def run_robot(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    """Runs `aegis ros robot` until a signal."""
    with open_wire("ros_robot", options, lifecycle=False) as (wire, composed):
        settings = Settings(composed.tree)
        contract = read_contract_node(composed)
        partner = settings.text("partner")
        topics = mirror_topics(contract, partner)
        bus = Bus.create([topic.build_bus_topic() for topic in topics])
        behaviour = read_robot_settings(settings, choose_start(composed))
        world = make_world_factory(composed)()
        robot = SimulatedRobot(
            world, contract, bus, behaviour, lambda name: resolve_topic(name, partner)
        )
        try:
            wire.connect(bus, list_wire_topics(topics), services=False)
            screen.print_line("robot: up")
            over = threading.Event()
            with catch_signals(over):
                robot.run(lambda: over.is_set() or not wire.is_alive())
        finally:
            robot.close()
            wire.close()
            bus.close()
        return {"overruns": robot.overruns, **robot.outcome}


def _watch_node(node: Node, wire: WireProcess, screen: Screen, over: threading.Event) -> None:
    said = ""
    while not over.wait(_LOOK_EVERY) and not node.over:
        trouble = "" if wire.is_alive() else "the process that talks to ROS 2 is gone"
        node.look(trouble)
        status = node.status
        news = " ".join(filter(None, (status["life"], status["mode"], status["fault"])))
        if news != said:
            said = news
            screen.print_line(f"{time.strftime('%H:%M:%S')}  {news}")
        if trouble and node.life is not Life.ACTIVE:
            over.set()


@contextlib.contextmanager
def open_wire(
    name: str, options: argparse.Namespace, *, lifecycle: bool
) -> Iterator[tuple[WireProcess, ComposedConfig]]:
    """Starts ROS 2, and yields it with the configuration that its parameters override."""
    first = compose_with_parameters(name, options, {})
    level = Settings(first.tree).level("ros")
    python = level.value("python")
    wire = WireProcess(
        sys.executable if python is None else level.text("python"),
        level.text("name"),
        level.text("namespace"),
        lifecycle,
        options.foreign_arguments,
        level.choice("transport", tuple(TRANSPORTS)),
    )
    try:
        parameters = wire.read_parameters(_START_PATIENCE)
        yield wire, compose_with_parameters(name, options, parameters)
    finally:
        wire.close()


def _name_node(settings: Settings) -> str:
    level = settings.level("ros")
    return f"{level.text('namespace').rstrip('/')}/{level.text('name')}"


def mirror_topics(contract: Contract, partner: str) -> tuple[Topic, ...]:
    """Returns the topics of a robot: what the node hears it says, and the other way round."""
    said = [part.topic for part in contract.state]
    said += [picture.topic for picture in contract.pictures.values()]
    said += [contract.task.topic] if contract.task.topic is not None else []
    topics = [
        replace(one, name=resolve_topic(one.name, partner), direction="out", urgent=False)
        for one in list_inputs(contract)
        if one.name in said
    ]
    command = contract.commands[0]
    heard = Topic(resolve_topic(command.topic, partner), command.type, "in", depth=command.depth)
    outcome = Topic(OUTCOME, m.STRING, "out", latched=True, depth=1)
    return (*topics, heard, outcome, Topic(RESTART, m.EMPTY, "in"))


def list_wire_topics(topics: Sequence[Topic]) -> list[WireTopic]:
    """Returns the topics that go over the wire."""
    return [
        WireTopic(one.name, one.type, one.direction, one.reliable, one.latched, one.depth)
        for one in topics
        if one.direction != "inside"
    ]


def _format_value(value: object) -> str:
    """Returns a parameter as an override says it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_format_value, value))}]"
    if isinstance(value, str):
        quoted = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{quoted}'"
    return str(value)
