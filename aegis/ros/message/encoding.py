"""Encoding: from an action to the messages that the contract sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aegis.core.types import F32, Nanos
from aegis.ros.contract.parts import TWIST_NAMES, CommandTopic
from aegis.ros.message import cdr as m

_NANOS = 1_000_000_000


def encode_command(command: CommandTopic, axes: Sequence[str], action: F32, stamp: Nanos) -> bytes:
    """Returns the message of one topic.

    Args:
        command: Its part of the contract.
        axes: Names of the dimensions of an action.
        action: The action. Shape (a,).
        stamp: Time by the clock of the robot's machine [ns].
    """
    numbers = {
        name: float(action[axes.index(one.axis)]) * one.scale + one.offset
        for name, one in command.values.items()
    }
    if command.type == m.TWIST:
        return _encode_twist(command, numbers, stamp)
    if command.type == m.TRAJECTORY:
        return _encode_trajectory(command, numbers, stamp)
    if command.type == m.GRIPPER:
        given = numbers["position"]
        return m.encode_message(m.GRIPPER, position=given, max_effort=command.max_effort)
    return m.encode_floats(list(numbers.values()))


def _encode_twist(command: CommandTopic, numbers: dict[str, float], stamp: Nanos) -> bytes:
    linear, angular = (
        m.build_message(
            "geometry_msgs/msg/Vector3",
            **{direction: numbers.get(f"{vector}.{direction}", 0.0) for direction in "xyz"},
        )
        for vector in ("linear", "angular")
    )
    assert set(numbers) <= set(TWIST_NAMES)
    twist = m.build_message("geometry_msgs/msg/Twist", linear=linear, angular=angular)
    return m.encode_message(m.TWIST, header=m.build_header(stamp, command.frame), twist=twist)


def _encode_trajectory(command: CommandTopic, numbers: dict[str, float], stamp: Nanos) -> bytes:
    """Returns a trajectory of one point."""
    del stamp  # Zero means at once; another one would be checked against the clock of the robot.
    none = np.zeros(0)
    fields: dict[str, Any] = dict.fromkeys(
        ("positions", "velocities", "accelerations", "effort"), none
    )
    fields[command.field] = np.array(list(numbers.values()))
    seconds, nanos = divmod(round(command.reach * _NANOS), _NANOS)
    reach = m.build_message("builtin_interfaces/msg/Duration", sec=seconds, nanosec=nanos)
    point = m.build_message(
        "trajectory_msgs/msg/JointTrajectoryPoint", **fields, time_from_start=reach
    )
    return m.encode_message(
        m.TRAJECTORY,
        header=m.build_header(0, command.frame),
        joint_names=list(numbers),
        points=[point],
    )
