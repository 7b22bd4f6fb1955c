"""Laws of the last bound: whatever is wanted, what leaves is finite and within every hard bound."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aegis.core.errors import ConfigError
from aegis.core.roll import ProprioMap
from aegis.core.types import F32, ActionKind, Embodiment
from aegis.runtime.realtime.motion_limits import (
    LimitedAction,
    Motion,
    MotionLimits,
    WorkspaceBox,
    interpolate_action,
    limit_action,
)
from tests.fakes import toy_embodiment

KINDS = list(ActionKind)
WANTED = arrays(np.float32, (12, 3), elements=st.floats(width=32, allow_nan=True))
BOUND = st.sampled_from([inf, 10.0, 1.0, 0.1])


def make_robot(kind: ActionKind) -> Embodiment:
    return replace(toy_embodiment(), kind=kind)


def make_limits(step: float, velocity: float, acceleration: float, jerk: float) -> MotionLimits:
    return MotionLimits(*(np.full(3, bound) for bound in (step, velocity, acceleration, jerk)))


FREE = make_limits(inf, inf, inf, inf)


def send_all(wanted: F32, robot: Embodiment, limits: MotionLimits) -> list[LimitedAction]:
    motion, sent = Motion.at_rest(np.zeros(3, np.float32)), []
    for action in wanted:
        sent.append(limit_action(action, motion, robot, limits, robot.dt))
        motion = sent[-1].motion
    return sent


@given(WANTED, st.sampled_from(KINDS), BOUND, BOUND, BOUND, BOUND)
def test_nothing_leaves_that_a_hard_bound_forbids(
    wanted: F32, kind: ActionKind, step: float, velocity: float, acceleration: float, jerk: float
) -> None:
    robot, limits = make_robot(kind), make_limits(step, velocity, acceleration, jerk)
    for one in send_all(wanted, robot, limits):
        assert one.action.dtype == np.float32
        assert np.isfinite(one.action).all()
        assert ((one.action >= robot.low) & (one.action <= robot.high)).all()
        # float32 rounds what is sent: an ulp of an action of 1 is 1.2e-7, over dt 0.05 s.
        assert (np.abs(one.motion.velocity) <= velocity + 3e-6).all()


@given(WANTED, BOUND)
def test_an_action_changes_by_a_step_at_most(wanted: F32, step: float) -> None:
    robot = make_robot(ActionKind.VELOCITY)
    actions = [one.action for one in send_all(wanted, robot, make_limits(step, inf, inf, inf))]
    changes = np.abs(np.diff([np.zeros(3), *actions], axis=0))
    assert (changes <= step + 1e-6).all()


@given(WANTED, BOUND, BOUND)
def test_velocities_change_by_no_more_than_acceleration_allows(
    wanted: F32, velocity: float, acceleration: float
) -> None:
    robot = make_robot(ActionKind.VELOCITY)
    for one in send_all(wanted, robot, make_limits(inf, velocity, acceleration, inf)):
        assert (np.abs(one.motion.acceleration) <= acceleration + 1e-4).all()


@given(arrays(np.float32, (12, 3), elements=st.floats(-1, 1, width=32)), st.sampled_from(KINDS))
def test_what_no_bound_forbids_is_sent_as_it_is(wanted: F32, kind: ActionKind) -> None:
    for action, one in zip(wanted, send_all(wanted, make_robot(kind), FREE), strict=True):
        np.testing.assert_array_equal(one.action, action)
        assert one.cut == ()


def test_a_value_that_is_not_finite_becomes_doing_nothing() -> None:
    motion = Motion.at_rest(np.array([0.5, 0.5, 0.7], np.float32))
    found = limit_action(
        np.array([nan, inf, nan], np.float32), motion, toy_embodiment(), FREE, 0.05
    )
    np.testing.assert_array_equal(found.action, np.array([0, 0, 0.7], np.float32))
    assert found.cut == ("finite",)


def test_the_bounds_that_cut_are_named() -> None:
    motion = Motion.at_rest(np.zeros(3, np.float32))
    limits = make_limits(0.3, 0.2, 1.0, inf)
    found = limit_action(np.full(3, 9, np.float32), motion, toy_embodiment(), limits, 0.05)
    assert found.cut == ("acceleration",), "nothing is left to cut for the others"
    np.testing.assert_allclose(found.action, 0.05)


PLANE = ProprioMap(entries=(0, 1, -1), scales=(0.5, -2.0, 1.0))
BOX = WorkspaceBox(PLANE, np.array([-0.1, -0.1, -inf]), np.array([0.1, 0.1, inf]))


@given(
    arrays(np.float32, 3, elements=st.floats(-1, 1, width=32)),
    arrays(np.float32, 2, elements=st.floats(-0.25, 0.25, width=32)),
    st.sampled_from(KINDS),
)
def test_nobody_leaves_the_workspace_and_who_is_outside_comes_back(
    wanted: F32, proprio: F32, kind: ActionKind
) -> None:
    robot = make_robot(kind)
    motion = Motion.at_rest(np.zeros(3, np.float32))
    sent = limit_action(wanted, motion, robot, FREE, robot.dt, BOX, proprio).action.astype(
        np.float64
    )
    scale = np.array(PLANE.scales[:2]) * (robot.dt if kind is ActionKind.VELOCITY else 1)
    moved = sent[:2] * scale
    after = moved if kind is ActionKind.ABSOLUTE else proprio + moved
    allowed = np.maximum(0.1, 0 if kind is ActionKind.ABSOLUTE else np.abs(proprio))
    assert (np.abs(after) <= allowed + 1e-6).all()
    assert sent[2] == wanted[2], "the gripper has no place"


@given(
    arrays(np.float32, 3, elements=st.floats(-1, 1, width=32)),
    arrays(np.float32, 3, elements=st.floats(-1, 1, width=32)),
    st.integers(1, 10),
)
def test_the_parts_of_a_step_make_the_step(before: F32, action: F32, parts: int) -> None:
    def cut(kind: ActionKind) -> F32:
        robot = make_robot(kind)
        return np.stack(
            [interpolate_action(before, action, robot, part, parts) for part in range(parts)]
        )

    np.testing.assert_allclose(cut(ActionKind.DELTA)[:, :2].sum(0), action[:2], atol=1e-5)
    np.testing.assert_allclose(cut(ActionKind.ABSOLUTE)[-1], action, atol=1e-6)
    np.testing.assert_array_equal(cut(ActionKind.VELOCITY), np.tile(action, (parts, 1)))
    steps = np.diff([before, *cut(ActionKind.ABSOLUTE)], axis=0)[:, :2]
    np.testing.assert_allclose(steps, np.tile((action - before)[:2] / parts, (parts, 1)), atol=1e-5)
    for kind in KINDS:
        np.testing.assert_array_equal(cut(kind)[:, 2], np.full(parts, action[2]), "a gripper")


def test_bounds_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="velocity must be positive"):
        make_limits(1.0, 0.0, 1.0, 1.0)
    with pytest.raises(ConfigError, match="jerk must be positive"):
        make_limits(1.0, 1.0, 1.0, nan)
    with pytest.raises(ConfigError, match="low <= high"):
        WorkspaceBox(PLANE, np.full(3, nan), np.full(3, 1.0))
