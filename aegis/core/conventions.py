"""Conventions: names of what numbers and pictures mean, compared before the first step.

Shapes say that eight numbers are eight numbers. They do not say whether an angle is folded, whether
+1 closes the hand, or which side of a picture is left; a policy that was trained the other way
round fails without a word. So both sides name what they mean. Whatever differs is refused, never
converted in silence; `policies.converted` converts where it is told to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

import numpy as np

from aegis.core.errors import ConventionError, UnknownNameError
from aegis.core.types import U8

EEF_PROPRIO = "eef_pos3_axisangle3_gripper2"
"""Position of the grip site [m], rotation vector with its angle in [0, 2 pi) [rad], two finger
joints [m]: robosuite, LIBERO, LeRobot, openpi."""
EEF_PROPRIO_FOLDED = "eef_pos3_axisangle3folded_gripper2"
"""The same with the shorter of two rotations, angle in [0, pi] [rad]: scipy, vla-eval."""
EEF_DELTA = "eef_delta_pos3_axisangle3_gripper1"
"""Change of the hand's pose in the robot's own scale, in [-1, 1], then the gripper."""
CLOSE_POSITIVE = "close_positive"
"""+1 closes, -1 opens: robosuite, LIBERO, LeRobot, openpi."""
OPEN_POSITIVE = "open_positive"
"""+1 opens, -1 closes."""
OPEN_ONE = "close_zero_open_one"
"""0 closes, 1 opens: the demonstrations that OpenVLA was trained on."""
UPRIGHT = "upright"
"""As a person who stands where the camera is sees it."""
MIRRORED = "upright_mirrored"
"""Left and right exchanged. LIBERO's VLAs turn robosuite's upside-down pictures by 180 degrees."""
UPSIDE_DOWN = "upside_down"
"""Top and bottom exchanged: robosuite's own."""
TURNED = "turned_180"
"""Upright, turned by 180 degrees."""
PICTURES = (UPRIGHT, MIRRORED, UPSIDE_DOWN, TURNED)
"""Conventions of pictures."""
LIBERO_PICTURES: Mapping[str, str] = {
    "image": "agentview",
    "agentview_image": "agentview",
    "image2": "wrist",
    "wrist_image": "wrist",
    "robot0_eye_in_hand_image": "wrist",
}
"""Names that published LIBERO data sets give to pictures, to our cameras. Most of these pictures
are mirrored; the names alone do not say so."""


@dataclass(frozen=True, slots=True)
class Conventions:
    """Names of conventions; an empty name says nothing, and fits everything.

    Attributes:
        proprio: Layout and units of proprioception.
        actions: Layout, frame and scale of actions.
        gripper: Sign and range of the gripper's action.
        pictures: Which way up pictures are, and which way round.
    """

    proprio: str = ""
    actions: str = ""
    gripper: str = ""
    pictures: str = ""


@runtime_checkable
class Conventional(Protocol):
    """A policy, world or robot that names its conventions."""

    @property
    def conventions(self) -> Conventions:
        """What its numbers and pictures mean."""
        ...


def read_conventions(part: object) -> Conventions:
    """Returns the conventions of a policy, world or robot; empty where it names none."""
    return part.conventions if isinstance(part, Conventional) else Conventions()


def check_conventions(policy: Conventions, robot: Conventions, name: str) -> None:
    """Checks that a policy means what the robot means.

    Args:
        policy: Of the policy.
        robot: Of the world or robot.
        name: The policy, for the message.

    Raises:
        ConventionError: If they name different conventions.
    """
    for field in fields(Conventions):
        read, given = getattr(policy, field.name), getattr(robot, field.name)
        if read and given and read != given:
            raise ConventionError(
                f"Policy '{name}' means '{read}' by {field.name}, the robot means '{given}'. "
                "Choose a policy of the robot's convention, or convert: "
                f"policies.converted.ConvertedPolicy with {field.name}: {read}."
            )


def turn_pictures(pictures: U8, convention: str) -> U8:
    """Turns upright pictures round as a convention has them; it turns them back, too.

    Args:
        pictures: Shape (..., h, w, 3).
        convention: One of ``PICTURES``.

    Returns:
        The same shape, and memory in order; upright pictures are returned as they are.

    Raises:
        UnknownNameError: If there is no such convention.
    """
    if convention not in PICTURES:
        raise UnknownNameError("convention of pictures", convention, PICTURES, "turn_pictures")
    if convention == UPRIGHT:
        return pictures
    rows = slice(None, None, -1 if convention in (UPSIDE_DOWN, TURNED) else 1)
    columns = slice(None, None, -1 if convention in (MIRRORED, TURNED) else 1)
    turned = np.empty(pictures.shape, np.uint8)
    # One colour after the other: a quarter of the time of copying a reversed view at once.
    for colour in range(3):
        turned[..., colour] = pictures[..., rows, columns, colour]
    return turned


def name_pictures(camera: str, convention: str) -> str:
    """Returns what data sets of ours call the pictures of a camera.

    The name says which way round they are, so that a policy that was trained on them knows.
    """
    return f"{camera}_{convention}"


def read_picture_name(name: str) -> tuple[str, str] | None:
    """Returns the camera and the convention that a name of ``name_pictures`` says; else None."""
    for convention in sorted(PICTURES, key=len, reverse=True):
        camera = name.removesuffix(f"_{convention}")
        if camera not in ("", name):
            return camera, convention
    return None
