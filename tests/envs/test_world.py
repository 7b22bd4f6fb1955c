"""LIBERO as a world: what is seen, how it ends, and what is refused."""

import numpy as np
import pytest

from aegis.core.errors import (
    ConfigError,
    NonFiniteError,
    ShapeError,
    StartStateError,
    UnknownNameError,
)
from aegis.core.protocols import ForkableWorld
from aegis.core.types import Act, EpisodeKey, Stop
from envs.libero.world import LiberoWorld
from tests.envs.courses import BOTH, HOLD, make_key, new_world


def test_is_a_world(world: LiberoWorld) -> None:
    assert isinstance(world, ForkableWorld)
    assert world.embodiment.dt == pytest.approx(0.05)


def test_observation(world: LiberoWorld) -> None:
    world.begin(make_key())
    obs = world.observe(BOTH)
    assert obs.proprio.shape == (8,)
    assert obs.proprio.dtype == np.float32
    assert {name: picture.shape for name, picture in obs.images.items()} == {
        "agentview": (32, 48, 3),
        "wrist": (32, 32, 3),
    }
    assert all(picture.std() > 5 for picture in obs.images.values())
    assert obs.instruction.startswith("pick up the black bowl")
    np.testing.assert_allclose(obs.proprio[:3], obs.privileged["ee_pos"], atol=1e-6)
    assert not world.observe({}).images


def test_pictures_are_upright(world: LiberoWorld) -> None:
    """The agent view looks at the robot across the table: the arm is above, the table below."""
    world.begin(make_key())
    picture = world.observe({"agentview": (64, 64)}).images["agentview"].astype(float)
    # The arm hangs down the middle of the upper half; nothing of it reaches the lowest rows.
    columns = picture.mean(axis=2)
    assert columns[:24, 24:40].std() > 2 * columns[-8:].std()


def test_the_horizon_ends_an_episode() -> None:
    short = new_world(horizon=3)
    short.begin(make_key())
    outcomes = [short.apply(Act(HOLD.copy())) for _ in range(3)]
    assert [o.done for o in outcomes] == [False, False, True]
    assert not outcomes[-1].success


def test_stop_ends_an_episode(world: LiberoWorld) -> None:
    world.begin(make_key())
    assert world.apply(Stop(HOLD.copy(), "enough")).done


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (make_key(task=10), UnknownNameError, "task '10'"),
        (make_key(task=-1), UnknownNameError, "task '-1'"),
        (make_key(start="oficial"), UnknownNameError, "Did you mean 'official'"),
        (make_key(start="official", index=50), StartStateError, "0 to 49"),
        (make_key(index=-1), StartStateError, "-1"),
        (make_key(suite="libero_object"), ConfigError, "libero_object"),
    ],
)
def test_wrong_keys_are_refused(
    world: LiberoWorld, wrong: EpisodeKey, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        world.begin(wrong)


def test_unknown_suite() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'libero_spatial'"):
        LiberoWorld("libero_spacial", "builtin", 220)


def test_unknown_stepping() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'exact'"):
        new_world(stepping="exactly")


def test_unknown_camera(world: LiberoWorld) -> None:
    world.begin(make_key())
    with pytest.raises(UnknownNameError, match="Did you mean 'agentview'"):
        world.observe({"agent_view": (32, 32)})


def test_horizon_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="horizon"):
        new_world(horizon=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_actions_that_are_no_numbers_are_refused(world: LiberoWorld, bad: float) -> None:
    world.begin(make_key())
    before = world.digest()
    action = HOLD.copy()
    action[3] = bad
    with pytest.raises(NonFiniteError):
        world.apply(Act(action))
    with pytest.raises(ShapeError):
        world.apply(Act(HOLD[:6].copy()))
    assert world.digest() == before


def test_nothing_happens_before_begin() -> None:
    with pytest.raises(StartStateError, match="begin"):
        new_world().observe({})
