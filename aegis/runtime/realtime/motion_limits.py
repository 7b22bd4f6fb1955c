"""Motion limits: the last bound before an action leaves, whatever decided it; pure.

Bounds are in units of the embodiment. What an action means decides what they bound: an absolute
action is a position, a delta a displacement in one control step, a velocity a velocity.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from aegis.core.arrays import freeze_fields
from aegis.core.errors import ConfigError
from aegis.core.roll import ProprioMap
from aegis.core.types import F32, F64, ActionKind, Embodiment


@dataclass(frozen=True, slots=True, eq=False)
class MotionLimits:
    """Bounds per action dimension; infinity where there is none.

    Attributes:
        step: Largest change of an action from one command to the next [unit of action].
            Shape (a,).
        velocity: Largest speed [unit of position / s]. Shape (a,).
        acceleration: Largest change of velocity [unit of position / s^2]. Shape (a,).
        jerk: Largest change of acceleration [unit of position / s^3]. Shape (a,).

    Raises:
        ConfigError: If a bound is NaN or not positive, or the shapes differ.
    """

    step: F64
    velocity: F64
    acceleration: F64
    jerk: F64

    def __post_init__(self) -> None:
        for name in ("step", "velocity", "acceleration", "jerk"):
            bound = getattr(self, name)
            if bound.shape != self.step.shape or not (bound > 0).all():
                raise ConfigError(
                    f"{name} must be positive, of shape {self.step.shape}; infinity for no bound. "
                    f"Got: {bound}."
                )
        freeze_fields(self, "step", "velocity", "acceleration", "jerk")


@dataclass(frozen=True, slots=True, eq=False)
class WorkspaceBox:
    """Box that positions must not leave.

    Attributes:
        where: What actions do to proprioception.
        low: Lower corner, for each entry of proprioception that an action moves [unit of
            proprioception]; minus infinity for none. Shape (a,).
        high: Upper corner. Shape (a,).

    Raises:
        ConfigError: If a corner is NaN, or the lower one is above.
    """

    where: ProprioMap
    low: F64
    high: F64

    def __post_init__(self) -> None:
        if self.low.shape != (len(self.where.entries),) or not (self.low <= self.high).all():
            raise ConfigError(
                f"A box needs low <= high, of shape ({len(self.where.entries)},). Got: "
                f"{self.low} and {self.high}."
            )
        freeze_fields(self, "low", "high")


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What was sent so far.

    Attributes:
        action: Last action. Shape (a,).
        velocity: Velocity that it meant [unit of position / s]. Shape (a,).
        acceleration: Acceleration that it meant [unit of position / s^2]. Shape (a,).
    """

    action: F32
    velocity: F64
    acceleration: F64

    @classmethod
    def at_rest(cls, action: F32) -> Motion:
        """Returns a robot that stands. ``action`` has shape (a,)."""
        still = np.zeros(len(action))
        return cls(action, still, still)


@dataclass(frozen=True, slots=True, eq=False)
class LimitedAction:
    """What may be sent.

    Attributes:
        action: Finite, within all bounds. Shape (a,).
        motion: What was sent so far, this included.
        cut: Names of the bounds that changed it, in order.
    """

    action: F32
    motion: Motion
    cut: tuple[str, ...] = field(default=())


def limit_action(
    action: F32,
    motion: Motion,
    embodiment: Embodiment,
    limits: MotionLimits,
    dt: float,
    box: WorkspaceBox | None = None,
    proprio: F32 | None = None,
) -> LimitedAction:
    """Returns the action nearest to what is wanted that no bound forbids.

    Where bounds contradict each other the harder one wins: jerk yields to acceleration, that to the
    step and the velocity, these to the workspace, and all to the limits of the embodiment. A value
    that is not finite becomes what the robot does when it does nothing.

    Args:
        action: What is wanted. Shape (a,).
        motion: What was sent so far.
        embodiment: What actions mean, and their own limits.
        limits: Bounds of motion.
        dt: Time until the next command [s]; less than a control step where that is divided.
        box: Workspace; None for none.
        proprio: Proprioception, for the workspace. Shape (p,).
    """
    idle = embodiment.stay_idle(motion.action)
    wanted = np.where(np.isfinite(action), action, idle).astype(np.float64)
    cut = [] if np.isfinite(action).all() else ["finite"]
    for name, low, high in _list_bounds(motion, embodiment, limits, dt, box, proprio):
        bounded = np.minimum(np.maximum(wanted, low), high)
        if (bounded != wanted).any():
            cut.append(name)
        wanted = bounded
    # A place that is not known bounds nothing, and nothing is sent on it.
    wanted = np.where(np.isfinite(wanted), wanted, idle)
    sent = np.clip(wanted.astype(np.float32), embodiment.low, embodiment.high)
    velocity = _read_velocity(sent, motion, embodiment, dt)
    acceleration = (velocity - motion.velocity) / dt
    return LimitedAction(sent, Motion(sent, velocity, acceleration), tuple(cut))


def _list_bounds(
    motion: Motion,
    embodiment: Embodiment,
    limits: MotionLimits,
    dt: float,
    box: WorkspaceBox | None,
    proprio: F32 | None,
) -> list[tuple[str, F64, F64]]:
    """Lists bounds on the action as name, low, high of shape (a,), the hardest last."""
    bend = limits.jerk * dt
    ways = [
        ("jerk", motion.acceleration - bend, motion.acceleration + bend),
        ("acceleration", -limits.acceleration, limits.acceleration),
    ]
    bounds = [
        (
            name,
            _to_action(motion.velocity + low * dt, motion, embodiment, dt),
            _to_action(motion.velocity + high * dt, motion, embodiment, dt),
        )
        for name, low, high in ways
    ]
    bounds.append(("step", motion.action - limits.step, motion.action + limits.step))
    fastest = limits.velocity
    bounds.append(
        (
            "velocity",
            _to_action(-fastest, motion, embodiment, dt),
            _to_action(fastest, motion, embodiment, dt),
        )
    )
    if box is not None and proprio is not None:
        bounds.append(("workspace", *_bound_workspace(box, proprio, embodiment, dt)))
    low, high = embodiment.low.astype(np.float64), embodiment.high.astype(np.float64)
    return [*bounds, ("limits", low, high)]


def _to_action(velocity: F64, motion: Motion, embodiment: Embodiment, dt: float) -> F64:
    """Returns the action that means a velocity. Both have shape (a,)."""
    if embodiment.kind is ActionKind.VELOCITY:
        return velocity
    moved = velocity * dt
    return moved if embodiment.kind is ActionKind.DELTA else motion.action + moved


def _read_velocity(action: F32, motion: Motion, embodiment: Embodiment, dt: float) -> F64:
    """Returns the velocity that an action means. Both have shape (a,)."""
    if embodiment.kind is ActionKind.VELOCITY:
        return action.astype(np.float64)
    moved = action.astype(np.float64)
    if embodiment.kind is ActionKind.ABSOLUTE:
        moved = moved - motion.action
    return moved / dt


def _bound_workspace(
    box: WorkspaceBox, proprio: F32, embodiment: Embodiment, dt: float
) -> tuple[F64, F64]:
    """Returns the lowest and highest action that does not leave a box. Shapes (a,).

    A robot outside may not move farther out.
    """
    a = len(box.where.entries)
    low, high = np.full(a, -np.inf), np.full(a, np.inf)
    for i, (entry, scale) in enumerate(zip(box.where.entries, box.where.scales, strict=True)):
        if entry < 0 or scale == 0:
            continue
        ends = np.array([box.low[i], box.high[i]])
        if embodiment.kind is not ActionKind.ABSOLUTE:
            ends = np.array([min(ends[0] - proprio[entry], 0), max(ends[1] - proprio[entry], 0)])
            scale = scale * (dt if embodiment.kind is ActionKind.VELOCITY else 1)
        low[i], high[i] = np.sort(ends / scale)
    return low, high


def interpolate_action(
    before: F32, action: F32, embodiment: Embodiment, part: int, parts: int
) -> F32:
    """Returns what to send in a part of a policy's control step, where the robot's are shorter.

    An absolute action is approached in equal steps, a delta is divided, a velocity is held.

    Args:
        before: Action of the step before. Shape (a,).
        action: Action of this step. Shape (a,).
        embodiment: What actions mean. Sticky dimensions are held: a gripper is no motion.
        part: Number of the part, from 0.
        parts: Parts of a step.
    """
    if embodiment.kind is ActionKind.VELOCITY or parts == 1:
        return action
    if embodiment.kind is ActionKind.DELTA:
        moved = action / np.float32(parts)
    else:
        moved = before + (action - before) * np.float32((part + 1) / parts)
    return np.where(embodiment.sticky, action, moved).astype(np.float32)
