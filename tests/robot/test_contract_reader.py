"""Contract reader: each key that is missing or unknown, each value that means nothing, by name."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from typing import Any

import numpy as np
import pytest

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.types import ActionKind
from aegis.ros.contract.contract import Contract
from aegis.ros.contract.parts import (
    Axis,
    CommandAxis,
    CommandTopic,
    Operator,
    OperatorAxis,
    Picture,
    SafetyLevel,
    StatePart,
    Task,
)
from aegis.ros.message import cdr as m
from aegis.runtime.realtime.settings import FaultAction
from tests.robot.kit import ARM, CONTRACTS, INF, JOINTS, TOY, change, load_shipped, make_contract

NAN = float("nan")
TREES = {"libero": load_shipped("libero_sim"), "arm": ARM, "toy": TOY}
SHIPPED = [load_shipped(one.stem) for one in sorted(CONTRACTS.glob("*.yaml"))]
PARTS = (
    Contract, Axis, StatePart, Picture, Task, SafetyLevel, Operator, OperatorAxis, CommandTopic,
    CommandAxis,
)  # fmt: skip
DEFAULTED = {one.name for kind in PARTS for one in fields(kind) if one.default is not MISSING}


def list_paths(node: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yields the way to each key of a part; names that the user chooses are no keys."""
    if isinstance(node, list):
        for i, one in enumerate(node):
            yield from list_paths(one, (*where, i))
    elif isinstance(node, dict):
        named = where and where[-1] in ("axes", "pictures", "levels", "values")
        for name, one in node.items():
            if not named:
                yield (*where, name)
            yield from list_paths(one, (*where, name))


def find_holder(tree: Any, way: tuple[Any, ...]) -> Any:
    for name in way[:-1]:
        tree = tree[name]
    return tree


def name_key(way: tuple[Any, ...]) -> str:
    parts = (f"[{one}]" if isinstance(one, int) else f".{one}" for one in way)
    return "contract" + "".join(parts)


@pytest.mark.parametrize("tree", [*SHIPPED, ARM, TOY])
def test_the_contracts_read(tree: Any) -> None:
    contract = make_contract(tree)
    embodiment, settings = contract.build_embodiment(), contract.build_settings()
    assert embodiment.names == tuple(tree["axes"])
    assert settings.period * settings.parts == pytest.approx(1e9 / tree["rate"])
    assert [one.name for one in settings.inputs][: len(contract.levels)] == list(contract.levels)
    assert len(contract.build_proprio_map().entries) == len(embodiment.names)


def test_an_arm_that_is_no_panda_is_driven_by_places() -> None:
    contract = make_contract(ARM)
    embodiment = contract.build_embodiment()
    assert embodiment.kind is ActionKind.ABSOLUTE
    assert embodiment.sticky == (False,) * 6 + (True,)
    assert embodiment.dt == 0.02
    assert contract.names == (*JOINTS, "x", "y", "z", "rx", "ry", "rz")
    assert contract.build_proprio_map().entries == (0, 1, 2, 3, 4, 5, -1)
    settings = contract.build_settings()
    assert settings.fault_action is FaultAction.SILENCE
    assert settings.box is None
    assert {one.name: one.max_age for one in settings.inputs} == {
        "estop": 500_000_000, "/arm/joints": 200_000_000, "/arm/pose": 200_000_000,
        "front": 500_000_000,
    }  # fmt: skip


def test_a_box_becomes_bounds_where_there_is_one() -> None:
    box = make_contract(load_shipped("libero_sim")).build_settings().box
    assert box is not None
    np.testing.assert_array_equal(box.low, [-0.6, -0.6, 0.85, -INF, -INF, -INF, -INF])
    np.testing.assert_array_equal(box.high, [0.5, 0.6, 1.6, INF, INF, INF, INF])


def list_spoilt(name: str, spoil: Callable[[Any, Any], None]) -> Iterator[tuple[str, str, Any]]:
    """Yields for each key its full name, its own, and the tree in which it was spoilt."""
    for way in list_paths(TREES[name]):
        tree = copy.deepcopy(TREES[name])
        spoil(find_holder(tree, way), way[-1])
        yield name_key(way), str(way[-1]), tree


@pytest.mark.parametrize("name", TREES)
def test_a_key_that_is_missing_is_named_unless_it_has_a_default(name: str) -> None:
    for full, key, tree in list_spoilt(name, operator.delitem):
        if key in DEFAULTED - {"reach", "tolerance"} or full.startswith("contract.conventions"):
            make_contract(tree)
            continue
        with pytest.raises(ConfigError) as error:
            make_contract(tree)
        missing = f"'{full}' is missing. It is: {key}: "
        assert (f"{key} must be positive" if key in DEFAULTED else missing) in str(error.value)


@pytest.mark.parametrize("name", TREES)
def test_an_unknown_key_is_named_beside_every_key(name: str) -> None:
    def add_key(holder: Any, key: Any) -> None:
        holder[f"{key}_"] = 1

    for full, key, tree in list_spoilt(name, add_key):
        with pytest.raises(UnknownNameError, match=f"Did you mean '{key}'") as error:
            make_contract(tree)
        assert f"in '{full.rpartition('.')[0]}'" in str(error.value)


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("value", [object(), NAN, set(), True, -INF, INF, "", [], {}, 7, None])
def test_a_value_that_means_nothing_is_refused_as_such_or_can_be_driven(
    name: str, value: Any
) -> None:
    """Never another error than ours, neither at once nor when the driver is built."""
    never = isinstance(value, set) or value != value or type(value) is object

    def set_value(holder: Any, key: Any) -> None:
        holder[key] = value

    for _, key, tree in list_spoilt(name, set_value):
        try:
            contract = make_contract(tree)
            assert not never, f"{key}: read as if it meant something"
            assert value is not True or key in ("sticky", "good", "resize", "reliable")
            contract.build_settings()
            contract.build_embodiment()
            contract.build_proprio_map()
            round(1e9 * contract.stale_after)
        except (ConfigError, UnknownNameError) as error:
            assert str(error)  # noqa: PT017  either will do


@pytest.mark.parametrize(
    ("name", "path", "value", "words"),
    [
        ("libero", "rate", 0, "the contract: rate must be positive"),
        ("libero", "rate", INF, "the contract: rate must be positive and finite"),
        ("libero", "rate", "20", "'contract.rate' must be of type float. Got: '20'"),
        ("libero", "parts", 1.5, "'contract.parts' must be of type int"),
        ("libero", "stale_after", INF, "stale_after must be positive and finite"),
        ("libero", "kind", "deltas", "Unknown value 'deltas' in 'contract.kind'"),
        ("libero", "kind", 5, "Unknown value '5' in 'contract.kind'"),
        ("libero", "turn", "rw", "Unknown axis 'rw' in contract, turn"),
        ("libero", "turn", "rz", "turn must be the first of three axes"),
        ("libero", "axes.x.moves", "X", "Unknown state 'X' in contract, axis 'x', moves"),
        ("libero", "axes.x.hold", 2, "axis 'x': hold must be from low -1.0 to high 1.0"),
        ("libero", "axes.x.high", INF, "axis 'x': high must be finite"),
        ("libero", "axes.x.by", 0, "axis 'x': by must be not 0 where there is a box"),
        ("libero", "axes.x.box", [1, -1], "axis 'x': box must be from the lower to the higher"),
        ("libero", "axes.x.box", [1], "'contract.axes.x.box' must have 2 entries"),
        ("libero", "axes.x.moves", None, "axis 'x': box must be null where it moves no state"),
        ("libero", "state.0.type", "JointState", "Unknown type 'JointState' in contract, joint_st"),
        ("libero", "state.0.names", ["x", "x"], "state: names must be different names"),
        ("libero", "state.0.max_age", -1, "joint_states: max_age must be at least 0"),
        ("libero", "state", [], "state must be at least one message"),
        ("libero", "commands", [], "commands must be at least one message"),
        ("libero", "levels.estop.max_age", INF, "~/estop: max_age must be positive and finite"),
        ("libero", "levels.estop.max_age", 0, "~/estop: max_age must be positive"),
        ("libero", "levels.estop.good", 0, "'contract.levels.estop.good' must be of type bool"),
        ("libero", "operator.max_age", INF, "~/operator: max_age must be positive and finite"),
        ("libero", "operator.axes.x.source", -1, "~/operator: source must be the number"),
        ("libero", "operator.axes.x.source", True, "operator.axes.x.source' must be str or int"),
        ("libero", "operator.axes.x.scale", INF, "~/operator: scale must be finite"),
        ("libero", "commands.0.values.x.axis", "u", "Unknown axis 'u' in contract, ~/command"),
        ("libero", "commands.0.values.x.scale", INF, "~/command: scale must be finite"),
        ("libero", "commands.0.topic", "joint_states", "joint_states: topic must be named once"),
        ("libero", "task.topic", None, "task: text must be given where there is no topic"),
        ("libero", "pictures.wrist.align", "drop", "wrist/image_raw: tolerance must be positive"),
        ("arm", "state.1.names", list("xyzabc"), "/arm/pose: names must be x y z rx ry rz"),
        ("arm", "commands.0.reach", INF, "/arm/trajectory: reach must be positive and finite"),
        ("arm", "commands.1.max_effort", INF, "/arm/gripper: max_effort must be finite"),
        ("arm", "pictures.front.height", 0, "/front/compressed: height must be at least 1"),
        ("toy", "levels.estop.topic", "camera", "camera: topic must be named once"),
    ],
)  # fmt: skip
def test_a_contradiction_names_topic_and_field(
    name: str, path: str, value: Any, words: str
) -> None:
    with pytest.raises((ConfigError, UnknownNameError)) as error:
        make_contract(change(TREES[name], path, value))
    assert words in str(error.value)


def test_what_needs_a_header_or_a_name_is_refused() -> None:
    floats = {**TOY["state"][0], "type": m.FLOATS, "stamp": "header"}
    with pytest.raises(ConfigError, match=r"joints: stamp must be receive: .* has no header"):
        make_contract(state=[floats])
    gripper = change(ARM, "commands.1.values", {"width": {"axis": "grip", "scale": 1.0}})
    with pytest.raises(UnknownNameError, match="Unknown value 'width' in contract, /arm/gripper"):
        make_contract(gripper)
    twist = {**ARM["commands"][0], "type": m.TWIST}
    with pytest.raises(UnknownNameError, match="'shoulder_joint' in contract, /arm/trajectory"):
        make_contract(change(ARM, "commands.0", twist))
    person = {**ARM["operator"], "type": m.TWIST}
    with pytest.raises(UnknownNameError, match="Unknown source '1' in /joy"):
        make_contract(ARM, operator=person)


@pytest.mark.parametrize("name", ["estop", "joints"])
def test_inputs_that_watchdogs_would_mix_up_are_refused(name: str) -> None:
    pictures = {name: TOY["pictures"]["agentview"]}
    with pytest.raises(ConfigError, match="name must be other than those of switches"):
        make_contract(pictures=pictures)
