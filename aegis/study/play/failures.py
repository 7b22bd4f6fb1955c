"""Events: what first went wrong in a failing episode, and when, by simulator truth.

A failing episode is read from its start, and the first mishap counts, whether or not the policy
later put part of it right: a hand-over after it has detected a failure, not predicted one. All
lengths are in metres, all times in control steps of 50 ms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from aegis.core.errors import ShapeError
from aegis.core.types import F64

Bools = NDArray[np.bool_]

KINDS = ("missed", "dropped", "misplaced", "blocked", "unreached")
"""Names of the events; an episode without one, or a successful one, has the empty name."""
NEAR = 0.10
"""Grip site to object centre below which the hand is at the object [m]; a bowl's rim is at 0.06."""
LIFTED = 0.03
"""Rise of the object above its place at tick 0 that counts as lifted [m]."""
CLOSED = 0.03
"""Distance of the fingers below which the hand has closed [m]; open it is 0.08."""
AROUND = 0.15
"""Grip site to object centre within which a closing hand was meant for the object [m]."""
GRACE = 20
"""Control steps that a closed hand has to lift the object."""
GAP = 5
"""Control steps without touch after which the object has left the hand."""
TARGET = 0.10
"""Horizontal distance to the target within which the object was put down, not dropped [m]."""
STILL, STILL_FOR = 0.02, 30
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
class Event:
    """What went wrong first.

    Attributes:
        kind: One of ``KINDS``; empty if nothing could be seen.
        k: Tick at which it was decided; -1 without one.
    """

    kind: str
    k: int


def failure_event(motion: Motion) -> Event:
    """Returns the first mishap of a failing episode.

    ``missed``: the hand closed within ``AROUND`` of the object, which was not lifted within
    ``GRACE`` steps; the tick is that of closing. ``dropped``: the object was lifted, then left the
    hand farther than ``TARGET`` from the target; ``misplaced``: nearer than that, but the goal was
    never reached; the tick is the first without touch. ``blocked``: the hand stood still at the
    object; the tick is the first at which it had done so for ``STILL_FOR`` steps.

    Without any of these: an object that was held to the end is ``blocked`` at the tick after which
    it first came no nearer to the target for ``STILL_FOR`` steps; a hand that never held it left
    it ``unreached`` at the tick after which it first came no nearer to the object for so long.
    """
    distance = np.linalg.norm(motion.hand - motion.object, axis=1)
    held = _held(motion)
    found = [*_missed(motion, distance, held), *_lost(motion, held), *_blocked(motion, distance)]
    if found:
        return min(found, key=lambda event: event.k)
    if not held.any():
        return Event("unreached", _turn(distance))
    if held[-1]:
        grasp = int(held.argmax())
        return Event("blocked", grasp + _turn(_off_target(motion)[grasp:]))
    return Event("", -1)


def _held(motion: Motion) -> Bools:
    """Returns when the hand carried the object: from lifting on, until touch is lost for good."""
    lifted = motion.object[:, 2] - motion.object[0, 2] > LIFTED
    held = np.zeros(len(lifted), bool)
    carrying, bare = False, 0
    for k in range(len(lifted)):
        bare = 0 if motion.touch[k] else bare + 1
        carrying = bool(motion.touch[k] and lifted[k]) or (carrying and bare < GAP)
        held[k] = carrying
    return held


def _missed(motion: Motion, distance: F64, held: Bools) -> Iterator[Event]:
    closed = motion.aperture < CLOSED
    for k in np.flatnonzero(closed[1:] & ~closed[:-1]) + 1:
        whole = k + GRACE <= len(held)  # else the episode ended before it could be told
        if whole and distance[k] < AROUND and not held[k : k + GRACE].any():
            yield Event("missed", int(k))
            return


def _lost(motion: Motion, held: Bools) -> Iterator[Event]:
    for k in np.flatnonzero(held[:-1] & ~held[1:]) + 1:
        first = int(k) - GAP + 1
        if motion.target is None:
            yield Event("dropped", first)
        else:
            off = _off_target(motion)[k] > TARGET
            yield Event("dropped" if off else "misplaced", first)
        return


def _blocked(motion: Motion, distance: F64) -> Iterator[Event]:
    if len(distance) < STILL_FOR:
        return
    windows = sliding_window_view(motion.hand, STILL_FOR, axis=0)  # (t - STILL_FOR + 1, 3, ...)
    extent = np.linalg.norm(np.ptp(windows, axis=2), axis=1)
    close = sliding_window_view(distance < NEAR, STILL_FOR).all(axis=1)
    for k in np.flatnonzero((extent < STILL) & close)[:1]:
        yield Event("blocked", int(k) + STILL_FOR - 1)


def _off_target(motion: Motion) -> F64:
    """Returns the object's horizontal distance to its target [m]; 0 without one. Shape (t,)."""
    if motion.target is None:
        return np.zeros(len(motion.object))
    apart: F64 = np.linalg.norm(motion.object[:, :2] - motion.target[:, :2], axis=1)
    return apart


def _turn(distance: F64) -> int:
    """Returns the first tick after which a distance did not shrink for ``STILL_FOR`` steps."""
    for k, here in enumerate(distance):
        if here <= distance[k + 1 : k + 1 + STILL_FOR].min(initial=np.inf):
            return k
    return len(distance) - 1
