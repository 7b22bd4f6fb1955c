"""Parts of a contract: axes, topics in, topics out, and the people who may stop or drive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from aegis.ros.message import cdr as m

Align = Literal["hold", "asof", "drop"]
Stamp = Literal["receive", "header"]
STATE_TYPES = (m.JOINT_STATE, m.POSE, m.FLOATS)
PICTURE_TYPES = (m.IMAGE, m.COMPRESSED_IMAGE)
OPERATOR_TYPES = (m.TWIST, m.JOY, m.FLOATS)
COMMAND_TYPES = (m.FLOATS, m.TWIST, m.TRAJECTORY, m.GRIPPER)
POSE_NAMES = ("x", "y", "z", "rx", "ry", "rz")
"""Entries of a pose: position [m] and rotation vector [rad]."""
TWIST_NAMES = ("linear.x", "linear.y", "linear.z", "angular.x", "angular.y", "angular.z")


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension of an action, and its bounds in units of position.

    Attributes:
        low: Smallest action.
        high: Largest action.
        hold: Action that does nothing.
        sticky: Whether doing nothing repeats the last action instead (a gripper).
        step: Largest change from one command to the next; infinity for none.
        velocity: Largest speed [1/s].
        acceleration: Largest change of speed [1/s^2].
        jerk: Largest change of acceleration [1/s^3].
        moves: Entry of the state that it moves; None for none.
        by: By how much: units of state per unit of action (and control step, or second).
        box: Lowest and highest value of that entry; None for none.
    """

    low: float
    high: float
    hold: float
    sticky: bool
    step: float
    velocity: float
    acceleration: float
    jerk: float
    moves: str | None
    by: float
    box: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class StatePart:
    """A message with numbers of the robot's state.

    Attributes:
        topic: Topic.
        type: Type of its messages.
        names: Names of the entries, in the order of proprioception: those of joints; of a pose
            ``x y z rx ry rz``; of an array any, as many as it has.
        max_age: Age from which on it is stale [s]; 0 for never.
        max_still: Time for which it may stay the same [s]; 0 for ever.
        field: Of joints: ``position``, ``velocity`` or ``effort``.
        stamp: Whether its age counts from arrival (``receive``) or by its own clock (``header``).
        reliable: Whether lost messages are sent again.
        size: Longest message [bytes].
    """

    topic: str
    type: str
    names: tuple[str, ...]
    max_age: float
    max_still: float
    field: Literal["position", "velocity", "effort"] = "position"
    stamp: Stamp = "receive"
    reliable: bool = False
    size: int = 16384


@dataclass(frozen=True, slots=True)
class Picture:
    """A camera.

    Attributes:
        topic: Topic.
        type: ``sensor_msgs/msg/Image`` (rgb8, bgr8, rgba8, bgra8, mono8) or ``CompressedImage``.
        height: Height of its pictures [px].
        width: Width of its pictures [px].
        max_age: Age from which on it is stale [s]; 0 for never.
        max_still: Time for which it may stay the same [s]; 0 for ever.
        align: ``hold``: the newest picture; ``asof``: the newest that is not newer than the state;
            ``drop``: the same, and none that is farther from the state than the tolerance.
        tolerance: Largest time between picture and state [s], for ``drop``.
        resize: Whether it is scaled to what a policy looks at; else it must have that size.
        stamp: Whether its age counts from arrival (``receive``) or by its own clock (``header``).
        reliable: Whether lost pictures are sent again.
    """

    topic: str
    type: str
    height: int
    width: int
    max_age: float
    max_still: float
    align: Align = "hold"
    tolerance: float = 0.0
    resize: bool = False
    stamp: Stamp = "receive"
    reliable: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """What the robot is told to do.

    Attributes:
        topic: Topic of a string; None for a fixed text.
        text: The text until one is heard; empty to wait for one.
    """

    topic: str | None
    text: str


@dataclass(frozen=True, slots=True)
class SafetyLevel:
    """A switch that must stand right, and be heard all the time: an e-stop, a deadman.

    Attributes:
        topic: Topic of a ``std_msgs/msg/Bool``.
        good: The level at which the robot may move.
        max_age: Age from which on it is stale [s].
    """

    topic: str
    good: bool
    max_age: float


@dataclass(frozen=True, slots=True)
class OperatorAxis:
    """What moves one dimension of the action while a person drives.

    Attributes:
        source: Number of an axis of ``Joy`` or of an array; ``linear.x`` ... of a twist.
        scale: Units of action per unit of it.
    """

    source: str | int
    scale: float


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who can take over.

    Attributes:
        topic: Topic of what they command.
        type: ``TwistStamped``, ``Joy`` or ``Float64MultiArray``.
        axes: Dimension of the action to what moves it; others hold.
        max_age: Age from which on the robot holds instead [s].
    """

    topic: str
    type: str
    axes: Mapping[str, OperatorAxis]
    max_age: float


@dataclass(frozen=True, slots=True)
class CommandAxis:
    """What one number of a command is made of.

    Attributes:
        axis: Dimension of the action.
        scale: Units of the command per unit of action.
        offset: Added to it.
    """

    axis: str
    scale: float
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class CommandTopic:
    """A message that carries actions, or some of their dimensions.

    Attributes:
        topic: Topic.
        type: ``Float64MultiArray``, ``TwistStamped``, ``JointTrajectory`` or ``GripperCommand``.
        values: Its numbers: joints of a trajectory, any names in the order of an array,
            ``linear.x`` ... of a twist, ``position`` of a gripper.
        frame: Frame of coordinates.
        field: Of a trajectory: ``positions`` or ``velocities``.
        reach: Of a trajectory: when the point is to be reached [s].
        max_effort: Of a gripper [N].
        depth: Messages that are kept for a slow listener.
    """

    topic: str
    type: str
    values: Mapping[str, CommandAxis]
    frame: str = ""
    field: Literal["positions", "velocities"] = "positions"
    reach: float = 0.0
    max_effort: float = 0.0
    depth: int = 1
