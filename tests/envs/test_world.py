"""LIBERO as a world: reproducible from the key, undisturbed by looking, forkable, strict."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.core.errors import (
    ConfigError,
    NonFiniteError,
    ShapeError,
    SnapshotError,
    StartStateError,
    UnknownNameError,
)
from aegis.core.protocols import ForkableWorld, WorldState
from aegis.core.types import Act, EpisodeKey, Observation, Stop
from envs.assets.resolve import resolve_assets
from envs.libero.load import load_scene
from envs.libero.scene import Scene
from envs.libero.starts import (
    FIXTURE_JITTER,
    JITTER,
    REACH,
    STACKED_JITTER,
    TABLE,
    draw_start,
)
from envs.libero.world import LiberoWorld
from policies.expert import ScriptedExpert

SUITE = "libero_spatial"
BOTH = {"agentview": (32, 48), "wrist": (32, 32)}
HOLD = np.array([0, 0, 0, 0, 0, 0, -1], np.float32)


def key(task: int = 0, start: str = "wide", index: int = 1, suite: str = SUITE) -> EpisodeKey:
    return EpisodeKey(7, suite, task, start, index)


def new_world(horizon: int = 220, stepping: str = "exact") -> LiberoWorld:
    return LiberoWorld(SUITE, "builtin", horizon, stepping)


@pytest.fixture(scope="module")
def world() -> LiberoWorld:
    return new_world()


@lru_cache
def scene(task: int) -> Scene:
    return new_world().scene(task)


def actions(seed: int, count: int) -> np.ndarray:
    """Downwards and sideways, so that something is touched."""
    drawn = np.random.default_rng(seed).uniform(-1, 1, (count, 7)).astype(np.float32)
    drawn[:, 2] -= 0.5
    return drawn.clip(-1, 1)


def play(world: LiberoWorld, course: np.ndarray, look: bool = False) -> list[str]:
    digests = []
    for action in course:
        if look:
            world.observe(BOTH)
        world.apply(Act(action.copy()))
        digests.append(world.digest())
    return digests


def assert_same(a: Observation, b: Observation) -> None:
    assert a.stamp == b.stamp
    np.testing.assert_array_equal(a.proprio, b.proprio)
    assert a.images.keys() == b.images.keys()
    for name in a.images:
        np.testing.assert_array_equal(a.images[name], b.images[name])
    for name in a.privileged:
        np.testing.assert_array_equal(a.privileged[name], b.privileged[name])


# ---------------------------------------------------------------- what is seen


def test_is_a_world(world: LiberoWorld) -> None:
    assert isinstance(world, ForkableWorld)
    assert world.embodiment.dt == pytest.approx(0.05)


def test_observation(world: LiberoWorld) -> None:
    world.begin(key())
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
    world.begin(key())
    picture = world.observe({"agentview": (64, 64)}).images["agentview"].astype(float)
    # The arm hangs down the middle of the upper half; nothing of it reaches the lowest rows.
    columns = picture.mean(axis=2)
    assert columns[:24, 24:40].std() > 2 * columns[-8:].std()


# ---------------------------------------------------------------- the same again


@pytest.mark.parametrize("start", ["wide", "official"])
@pytest.mark.parametrize("task", [0, 4])
def test_an_episode_follows_from_its_key(world: LiberoWorld, task: int, start: str) -> None:
    fresh = new_world()
    world.begin(key(task, start, index=9))  # the past of a world must not matter
    play(world, actions(1, 5))
    world.begin(key(task, start))
    fresh.begin(key(task, start))
    assert_same(world.observe(BOTH), fresh.observe(BOTH))
    course = actions(2, 25)
    assert play(world, course) == play(fresh, course)
    assert_same(world.observe(BOTH), fresh.observe(BOTH))
    fresh.close()


def test_looking_does_not_change_the_course(world: LiberoWorld) -> None:
    course = actions(3, 25)
    world.begin(key())
    blind = play(world, course)
    world.begin(key())
    assert play(world, course, look=True) == blind


@pytest.mark.parametrize("stepping", ["exact", "fast"])
@pytest.mark.parametrize("task", [0, 4])
def test_a_snapshot_goes_on_bit_for_bit(task: int, stepping: str) -> None:
    """Where it was taken, in a world that was elsewhere, and in one where nothing has begun.

    The expert plays until the object is in its hand, then all is thrown about.
    """
    world, elsewhere = new_world(stepping=stepping), new_world(stepping=stepping)
    expert, wild = ScriptedExpert("expert"), actions(4, 130)
    world.begin(key(task))
    course, snapshots, seen = [], {}, {}
    for k in range(130):
        if k in (0, 12, 70, 100):
            snapshots[k] = world.snapshot()
            seen[k] = world.observe(BOTH)
        action = wild[k] if k >= 90 else expert.act(world.observe({})).astype(np.float32)
        course.append((action, world.apply(Act(action.copy())), world.digest()))
    assert world.observe({}).privileged["object_pos"][2] > 0.5  # it is still a scene
    elsewhere.begin(key(1))
    play(elsewhere, wild[:3])
    for k, snapshot in snapshots.items():
        for other in (world, elsewhere, new_world(stepping=stepping)):
            other.restore(snapshot)
            assert_same(other.observe(BOTH), seen[k])
            for action, outcome, digest in course[k : k + 40]:
                assert other.apply(Act(action.copy())) == outcome
                assert other.digest() == digest


def test_worlds_of_one_task_do_not_disturb_each_other(world: LiberoWorld) -> None:
    """They share a model, and fixtures stand elsewhere in each of them; one of them may sleep."""
    course = actions(5, 10)
    one, two = key(3, index=1), key(3, index=2)
    other = new_world(stepping="fast")
    alone = []
    for its, each in ((world, one), (other, two)):
        its.begin(each)
        alone.append(play(its, course))
    world.begin(one)
    other.begin(two)
    mixed: tuple[list[str], list[str]] = ([], [])
    for action in course:
        for digests, its in zip(mixed, (world, other), strict=True):
            its.observe({})
            digests += play(its, action[None])
    assert list(mixed) == alone


def resident() -> float:
    """Memory of this process [MB]."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_worlds_cost_little_memory(world: LiberoWorld) -> None:
    """Eight worlds that go through all tasks, with pictures: a worker has 1 GB for everything."""
    worlds = [new_world() for _ in range(8)]
    world.begin(key(0))
    world.observe(BOTH)
    before = resident()
    for turn in range(10):
        for i, each in enumerate(worlds):
            each.begin(key((turn + i) % 10, start="official"))
            each.observe(BOTH)
    assert resident() - before < 200


def test_scipy_is_whole_after_numba_has_taken_its_part() -> None:
    code = """
import sys
import envs.libero.compiled
assert "scipy.linalg" not in sys.modules
import numpy, scipy.linalg
assert abs(scipy.linalg.inv(numpy.eye(3) * 2)[0, 0] - 0.5) < 1e-12
from scipy.linalg import cython_lapack, lapack
assert cython_lapack.__pyx_capi__ and lapack.dgetrf
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_snapshot_goes_on_in_another_process(world: LiberoWorld) -> None:
    course = actions(6, 12)
    world.begin(key(4))
    play(world, course[:6])
    snapshot = world.snapshot()
    rest = play(world, course[6:])
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(go_on, snapshot, course[6:]).result() == rest


def go_on(snapshot: WorldState, course: np.ndarray) -> list[str]:
    world = new_world()
    world.restore(snapshot)
    return play(world, course)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda s: replace(s, values=s.values[:-1].copy()), "damaged"),
        (
            lambda s: replace(s, values=np.where(np.arange(len(s.values)) == 9, np.nan, s.values)),
            "1 of",
        ),
        (lambda s: replace(s, model=s.model.replace("mujoco-", "mujoco-9")), "mujoco-9"),
        (lambda s: replace(s, model=s.model.replace("exact", "fast")), "fast"),
        (lambda s: replace(s, key=key(1)), "libero_spatial/0"),
        (lambda s: replace(s, key=key(10)), "task '10'"),
        (lambda s: replace(s, key=key(suite="libero_object")), "libero_object"),
        (lambda s: replace(s, k=-1), "-1"),
    ],
)
def test_wrong_snapshots_are_refused(
    world: LiberoWorld, damage: Callable[[WorldState], WorldState], says: str
) -> None:
    world.begin(key())
    with pytest.raises(SnapshotError, match=says):
        world.restore(damage(world.snapshot()))


# ---------------------------------------------------------------- start states


def test_other_indexes_and_roots_start_elsewhere(world: LiberoWorld) -> None:
    keys = [key(index=i) for i in (0, 1, 10**6)] + [EpisodeKey(8, SUITE, 0, "wide", 0)]
    digests = set()
    for one in keys:
        world.begin(one)
        digests.add(world.digest())
    assert len(digests) == len(keys)


@settings(max_examples=60, deadline=None)
@given(task=st.sampled_from([0, 4]), index=st.integers(0, 10**9), attempt=st.integers(0, 3))
def test_jitter_keeps_its_limits(task: int, index: int, attempt: int) -> None:
    here = scene(task)
    start = draw_start(here, key(task, index=index), attempt)
    nq = here.model.nq
    moved = start.qpos - here.official[:, 1 : 1 + nq]  # from each of the official states
    limits = np.zeros(nq)
    for movable in here.movables:
        carried_by = {m.name for m in here.movables} | {"table"}
        base = JITTER if movable.support in carried_by else FIXTURE_JITTER
        extra = 0.0 if movable.support == "table" else STACKED_JITTER
        limits[movable.qpos : movable.qpos + 2] = base + extra
    assert (np.abs(moved) <= limits + 1e-12).all(axis=1).any()
    for fixture in here.fixtures:
        middle = (np.mean(fixture.x), np.mean(fixture.y))
        assert np.abs(start.body_pos[fixture.body][:2] - middle).max() <= FIXTURE_JITTER + 1e-12


@pytest.mark.parametrize("task", [0, 4])
def test_wide_starts_are_fair(world: LiberoWorld, task: int) -> None:
    for index in range(4):
        world.begin(key(task, index=index))
        truth = world.observe({}).privileged
        for name in ("object_pos", "target_pos"):
            assert TABLE[0] < truth[name][0] < TABLE[1]
            assert TABLE[2] < truth[name][1] < TABLE[3]
            assert REACH[0] < np.hypot(truth[name][0] + 0.66, truth[name][1]) < REACH[1]
        assert truth["object_mat"][2, 2] > 0.97
        assert not world.apply(Act(HOLD.copy())).success


# ---------------------------------------------------------------- the end


def test_the_horizon_ends_an_episode() -> None:
    short = new_world(horizon=3)
    short.begin(key())
    outcomes = [short.apply(Act(HOLD.copy())) for _ in range(3)]
    assert [o.done for o in outcomes] == [False, False, True]
    assert not outcomes[-1].success


def test_stop_ends_an_episode(world: LiberoWorld) -> None:
    world.begin(key())
    assert world.apply(Stop(HOLD.copy(), "enough")).done


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (key(task=10), UnknownNameError, "task '10'"),
        (key(task=-1), UnknownNameError, "task '-1'"),
        (key(start="oficial"), UnknownNameError, "Did you mean 'official'"),
        (key(start="official", index=50), StartStateError, "0 to 49"),
        (key(index=-1), StartStateError, "-1"),
        (key(suite="libero_object"), ConfigError, "libero_object"),
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
    world.begin(key())
    with pytest.raises(UnknownNameError, match="Did you mean 'agentview'"):
        world.observe({"agent_view": (32, 32)})


def test_horizon_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="horizon"):
        new_world(horizon=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_actions_that_are_no_numbers_are_refused(world: LiberoWorld, bad: float) -> None:
    world.begin(key())
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


def test_a_damaged_cache_is_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEGIS_CACHE", str(tmp_path))
    pack = resolve_assets("builtin")
    arguments = (SUITE, 3, pack.path, pack.digest)
    whole = load_scene.__wrapped__(*arguments)
    (model,) = tmp_path.glob("scenes/*.mjb")
    model.write_bytes(model.read_bytes()[:1000])
    again = load_scene.__wrapped__(*arguments)
    assert again.digest == whole.digest
    assert again.model.nq == whole.model.nq
