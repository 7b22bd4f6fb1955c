"""Encoding: the numbers of an action arrive where the contract says, scaled, under their names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.ros.contract.parts import TWIST_NAMES, CommandAxis, CommandTopic
from aegis.ros.message import cdr as m
from aegis.ros.message.encoding import encode_command
from tests.robot.kit import ARM, JOINTS, make_contract

AXES = ("a", "b", "c")
NUMBERS = st.floats(-1e3, 1e3, width=32)
ACTIONS = st.tuples(NUMBERS, NUMBERS, NUMBERS)
STAMP = 12_345_678_901


@given(ACTIONS, NUMBERS, NUMBERS)
def test_numbers_arrive_scaled_and_in_the_order_of_the_contract(
    action: tuple[float, ...], scale: float, offset: float
) -> None:
    values = {"last": CommandAxis("c", scale, offset), "first": CommandAxis("a", 1)}
    command = CommandTopic("/t", m.FLOATS, values)
    raw = encode_command(command, AXES, np.array(action, np.float32), STAMP)
    found = m.decode_message(raw, m.FLOATS, "/t").data
    np.testing.assert_allclose(found, [action[2] * scale + offset, action[0]], rtol=1e-12)


@given(ACTIONS, st.permutations(TWIST_NAMES))
def test_a_twist_has_zeros_where_nothing_is_named(
    action: tuple[float, ...], names: list[str]
) -> None:
    values = dict(zip(names[:3], map(lambda one: CommandAxis(one, 2), AXES), strict=True))  # noqa: C417
    command = CommandTopic("/t", m.TWIST, values, frame="base")
    raw = encode_command(command, AXES, np.array(action, np.float32), STAMP)
    message = m.decode_message(raw, m.TWIST, "/t")
    assert message.header.frame_id == "base"
    assert m.read_stamp(raw[:16]) == STAMP
    found = {
        name: getattr(getattr(message.twist, name.split(".")[0]), name.split(".")[1])
        for name in TWIST_NAMES
    }
    assert found == dict.fromkeys(TWIST_NAMES, 0.0) | {
        name: 2 * value for name, value in zip(names[:3], action, strict=True)
    }


@pytest.mark.parametrize(
    ("field", "other"), [("positions", "velocities"), ("velocities", "positions")]
)
def test_a_trajectory_is_one_point_to_be_reached_from_now(field: str, other: str) -> None:
    values = {"j2": CommandAxis("b", 1), "j1": CommandAxis("a", -1)}
    command = CommandTopic("/t", m.TRAJECTORY, values, field=field, reach=1.04)  # type: ignore[arg-type]
    raw = encode_command(command, AXES, np.array([1, 2, 3], np.float32), STAMP)
    message = m.decode_message(raw, m.TRAJECTORY, "/t")
    assert m.read_stamp(raw[:16]) == 0, "zero means at once"
    assert message.joint_names == ["j2", "j1"]
    (point,) = message.points
    np.testing.assert_array_equal(getattr(point, field), [2, -1])
    assert len(getattr(point, other)) == len(point.accelerations) == len(point.effort) == 0
    assert (point.time_from_start.sec, point.time_from_start.nanosec) == (1, 40_000_000)


def test_an_arm_and_its_gripper_are_told_their_parts() -> None:
    contract = make_contract(ARM)
    action = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1], np.float32)
    arm, gripper = (
        encode_command(one, tuple(contract.axes), action, STAMP) for one in contract.commands
    )
    trajectory = m.decode_message(arm, m.TRAJECTORY, "/t")
    assert trajectory.joint_names == [f"{name}_joint" for name in JOINTS]
    np.testing.assert_array_equal(trajectory.points[0].positions, action[:6])
    grip = m.decode_message(gripper, m.GRIPPER, "/t")
    assert (grip.position, grip.max_effort) == (pytest.approx(0), 40)
