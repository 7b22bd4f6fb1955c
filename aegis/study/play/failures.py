"""Failures: the first thing that went wrong in a failing episode, by simulator truth.

A failing episode is read from its start, and the first mishap counts, whether or not the policy
later put part of it right: a hand-over after it has detected a failure, not predicted one. All
lengths are in metres, all times in control steps of 50 ms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from aegis.core.errors import ShapeError
from aegis.core.types import F64, Bools

FAILURE_KINDS = ("missed", "dropped", "misplaced", "blocked", "unreached")
"""Names of the events; an episode without one, or a successful one, has the empty name."""
HAND_RADIUS = 0.10
"""Grip site to object centre below which the hand is at the object [m]; a bowl's rim is at 0.06."""
LIFT_HEIGHT = 0.03
"""Rise of the object above its place at tick 0 that counts as lifted [m]."""
CLOSED_APERTURE = 0.03
"""Distance of the fingers below which the hand has closed [m]; open it is 0.08."""
GRASP_RADIUS = 0.15
"""Grip site to object centre within which a closing hand was meant for the object [m]."""
LIFT_GRACE = 20
"""Control steps that a closed hand has to lift the object."""
TOUCH_GAP = 5
"""Control steps without touch after which the object has left the hand."""
TARGET_RADIUS = 0.10
"""Horizontal distance to the target within which the object was put down, not dropped [m]."""
STILL_DIAGONAL, STILL_STEPS = 0.02, 30
"""The hand stands still if its path of so many steps fits a box of this diagonal [m]."""


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What hand and object did in an episode.

    Attributes:
        hand: Grip site [m]. Shape (t, 3).
        aperture: Distance of the fingers [m]. Shape (t,).
        object: Centre of the object [m]. Shape (t, 3).
        target: Where it was to go [m]. Shape (t, 3); None if that is no place.
        touch: Whether a finger touches the object. Shape (t,).

    Raises:
        ShapeError: If the shapes do not belong together.
    """

    hand: F64
    aperture: F64
    object: F64
    target: F64 | None
    touch: Bools

    def __post_init__(self) -> None:
        t = len(self.hand)
        places = [self.hand, self.object, *([] if self.target is None else [self.target])]
        flat = [self.aperture, self.touch]
        if not t or any(a.shape != (t, 3) for a in places) or any(a.shape != (t,) for a in flat):
            shapes = [array.shape for array in (*places, *flat)]
            raise ShapeError(f"Motion needs (t, 3), (t,), (t, 3), (t, 3), (t,). Got: {shapes}.")


@dataclass(frozen=True, slots=True)
class FailureEvent:
    """What went wrong first.

    Attributes:
        kind: One of ``FAILURE_KINDS``; empty if nothing could be seen.
        k: Tick at which it was decided; -1 without one.
    """

    kind: str
    k: int


def find_failure_event(motion: Motion) -> FailureEvent:
    """Returns the first mishap of a failing episode.

    ``missed``: the hand closed within ``GRASP_RADIUS`` of the object, which was not lifted within
    ``LIFT_GRACE`` steps; the tick is that of closing. ``dropped``: the object was lifted, then left
    the hand farther than ``TARGET_RADIUS`` from the target; ``misplaced``: nearer than that, but
    the goal was never reached; the tick is the first without touch. ``blocked``: the hand stood
    still at the object; the tick is the first at which it had done so for ``STILL_STEPS`` steps.

    Without any of these: an object that was held to the end is ``blocked`` at the tick after which
    it first came no nearer to the target for ``STILL_STEPS`` steps; a hand that never held it left
    it ``unreached`` at the tick after which it first came no nearer to the object for so long.
    """
    distance = np.linalg.norm(motion.hand - motion.object, axis=1)
    held = _mark_held(motion)
    found = [
        *_find_missed(motion, distance, held),
        *_find_lost(motion, held),
        *_find_blocked(motion, distance),
    ]
    if found:
        return min(found, key=lambda event: event.k)
    if not held.any():
        return FailureEvent("unreached", _find_standstill(distance))
    if held[-1]:
        grasp = int(held.argmax())
        return FailureEvent("blocked", grasp + _find_standstill(_target_distance(motion)[grasp:]))
    return FailureEvent("", -1)


def _mark_held(motion: Motion) -> Bools:
    """Returns when the hand carried the object. Shape (t,).

    From lifting on, until touch is lost for good.
    """
    lifted = motion.object[:, 2] - motion.object[0, 2] > LIFT_HEIGHT
    held = np.zeros(len(lifted), bool)
    carrying, bare = False, 0
    for k in range(len(lifted)):
        bare = 0 if motion.touch[k] else bare + 1
        carrying = bool(motion.touch[k] and lifted[k]) or (carrying and bare < TOUCH_GAP)
        held[k] = carrying
    return held


def _find_missed(motion: Motion, distance: F64, held: Bools) -> Iterator[FailureEvent]:
    """Yields the first grasp that lifted nothing; ``distance`` [m] and ``held`` have shape (t,)."""
    closed = motion.aperture < CLOSED_APERTURE
    for k in np.flatnonzero(closed[1:] & ~closed[:-1]) + 1:
        whole = k + LIFT_GRACE <= len(held)  # else the episode ended before it could be told
        if whole and distance[k] < GRASP_RADIUS and not held[k : k + LIFT_GRACE].any():
            yield FailureEvent("missed", int(k))
            return


def _find_lost(motion: Motion, held: Bools) -> Iterator[FailureEvent]:
    """Yields the first loss of an object that was held; ``held`` has shape (t,)."""
    for k in np.flatnonzero(held[:-1] & ~held[1:]) + 1:
        first = int(k) - TOUCH_GAP + 1
        if motion.target is None:
            yield FailureEvent("dropped", first)
        else:
            off = _target_distance(motion)[k] > TARGET_RADIUS
            yield FailureEvent("dropped" if off else "misplaced", first)
        return


def _find_blocked(motion: Motion, distance: F64) -> Iterator[FailureEvent]:
    """Yields the first standstill of the hand at the object; ``distance`` [m] has shape (t,)."""
    if len(distance) < STILL_STEPS:
        return
    windows = sliding_window_view(motion.hand, STILL_STEPS, axis=0)  # (t - STILL_FOR + 1, 3, ...)
    extent = np.linalg.norm(np.ptp(windows, axis=2), axis=1)
    close = sliding_window_view(distance < HAND_RADIUS, STILL_STEPS).all(axis=1)
    for k in np.flatnonzero((extent < STILL_DIAGONAL) & close)[:1]:
        yield FailureEvent("blocked", int(k) + STILL_STEPS - 1)


def _target_distance(motion: Motion) -> F64:
    """Returns the object's horizontal distance to its target [m]; 0 without one. Shape (t,)."""
    if motion.target is None:
        return np.zeros(len(motion.object))
    apart: F64 = np.linalg.norm(motion.object[:, :2] - motion.target[:, :2], axis=1)
    return apart


def _find_standstill(distance: F64) -> int:
    """Returns the first tick after which a distance did not shrink for ``STILL_STEPS`` steps.

    Args:
        distance: At each tick [m]. Shape (t,).
    """
    for k, here in enumerate(distance):
        if here <= distance[k + 1 : k + 1 + STILL_STEPS].min(initial=np.inf):
            return k
    return len(distance) - 1
