"""Contract checks: what a contract with a robot cannot mean; refused before anything moves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import TYPE_CHECKING

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.ros.contract.parts import (
    COMMAND_TYPES,
    OPERATOR_TYPES,
    PICTURE_TYPES,
    POSE_NAMES,
    STATE_TYPES,
    TWIST_NAMES,
    Axis,
    CommandTopic,
    Operator,
    Picture,
    StatePart,
)
from aegis.ros.message import cdr as m

if TYPE_CHECKING:
    from aegis.ros.contract.contract import Contract


_TOPIC = re.compile(r"(~/|/)?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*")


def check_contract(contract: Contract) -> None:
    """Checks a contract.

    Raises:
        ConfigError: If it contradicts itself; the message names topic and field.
        UnknownNameError: If it names an axis, a state or a type that does not exist.
    """
    _require(
        contract.rate > 0 and isfinite(contract.rate), "the contract", "rate", contract.rate,
        "positive and finite [Hz]",
    )  # fmt: skip
    _require(contract.parts >= 1, "the contract", "parts", contract.parts, "at least 1")
    _require(contract.horizon >= 1, "the contract", "horizon", contract.horizon, "at least 1")
    _check_time(contract.stale_after, "the contract", "stale_after")
    _require(bool(contract.state), "the contract", "state", "empty", "at least one message")
    _require(bool(contract.commands), "the contract", "commands", "empty", "at least one message")
    _require(bool(contract.axes), "the contract", "axes", "empty", "at least one axis")
    _require(
        bool(contract.levels), "the contract", "levels", "empty",
        "at least one switch by which a person can stop the robot",
    )  # fmt: skip
    _require(
        contract.max_missed >= 0, "the contract", "max_missed", contract.max_missed, "0 or more"
    )
    _check_names(contract.names)
    for name, axis in contract.axes.items():
        _check_axis(name, axis, contract.names)
    _check_turn(contract.turn, contract.axes)
    _check_moves(contract.axes)
    for part in contract.state:
        _check_state(part)
    for picture in contract.pictures.values():
        _check_picture(picture)
    for level in contract.levels.values():
        _check_time(level.max_age, level.topic, "max_age")
    if contract.operator is not None:
        _check_operator(contract.operator, contract.axes)
    for command in contract.commands:
        _check_command(command, contract.axes)
    carried = {one.axis for command in contract.commands for one in command.values.values()}
    for name in contract.axes:
        where = f"axis '{name}'"
        _require(name in carried, where, "its place", "in no command", "in one of the commands")
    _check_topics(contract)


def _check_names(names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        _require(count == 1, "state", "names", f"'{name}', {count} times", "different names")


def _check_axis(name: str, axis: Axis, state: Iterable[str]) -> None:
    where = f"axis '{name}'"
    for bound in ("low", "high", "by"):
        _check_finite(getattr(axis, bound), where, bound)
    ordered = axis.low <= axis.hold <= axis.high
    _require(ordered, where, "hold", axis.hold, f"from low {axis.low} to high {axis.high}")
    for bound in ("step", "velocity", "acceleration", "jerk"):
        given = getattr(axis, bound)
        _require(given > 0, where, bound, given, "positive; .inf for no bound")
    if axis.moves is not None and axis.moves not in state:
        raise UnknownNameError("state", axis.moves, state, f"contract, {where}, moves")
    if axis.box is not None:
        _require(axis.moves is not None, where, "box", axis.box, "null where it moves no state")
        _require(axis.box[0] < axis.box[1], where, "box", axis.box, "from the lower to the higher")
        _require(axis.by != 0, where, "by", axis.by, "not 0 where there is a box")


def _check_moves(axes: Mapping[str, Axis]) -> None:
    """Refuses two axes that move one state: the box of one would watch the other."""
    moved = Counter(axis.moves for axis in axes.values() if axis.moves is not None)
    for state, count in moved.items():
        _require(count == 1, "axes", "moves", f"'{state}', by {count} axes", "one axis per state")


def _check_turn(turn: str | None, axes: Mapping[str, Axis]) -> None:
    if turn is None:
        return
    names = list(axes)
    if turn not in axes:
        raise UnknownNameError("axis", turn, names, "contract, turn")
    three = names[names.index(turn) : names.index(turn) + 3]
    fits = len(three) == 3 and not any(axes[name].sticky for name in three)
    allowed = "the first of three axes that are a rotation vector, none of them sticky"
    _require(fits, "the contract", "turn", f"{turn}, followed by {three[1:]}", allowed)


def _check_state(part: StatePart) -> None:
    _check_type(part.type, STATE_TYPES, part.topic)
    _require(bool(part.names), part.topic, "names", part.names, "the names of its entries")
    if part.type == m.POSE:
        _require(part.names == POSE_NAMES, part.topic, "names", part.names, " ".join(POSE_NAMES))
    _check_ages(part)


def _check_picture(picture: Picture) -> None:
    _check_type(picture.type, PICTURE_TYPES, picture.topic)
    for side in ("height", "width"):
        size = getattr(picture, side)
        _require(size >= 1, picture.topic, side, size, "at least 1 [px]")
    if picture.align == "drop":
        _require(
            picture.tolerance > 0, picture.topic, "tolerance", picture.tolerance,
            "positive [s], or align another",
        )  # fmt: skip
    _check_ages(picture)


def _check_ages(part: StatePart | Picture) -> None:
    for limit in ("max_age", "max_still"):
        given = getattr(part, limit)
        allowed = "at least 0 [s]; 0 turns the check off"
        _require(isfinite(given) and given >= 0, part.topic, limit, given, allowed)
    if part.stamp == "header":
        stamped = part.type in m.STAMPED
        _require(stamped, part.topic, "stamp", part.stamp, f"receive: {part.type} has no header")


def _check_operator(operator: Operator, axes: Mapping[str, Axis]) -> None:
    _check_type(operator.type, OPERATOR_TYPES, operator.topic)
    _check_time(operator.max_age, operator.topic, "max_age")
    for name, one in operator.axes.items():
        _check_axis_name(name, axes, operator.topic)
        _check_finite(one.scale, operator.topic, "scale")
        if operator.type == m.TWIST:
            if one.source not in TWIST_NAMES:
                raise UnknownNameError("source", one.source, TWIST_NAMES, operator.topic)
        else:
            natural = isinstance(one.source, int) and one.source >= 0
            _require(natural, operator.topic, "source", one.source, "the number of an entry")


def _check_command(command: CommandTopic, axes: Mapping[str, Axis]) -> None:
    _check_type(command.type, COMMAND_TYPES, command.topic)
    _require(bool(command.values), command.topic, "values", "empty", "at least one number")
    for one in command.values.values():
        _check_axis_name(one.axis, axes, command.topic)
        _check_finite(one.scale, command.topic, "scale")
        _check_finite(one.offset, command.topic, "offset")
    _check_finite(command.max_effort, command.topic, "max_effort")
    allowed: tuple[str, ...] = tuple(command.values)
    if command.type == m.TWIST:
        allowed = TWIST_NAMES
    elif command.type == m.GRIPPER:
        allowed = ("position",)
    elif command.type == m.TRAJECTORY:
        _check_time(command.reach, command.topic, "reach")
    for name in command.values:
        if name not in allowed:
            raise UnknownNameError("value", name, allowed, f"contract, {command.topic}")
    _require(command.depth >= 1, command.topic, "depth", command.depth, "at least 1")


def _check_topics(contract: Contract) -> None:
    """Refuses a topic that two parts share: each has one type and one meaning."""
    named = [part.topic for part in contract.state]
    named += [command.topic for command in contract.commands]
    named += [picture.topic for picture in contract.pictures.values()]
    named += [level.topic for level in contract.levels.values()]
    named += [] if contract.operator is None else [contract.operator.topic]
    named += [] if contract.task.topic is None else [contract.task.topic]
    for topic, count in Counter(named).items():
        fits = _TOPIC.fullmatch(topic) is not None
        _require(fits, "the contract", "topic", topic, "a name of ROS 2, such as ~/estop")
        _require(count == 1, topic, "topic", f"named {count} times", "named once")
    # Watchdogs know switches and cameras by name, and messages of the state by topic.
    heard = [*contract.levels, *contract.pictures, *(part.topic for part in contract.state)]
    for name, count in Counter(heard).items():
        _require(
            count == 1, "the contract", "name", name,
            "other than those of switches, cameras and topics of the state",
        )  # fmt: skip
    if contract.task.topic is None:
        _require(bool(contract.task.text), "task", "text", "empty", "given where there is no topic")


def _check_time(given: float, where: str, field: str) -> None:
    """Refuses a limit that is never reached."""
    _require(isfinite(given) and given > 0, where, field, given, "positive and finite [s]")


def _check_finite(given: float, where: str, field: str) -> None:
    _require(isfinite(given), where, field, given, "finite")


def _check_type(given: str, allowed: Iterable[str], topic: str) -> None:
    if given not in allowed:
        raise UnknownNameError("type", given, allowed, f"contract, {topic}")


def _check_axis_name(name: str, axes: Mapping[str, Axis], topic: str) -> None:
    if name not in axes:
        raise UnknownNameError("axis", name, axes, f"contract, {topic}")


def _require(holds: bool, where: str, field: str, given: object, allowed: str) -> None:
    if not holds:
        raise ConfigError(f"Contract, {where}: {field} must be {allowed}. Got: {given!r}.")
