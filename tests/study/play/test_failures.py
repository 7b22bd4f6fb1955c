"""Events: each kind of mishap, made by hand, is found at its tick."""

from __future__ import annotations

import numpy as np
import pytest

from aegis.core.errors import ShapeError
from aegis.core.types import F64
from aegis.study.play.failures import (
    CLOSED_APERTURE,
    LIFT_GRACE,
    STILL_STEPS,
    FailureEvent,
    Motion,
    find_failure_event,
)

T = 120
OBJECT, TARGET = np.array([0.0, 0.0, 0.9]), np.array([0.3, 0.0, 0.9])
OPEN, SHUT = 0.08, 0.005


def make_approach(t: int = T, stop: float = 0.05) -> F64:
    """Returns a hand that comes down on the object in 30 steps and then sways over it."""
    height = np.maximum(0.4 - 0.35 * np.arange(t) / 30, stop)
    hand = OBJECT + np.column_stack([np.zeros(t), np.zeros(t), height])
    hand[30:, 0] += 0.03 * np.sin(np.arange(t - 30) / 3)
    return hand


def make_carried(lost: int, at: float) -> Motion:
    """Returns an episode that lifts the object at 40 and loses it, so far from the target."""
    hand, place = make_approach(), np.tile(OBJECT, (T, 1))
    aperture = np.where(np.arange(T) < 35, OPEN, SHUT)
    touch = (np.arange(T) >= 35) & (np.arange(T) < lost)
    place[40:lost, 2] += 0.1
    hand[40:, 2] += 0.1
    place[lost:] = TARGET - [at, 0, 0]
    return Motion(hand, aperture, place, np.tile(TARGET, (T, 1)), touch)


def hold_still(motion: Motion, **changes: object) -> Motion:
    fields = {name: getattr(motion, name) for name in Motion.__dataclass_fields__}
    return Motion(**{**fields, **changes})


def empty_handed() -> Motion:
    """Returns an episode whose hand never closes."""
    touch = np.zeros(T, bool)
    return Motion(make_approach(), np.full(T, OPEN), np.tile(OBJECT, (T, 1)), None, touch)


def test_missed() -> None:
    aperture = np.where(np.arange(T) < 40, OPEN, SHUT)
    assert find_failure_event(hold_still(empty_handed(), aperture=aperture)) == FailureEvent(
        "missed", 40
    )


def test_a_grasp_in_time_is_no_miss() -> None:
    late = make_carried(70, 0.2)
    place = late.object.copy()
    place[: 35 + LIFT_GRACE - 1] = OBJECT
    assert find_failure_event(hold_still(late, object=place)).kind == "dropped"
    place[: 35 + LIFT_GRACE + 1] = OBJECT
    assert find_failure_event(hold_still(late, object=place)) == FailureEvent("missed", 35)


@pytest.mark.parametrize(("at", "kind"), [(0.2, "dropped"), (0.05, "misplaced")])
def test_lost(at: float, kind: str) -> None:
    assert find_failure_event(make_carried(70, at)) == FailureEvent(kind, 70)
    assert find_failure_event(hold_still(make_carried(70, at), target=None)).kind == "dropped"


def test_a_short_loss_of_touch_is_none() -> None:
    motion = make_carried(90, 0.05)
    touch = motion.touch.copy()
    touch[60:63] = False
    assert find_failure_event(hold_still(motion, touch=touch)) == FailureEvent("misplaced", 90)


def test_blocked() -> None:
    motion = empty_handed()
    hand = motion.hand.copy()
    hand[50:] = hand[50]
    found = find_failure_event(hold_still(motion, hand=hand))
    assert found.kind == "blocked"
    assert (
        50 + STILL_STEPS - 4 <= found.k < 50 + STILL_STEPS
    )  # the last steps before were small too
    up_and_down = hand.copy()
    up_and_down[50:, 2] += 0.03 * np.abs(np.sin(np.arange(T - 50) / 5))
    assert find_failure_event(hold_still(motion, hand=up_and_down)).kind == "unreached"


def test_unreached_at_the_first_lasting_turn_away() -> None:
    hand = make_approach(stop=0.2)
    hand[25:, 2] += 0.1 + 0.01 * np.arange(T - 25)  # stops 0.2 above it at 18, leaves at 25
    hand[110, 2] = OBJECT[2] + 0.11  # much later it comes nearer still: too late to count
    assert find_failure_event(hold_still(empty_handed(), hand=hand)) == FailureEvent(
        "unreached", 18
    )


def test_held_to_the_end_is_blocked_where_the_way_ended() -> None:
    motion = make_carried(T, 0.0)
    place, hand = motion.object.copy(), motion.hand.copy()
    way = np.clip(np.arange(T) - 45, 0, 20) * 0.01
    place[:, 0] += way
    hand[:, 0] += way
    assert find_failure_event(hold_still(motion, object=place, hand=hand)) == FailureEvent(
        "blocked", 65
    )


def test_the_first_mishap_counts() -> None:
    motion = make_carried(70, 0.05)
    aperture = motion.aperture.copy()
    aperture[5:8] = CLOSED_APERTURE / 2  # closes in vain far above the object: no miss
    assert find_failure_event(hold_still(motion, aperture=aperture)).kind == "misplaced"
    aperture[5:8] = OPEN
    aperture[25] = SHUT  # closes in vain at the object, which is lifted too late after
    place = motion.object.copy()
    place[: 25 + LIFT_GRACE] = OBJECT
    assert find_failure_event(hold_still(motion, aperture=aperture, object=place)) == FailureEvent(
        "missed", 25
    )


def test_shapes_are_checked() -> None:
    with pytest.raises(ShapeError, match="Motion needs"):
        hold_still(empty_handed(), aperture=np.zeros(3))
