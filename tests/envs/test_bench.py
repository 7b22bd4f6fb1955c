"""The references of the benchmarks do the same work as ours, from the same states."""

from collections.abc import Iterator

import numpy as np
import pytest

from aegis.core.types import EpisodeKey
from envs import camera
from envs.bench.lerobot import LeRobotWorld
from envs.bench.render import build_contests as render_contests
from envs.bench.step import build_contests
from envs.libero.world import LiberoWorld
from policies.expert import ScriptedExpert

SUITE = "libero_spatial"

pytestmark = pytest.mark.slow


@pytest.fixture
def framebuffers() -> Iterator[None]:
    yield
    camera.close_renderers()  # at exit robosuite, which came later, closes the display first


def test_step_rows() -> None:
    found = build_contests("builtin", [0], 3, 3, ScriptedExpert("expert"))
    rows = {}
    try:
        for contest in found:
            contest.run_ours()
            if contest.reference:
                contest.run_reference()
            rows[contest.name] = contest.collect_facts()
    finally:
        found[-1].close()
    assert list(rows) == ["exact", "fast", "bare", "snapshot"]
    assert rows["exact"]["bitwise_equal"]
    assert rows["exact"]["successes"] == 1
    assert set(rows["exact"]["by_course"]) == {"random", "smooth", "pressing", "expert"}
    assert 0 < rows["fast"]["deviation_median_m"] < 1e-2
    assert rows["snapshot"]["bytes"] > 0


def test_render_rows(framebuffers: None) -> None:
    found = render_contests("builtin", 0, [64], 1, 3)
    rows = {}
    for contest in found:
        contest.run_ours()
        contest.run_reference()
        rows[contest.name] = contest.collect_facts()
    found[-1].close()
    assert rows["official_64"]["equal"]
    assert not rows["fast_64"]["equal"]


def test_lerobot_begins_where_we_begin(framebuffers: None) -> None:
    """Pictures of the same objects in the same places, upright as ours."""
    key = EpisodeKey(0, SUITE, 1, "wide", 5)
    theirs = LeRobotWorld(SUITE, "builtin", 64, hard_reset=True)
    ours = LiberoWorld(SUITE, "builtin", 220, pictures="official")
    try:
        seen = theirs.reset(key)
        again = theirs.reset(key)
        moved, success = theirs.step(np.array([0, 0, 1, 0, 0, 0, -1.0]))
        ours.begin(key)
        wanted = ours.observe({"agentview": (64, 64), "wrist": (64, 64)})
    finally:
        theirs.close()
    assert seen.instruction == wanted.instruction
    picture, expected = seen.images["agentview"].astype(int), wanted.images["agentview"]
    assert np.abs(picture - expected).mean() < 4 < np.abs(picture[::-1] - expected).mean()
    np.testing.assert_allclose(seen.proprio[:3], wanted.proprio[:3], atol=0.02)
    np.testing.assert_array_equal(seen.images["agentview"], again.images["agentview"])
    assert moved.proprio[2] > again.proprio[2]
    assert not success
