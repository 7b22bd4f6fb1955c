"""robosuite's Lift behind the same seam as LIBERO."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest

from aegis.core.errors import (
    ConfigError,
    NonFiniteError,
    SnapshotError,
    StartStateError,
    UnknownNameError,
)
from aegis.core.protocols import ForkableWorld, Outcome
from aegis.core.types import F64, Act, EpisodeKey
from envs.robosuite import RobosuiteWorld


def make_key(index: int = 0, start: str = "wide", task: int = 0) -> EpisodeKey:
    return EpisodeKey(1, "robosuite", task, start, index)


def choose_lift_action(truth: Mapping[str, F64]) -> np.ndarray:
    """Above the cube, down, close, up; the fingers turn to the nearest face."""
    error = truth["object_pos"] - truth["ee_pos"]
    away, gap = np.hypot(*error[:2]), truth["fingers"][0] - truth["fingers"][1]
    there = away < 0.01 and abs(error[2]) < 0.01
    goal = error.copy()
    if there:
        goal[2] = 0.1 if gap < 0.055 else error[2]
    else:
        goal[2] += np.clip(4 * (away - 0.012), 0, 0.1)
    fingers = truth["ee_mat"][:, 0]
    faces = [sign * truth["object_mat"][:, i] for i in range(3) for sign in (1, -1)]
    turn = np.cross(fingers, max(faces, key=lambda face: float(face @ fingers)))
    action = [*np.clip(30 * goal, -1, 1), *np.clip(2 * turn, -1, 1), 1.0 if there else -1.0]
    return np.array(action, np.float32)


def play_episode(world: RobosuiteWorld, one: EpisodeKey, look: bool) -> tuple[list[str], Outcome]:
    world.begin(one)
    digests = [world.digest()]
    while True:
        obs = world.observe({"agentview": (32, 32), "wrist": (32, 32)} if look else {})
        outcome = world.apply(Act(choose_lift_action(obs.privileged)))
        digests.append(world.digest())
        if outcome.done:
            return digests, outcome


@pytest.fixture(scope="module")
def world() -> Iterator[RobosuiteWorld]:
    world = RobosuiteWorld("robosuite", "Lift", 60)
    yield world
    world.close()


def test_a_scripted_lift_succeeds_the_same_way_each_time(world: RobosuiteWorld) -> None:
    """From another world, with another past, and whether or not somebody looks."""
    assert isinstance(world, ForkableWorld)
    first, outcome = play_episode(world, make_key(0), look=False)
    assert outcome.success
    assert play_episode(world, make_key(1), look=False)[0][0] != first[0]
    assert play_episode(world, make_key(0), look=False)[0] == first
    fresh = RobosuiteWorld("robosuite", "Lift", 60)
    assert play_episode(fresh, make_key(0), look=True)[0] == first
    fresh.close()


def test_a_snapshot_goes_on_bit_for_bit(world: RobosuiteWorld) -> None:
    """Taken as the cube is grasped; where it was taken, from elsewhere, and in a fresh world."""
    drawn = np.random.default_rng(0).uniform(-1, 1, (10, 7)).astype(np.float32)

    def play(world: RobosuiteWorld) -> list[str]:
        digests = []
        for action in drawn:
            world.apply(Act(action.copy()))
            digests.append(world.digest())
        return digests

    world.begin(make_key(3))
    for _ in range(35):
        world.apply(Act(choose_lift_action(world.observe({}).privileged)))
    snapshot, seen = world.snapshot(), world.observe({}).privileged
    rest, last = play(world), world.observe({}).privileged
    world.begin(make_key(4))
    world.apply(Act(drawn[0].copy()))
    fresh = RobosuiteWorld("robosuite", "Lift", 60)
    for other in (world, fresh):
        other.restore(snapshot)
        for name, value in other.observe({}).privileged.items():
            np.testing.assert_array_equal(value, seen[name])
        assert play(other) == rest
        for name, value in other.observe({}).privileged.items():
            np.testing.assert_array_equal(value, last[name])
    fresh.close()


def test_wrong_snapshots_are_refused(world: RobosuiteWorld) -> None:
    world.begin(make_key())
    good = world.snapshot()
    for wrong, says in (
        (replace(good, values=good.values[1:].copy()), "damaged"),
        (replace(good, values=good.values * np.nan), "not finite"),
        (replace(good, model="robosuite/Stack"), "robosuite/Stack"),
    ):
        with pytest.raises(SnapshotError, match=says):
            world.restore(wrong)


@pytest.mark.parametrize("start", ["official", "wide"])
def test_starts(world: RobosuiteWorld, start: str) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - nobody may draw from it
    for index in range(5):
        world.begin(make_key(index, start))
        obs = world.observe({"agentview": (24, 32)})
        assert (
            np.abs(obs.privileged["object_pos"][:2]).max()
            < {"official": 0.03, "wide": 0.08}[start] + 0.002
        )
        assert obs.proprio.shape == (8,)
        np.testing.assert_allclose(obs.proprio[:3], obs.privileged["ee_pos"], atol=1e-6)
        assert obs.images["agentview"].shape == (24, 32, 3)
        assert obs.images["agentview"].std() > 5
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_the_horizon_ends_an_episode(world: RobosuiteWorld) -> None:
    world.begin(make_key())
    hold = world.embodiment.hold
    outcomes = [world.apply(Act(hold.copy())) for _ in range(60)]
    assert [o.done for o in outcomes] == [False] * 59 + [True]
    assert not outcomes[-1].success


def test_refusals(world: RobosuiteWorld) -> None:
    with pytest.raises(UnknownNameError, match="Lift"):
        RobosuiteWorld("robosuite", "Lfit", 60)
    with pytest.raises(UnknownNameError, match="suite"):
        RobosuiteWorld("robosweet", "Lift", 60)
    with pytest.raises(ConfigError, match="horizon"):
        RobosuiteWorld("robosuite", "Lift", 0)
    with pytest.raises(StartStateError, match="begin"):
        RobosuiteWorld("robosuite", "Lift", 60).observe({})
    with pytest.raises(UnknownNameError, match="task"):
        world.begin(make_key(task=1))
    with pytest.raises(UnknownNameError, match="start family"):
        world.begin(make_key(start="wild"))
    world.begin(make_key())
    with pytest.raises(NonFiniteError):
        world.apply(Act(np.full(7, np.nan, np.float32)))
