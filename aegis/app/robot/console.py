"""Console: an operator in a terminal, over ROS 2: switches, keys, and how the robot stands."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aegis.app.config.settings import Settings
from aegis.app.robot.over_ros import list_wire_topics, open_wire
from aegis.app.robot.planning import read_contract_node
from aegis.app.robot.terminal import RobotTerminal, read_script, read_seconds
from aegis.app.screen import Json, Screen
from aegis.core.errors import MachineError
from aegis.ros.contract.contract import Contract
from aegis.ros.message import cdr as m
from aegis.ros.names import ANSWER, ASK, DECISIONS, DIAGNOSTICS, STATUS
from aegis.ros.operator_desk import KEY_NAMES, KEYS, OperatorDesk
from aegis.ros.recorder import resolve_topic
from aegis.ros.simulated_robot import OUTCOME
from aegis.ros.topics import Topic, list_inputs, list_outputs, list_requests
from aegis.ros.wire.process import WireProcess
from aegis.runtime.bus import Bus
from aegis.runtime.bus_reader import BusReader

_KEYS = (*KEYS, ("q", "quit"))
_HEARD = (STATUS, ANSWER, DECISIONS, DIAGNOSTICS)


def run_console(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    """Runs `aegis ros console` until q or a signal."""
    with open_wire("ros_console", options, lifecycle=False) as (wire, composed):
        settings = Settings(composed.tree)
        seconds, script = read_seconds(settings), read_script(settings, (*KEY_NAMES, "q"))
        contract, partner = read_contract_node(composed), settings.text("partner")
        topics = _list_topics(contract, partner)
        bus = Bus.create([topic.build_bus_topic() for topic in topics])
        try:
            desk = OperatorDesk(contract, bus, lambda name: resolve_topic(name, partner))
            view = _RemoteView(bus, wire, partner)
            terminal = RobotTerminal(view, desk, contract, f"console · {partner}", _KEYS, screen)
            wire.connect(bus, list_wire_topics(topics), services=False)
            terminal.run(
                desk.press_key,
                lambda: False,
                settings.flag("enable"),
                seconds,
                script,
            )
        finally:
            wire.close()
            bus.close()
        board = terminal.board
        return {
            "ticks": board.ticks,
            "life": str(board.status.get("life", "")),
            "fault": str(board.status.get("fault", "")),
            "outcome": dict(board.outcome),
        }


def _list_topics(contract: Contract, partner: str) -> tuple[Topic, ...]:
    """Returns what an operator says and hears; the other way round than at the node."""
    levels = [level.topic for level in contract.levels.values()]
    said = [*levels, ASK] + ([] if contract.operator is None else [contract.operator.topic])
    topics = [
        replace(one, name=resolve_topic(one.name, partner), direction="out", urgent=False)
        for one in (*list_inputs(contract), *list_requests())
        if one.name in said
    ]
    topics += [
        replace(one, name=resolve_topic(one.name, partner), direction="in")
        for one in list_outputs()
        if one.name in _HEARD
    ]
    return (*topics, Topic(OUTCOME, m.STRING, "in", latched=True, depth=1))


class _RemoteView:
    """What is seen of a node that runs elsewhere."""

    def __init__(self, bus: Bus, wire: WireProcess, partner: str) -> None:
        self._wire = wire
        self._rows = BusReader(bus, [resolve_topic(DECISIONS, partner)])
        self._parts = BusReader(bus, [DIAGNOSTICS])
        self._outcomes = BusReader(bus, [OUTCOME], everything=True)
        self._ages: dict[str, float | None] = {}
        self._recorder: dict[str, Any] = {}
        self._outcome: dict[str, Any] = {}

    def look(self) -> Sequence[Mapping[str, Any]]:
        if not self._wire.is_alive():
            raise MachineError(
                "The process that talks to ROS 2 is gone. It said last: "
                + " / ".join(self._wire.list_lines()[-3:])
            )
        for _, raw in self._parts.take_new():
            self._read_diagnostics(m.decode_message(raw, m.DIAGNOSTICS, DIAGNOSTICS))
        return [m.decode_json(raw, entry.topic) for entry, raw in self._rows.take_new()]

    def list_ages(self) -> Mapping[str, float | None]:
        return self._ages

    def describe_recorder(self) -> Mapping[str, Any]:
        return self._recorder

    def read_outcome(self) -> Mapping[str, Any]:
        for _, raw in self._outcomes.take_new():
            self._outcome = m.decode_json(raw, OUTCOME)
        return self._outcome

    def _read_diagnostics(self, message: Any) -> None:
        for part in message.status:
            values = {pair.key: pair.value for pair in part.values}
            kind, _, topic = part.name.removeprefix("aegis: ").partition(" ")
            if kind == "input":
                age = values["age_ms"]
                self._ages[topic] = None if age == "never" else float(age) / 1000
            elif kind == "recorder":
                self._recorder = {"written": values["written"], "fault": values["fault"]}
