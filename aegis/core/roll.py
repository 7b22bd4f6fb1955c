"""Roll: where a robot will be when the actions that are committed have been executed.

A policy that thinks for some ticks acts on what it saw before. Given the state at which its chunk
starts instead, it needs no training for that (VLASH: Tang et al. 2025, arXiv:2512.01031).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aegis.core.errors import EmbodimentError
from aegis.core.types import F32, F64, ActionKind, Embodiment

_NO_TURN = 1e-12
"""Angle below which an axis means nothing [rad]."""


@dataclass(frozen=True, slots=True)
class ProprioMap:
    """What actions do to proprioception.

    Attributes:
        entries: For each action dimension, the entry of proprioception that it moves; -1 for none.
        scales: For each action dimension, by how much: units of proprioception per unit of action
            and control step; per second for velocities; per unit for absolute actions.
        turn: First of three action dimensions that are a rotation vector; -1 for none. They turn
            the orientation about the axes of the base.
    """

    entries: tuple[int, ...]
    scales: tuple[float, ...]
    turn: int = -1

    def __post_init__(self) -> None:
        if len(self.entries) != len(self.scales):
            raise EmbodimentError(
                f"entries and scales must be as many. Got: {len(self.entries)}, {len(self.scales)}."
            )
        if self.turn >= 0 and self.turn + 3 > len(self.entries):
            raise EmbodimentError(
                f"turn must be followed by two dimensions more. Got: {self.turn} of "
                f"{len(self.entries)}."
            )


def roll(proprio: F32, committed: F32, embodiment: Embodiment, where: ProprioMap) -> F32:
    """Returns proprioception as it will be after the committed actions.

    Args:
        proprio: Proprioception now. Shape (p,).
        committed: Actions that are executed from now on. Shape (n, a).
        embodiment: What actions mean.
        where: What they do to proprioception.

    Returns:
        Shape (p,); the same values if nothing is committed.

    Raises:
        EmbodimentError: If the map belongs to another robot.
    """
    if len(where.entries) != len(embodiment.names) or max(where.entries) >= len(proprio):
        raise EmbodimentError(
            f"The map is of {len(where.entries)} actions and {max(where.entries) + 1} entries; the "
            f"robot has {len(embodiment.names)} and {len(proprio)}."
        )
    after = np.array(proprio, np.float64)
    if len(committed) == 0:
        return after.astype(np.float32)
    moves = np.asarray(committed, np.float64) * np.asarray(where.scales)
    absolute = embodiment.kind is ActionKind.ABSOLUTE
    if embodiment.kind is ActionKind.VELOCITY:
        moves = moves * embodiment.dt
    turning = range(where.turn, where.turn + 3) if where.turn >= 0 else range(0)
    for dimension, entry in enumerate(where.entries):
        if entry < 0 or (dimension in turning and not absolute):
            continue
        column = moves[:, dimension]
        after[entry] = column[-1] if absolute else after[entry] + column.sum()
    if turning and not absolute:
        entries = [where.entries[dimension] for dimension in turning]
        after[entries] = _turn_by(after[entries], moves[:, list(turning)])
    return after.astype(np.float32)


def _turn_by(orientation: F64, turns: F64) -> F64:
    """Returns an orientation after turns about the axes of the base, one after the other.

    Args:
        orientation: Rotation vector [rad]. Shape (3,).
        turns: Rotation vectors [rad]. Shape (n, 3).

    Returns:
        A rotation vector of the same turn in another count of full turns, the one nearest to what
        it was [rad]. Shape (3,).
    """
    rotation = _to_quaternion(orientation)
    for turn in turns:
        rotation = _multiply(_to_quaternion(turn), rotation)
    return _nearest_vector(rotation, orientation)


def _to_quaternion(vector: F64) -> F64:
    angle = float(np.linalg.norm(vector))
    axis = vector / angle if angle > _NO_TURN else np.zeros(3)
    return np.concatenate([[np.cos(angle / 2)], np.sin(angle / 2) * axis])


def _multiply(one: F64, other: F64) -> F64:
    w, v = one[0], one[1:]
    x, u = other[0], other[1:]
    return np.concatenate([[w * x - v @ u], w * u + x * v + np.cross(v, u)])


def _nearest_vector(rotation: F64, before: F64) -> F64:
    """Returns the rotation vector of a quaternion that lies nearest to one from before."""
    length = float(np.linalg.norm(rotation[1:]))
    if length < _NO_TURN:
        return before if np.linalg.norm(before) > np.pi else np.zeros(3)
    axis = rotation[1:] / length
    angle = 2 * float(np.arctan2(length, rotation[0]))
    candidates = [axis * (angle + 2 * np.pi * turns) for turns in (-1, 0, 1)]
    return min(candidates, key=lambda vector: float(np.linalg.norm(vector - before)))
