"""Stills: PNG that any reader reads, at ticks that show the hand-over, of the recorded states."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from aegis.core.errors import TraceError
from aegis.export.replay import read_recorded_steps, replay_episode
from aegis.export.stills import choose_ticks, encode_png, take_stills
from aegis.records.store import RunTables
from tests.fakes import ToyWorld
from tests.fleet.toyrun import toy_run
from tests.study.rows import row


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunTables:
    return toy_run(tmp_path_factory.mktemp("run"))


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32))
def test_a_picture_survives(height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    data = encode_png(image)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), image)
    assert encode_png(image.copy()) == data


@settings(deadline=None)
@given(st.integers(1, 220), st.integers(1, 9), st.integers(0, 219))
def test_ticks_lie_in_the_episode_and_one_is_the_hand_over(steps: int, count: int, k: int) -> None:
    handover = min(k, steps - 1)
    ticks = choose_ticks(row("ours", 0, True, strong=1, steps=steps, handover=handover), count)
    assert ticks == sorted(set(ticks))
    assert 0 <= ticks[0] <= ticks[-1] < steps
    assert len(ticks) <= count
    assert count <= 2 or handover in ticks


def test_every_recorded_episode_can_be_played_again(run: RunTables) -> None:
    for episode in run.episodes:
        steps = read_recorded_steps(run.root, episode, ("active",))
        played = list(replay_episode(ToyWorld(), episode, steps, lambda _: {"eye": (8, 8)}))
        assert [one.step["k"] for one in played] == list(range(episode.steps))
        assert all(set(one.obs.images) == {"eye"} for one in played)


def test_parts_and_table_hold_the_same_steps(run: RunTables) -> None:
    episode = run.episodes[0]
    from_part = read_recorded_steps(run.root, episode, ("active", "scores"))
    parts = run.root / "parts"
    parts.rename(run.root / "aside")
    try:
        assert read_recorded_steps(run.root, episode, ("active", "scores")) == from_part
    finally:
        (run.root / "aside").rename(parts)


def test_another_world_is_found_out_at_once_and_at_the_end(run: RunTables) -> None:
    episode = run.episodes[0]
    steps = read_recorded_steps(run.root, episode)
    with pytest.raises(TraceError, match="goes another way at tick"):
        list(replay_episode(ToyWorld(noise=0.1), episode, steps, lambda _: {}))
    last = dict(steps[-1], action=[0.123, -0.4, 0.0])
    with pytest.raises(TraceError, match="goes another way at the end"):
        list(replay_episode(ToyWorld(), episode, [*steps[:-1], last], lambda _: {}))


def test_stills_are_the_pictures_of_their_ticks(run: RunTables) -> None:
    episode = max(run.episodes, key=lambda one: one.steps)
    ticks = choose_ticks(episode, 3)
    stills = take_stills(run.root, episode, ToyWorld, "eye", 16, ticks)
    assert list(stills) == ticks
    steps = read_recorded_steps(run.root, episode)
    for one in replay_episode(ToyWorld(), episode, steps, lambda _: {"eye": (16, 16)}):
        if (k := one.step["k"]) in stills:
            found = np.asarray(Image.open(io.BytesIO(stills[k])))
            np.testing.assert_array_equal(found, one.obs.images["eye"])


def test_steps_that_are_not_there(run: RunTables, tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="missing or damaged"):
        take_stills(tmp_path, run.episodes[0], ToyWorld, "eye", 16, [0])
