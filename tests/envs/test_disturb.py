"""Disturbances: seeded, paired, and gone where they should be."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.core.errors import AegisError
from aegis.core.types import Act, EpisodeKey
from envs.libero.disturb.image import disturb_picture
from envs.libero.disturb.levels import AXES, MOST, read_levels
from envs.libero.disturb.posture import BEND, bend_arm
from envs.libero.world import LiberoWorld

SUITE = "libero_spatial"
CAMERAS = {"agentview": (48, 48), "wrist": (48, 48)}
KEY = EpisodeKey(5, SUITE, 0, "wide", 3)
SEEN = ("camera", "light", "colour", "image")


def make_world(**disturb: int) -> LiberoWorld:
    return LiberoWorld(SUITE, "builtin", 220, snapshot_version=2, disturb=disturb)


def play(world: LiberoWorld, steps: int, start: int = 0) -> Iterator[tuple[str, Any]]:
    """Digest and pictures at each tick."""
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (start + steps, 7))
    for action in actions[start:]:
        yield world.digest(), world.observe(CAMERAS)
        world.apply(Act(action.astype(np.float32)))


@pytest.mark.parametrize("axis", AXES)
def test_level_nought_changes_nothing_and_others_do(axis: str) -> None:
    pictures, digests = {}, {}
    for level in (None, 0, 1, MOST):
        world = make_world() if level is None else make_world(**{axis: level})
        world.begin(KEY)
        rows = list(play(world, 3))
        digests[level] = [digest for digest, _ in rows]
        pictures[level] = [one.images for _, one in rows]
        world.close()
    assert digests[0] == digests[None]
    for before, after in zip(pictures[None], pictures[0], strict=True):
        assert all(np.array_equal(before[name], after[name]) for name in CAMERAS)
    for level in (1, MOST):
        assert (digests[level] == digests[None]) == (axis in SEEN)
        gaps = [
            np.abs(before[name].astype(int) - after[name]).mean()
            for before, after in zip(pictures[None], pictures[level], strict=True)
            for name in CAMERAS
        ]
        assert max(gaps) > 0.05
    assert digests[1] != digests[MOST] or axis in SEEN


def test_worlds_that_share_a_model_do_not_see_each_others_looks() -> None:
    """Two of them in one process, turn by turn, and a third that is not disturbed."""
    disturbed = {"camera": 4, "light": 4, "colour": 4, "image": 2}
    worlds = [make_world(**disturbed), make_world(), make_world(camera=1)]
    alone = []
    for world in worlds:
        world.begin(KEY)
        alone.append([(digest, one.images) for digest, one in play(world, 4)])
    for world in worlds:
        world.begin(KEY)
    together = zip(*(play(world, 4) for world in worlds), strict=True)
    for k, rows in enumerate(together):
        for (digest, one), (known, images) in zip(rows, [a[k] for a in alone], strict=True):
            assert digest == known
            assert all(np.array_equal(one.images[name], images[name]) for name in CAMERAS)


def test_a_fork_goes_on_as_it_would_have() -> None:
    levels = dict.fromkeys(AXES, 3)
    world, other = make_world(**levels), make_world(**levels)
    world.begin(KEY)
    rows = list(play(world, 4))
    world.begin(KEY)
    for _ in play(world, 2):
        pass
    other.begin(EpisodeKey(5, SUITE, 1, "wide", 0))
    other.observe(CAMERAS)
    other.restore(world.snapshot())
    for (digest, one), (known, seen) in zip(play(other, 2, start=2), rows[2:], strict=True):
        assert digest == known
        assert all(np.array_equal(one.images[name], seen.images[name]) for name in CAMERAS)
        assert np.array_equal(one.proprio, seen.proprio)


@pytest.mark.parametrize("axis", AXES)
def test_other_episodes_are_disturbed_otherwise(axis: str) -> None:
    """The official start is the same: what differs is the address."""
    world, seen = make_world(**{axis: MOST}), []
    for root in (1, 2):
        world.begin(EpisodeKey(root, SUITE, 0, "official", 0))
        seen.append(world.observe({"agentview": (48, 48)}).images["agentview"])
    assert not np.array_equal(*seen)


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.integers(1, MOST), st.integers(0, 400))
def test_pictures_are_disturbed_by_address(root: int, level: int, k: int) -> None:
    key = EpisodeKey(root, SUITE, 0, "wide", 0)
    picture = np.full((24, 24, 3), 128, np.uint8)
    one = disturb_picture(picture, key, k, "wrist", level)
    assert np.array_equal(one, disturb_picture(picture, key, k, "wrist", level))
    assert not np.array_equal(one, disturb_picture(picture, key, k + 1, "wrist", level))
    assert not np.array_equal(one, disturb_picture(picture, key, k, "agentview", level))
    assert not np.array_equal(one, picture)
    assert (picture == 128).all()


@settings(max_examples=50)
@given(st.integers(0, 2**31), st.integers(0, MOST))
def test_the_arm_is_bent_within_bounds(root: int, level: int) -> None:
    start = np.linspace(0, 1, 20)
    start.setflags(write=False)
    bent = bend_arm(start, EpisodeKey(root, SUITE, 0, "wide", 0), level)
    assert np.array_equal(bent[7:], start[7:])
    assert np.abs(bent - start).max() <= 2 * BEND * level + 1e-12


@pytest.mark.parametrize(
    ("disturb", "said"),
    [
        ({"camra": 1}, "Did you mean 'camera'"),
        ({"camera": 6}, r"env\.disturb\.camera must be an integer from 0, undisturbed, to 5"),
        ({"light": -1}, "Got: -1"),
        ({"image": 1.5}, r"Got: 1\.5"),
        ({"robot": True}, "Got: True"),
        ({"colour": "3"}, "Got: '3'"),
        (3, r"must name axes and their levels, such as \{camera: 3\}. Got: 3"),
        ("on", "Got: 'on'"),
        (["camera"], "must name axes"),
    ],
)
def test_what_is_no_level_is_refused(disturb: Any, said: str) -> None:
    with pytest.raises(AegisError, match=said):
        LiberoWorld(SUITE, "builtin", 10, disturb=disturb)
    assert read_levels(None) == read_levels({"camera": 0}) == {}
