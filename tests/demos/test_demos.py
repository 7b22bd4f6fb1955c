"""Demonstrations: clean labels, resumable, the same bytes from any number of processes."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from aegis.core.errors import ConfigError, EpisodeError
from aegis.demos.collector import DemoRecipe, collect_demos
from aegis.demos.demonstration import ActionNoise, LeadPolicy, play_demonstration
from aegis.fleet.units import Split, list_units
from tests.fakes import ToyPolicy, ToyWorld, toy_key
from tests.fleet.toyrun import BrokenWorld

NOISE = ActionNoise(0.7, (0.3, 0.3, 0.0))
UNITS = list_units(7, "toy", (0, 1), "wide", Split.TRAINING, 6)


def make_recipe(weak: bool = False, world: type[ToyWorld] = ToyWorld) -> DemoRecipe:
    expert = partial(ToyPolicy, "expert", weak=weak, horizon=1, execute=1)
    return DemoRecipe(partial(world, horizon=60), expert, NOISE, {"agentview": (8, 8)})


def collect_toy_demos(out: Path, workers: int = 1, made: DemoRecipe | None = None) -> int:
    return collect_demos(made or make_recipe(), UNITS, out, workers, {"config": "toy"})


def list_files(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_noise_is_addressed_correlated_and_spares_the_gripper() -> None:
    rows = np.concatenate([NOISE.draw_noise(toy_key(i), 2000) for i in range(8)])
    assert np.array_equal(NOISE.draw_noise(toy_key(3), 50), NOISE.draw_noise(toy_key(3), 50))
    assert not rows[:, 2].any()
    x = rows[:2000, 0]
    assert np.corrcoef(x[1:], x[:-1])[0, 1] == pytest.approx(0.7, abs=0.05)
    assert len({round(float(NOISE.draw_noise(toy_key(i), 500).std()), 3) for i in range(5)}) == 5


def test_labels_are_what_the_expert_wanted() -> None:
    made = make_recipe()
    demo = play_demonstration(ToyWorld(), made.expert(), toy_key(0), NOISE, made.cameras, 2)
    t = len(demo.actions)
    assert demo is not None
    assert demo.success
    assert demo.tick == tuple(range(0, t, 2))
    assert demo.images["agentview"].shape == (len(demo.tick), 8, 8, 3)
    shake = NOISE.draw_noise(toy_key(0), 60)[:t]
    assert np.array_equal(demo.executed, np.clip(demo.actions + shake, -1, 1))
    assert not np.array_equal(demo.executed, demo.actions)


def test_the_expert_recovers_from_where_a_lead_went() -> None:
    made = make_recipe()
    weak = ToyPolicy("lead", weak=True)
    lead = LeadPolicy(weak, 7, 12)
    demo = play_demonstration(ToyWorld(), made.expert(), toy_key(1), NOISE, made.cameras, 2, lead)
    assert demo is not None
    ticks = lead.draw_ticks(toy_key(1))
    assert 7 <= ticks <= 12
    assert demo.tick[0] == ticks, "only what the expert did is kept"
    assert np.array_equal(demo.executed[:ticks], demo.actions[:ticks])
    assert len(demo.actions) > ticks
    assert {lead.draw_ticks(toy_key(i)) for i in range(40)} == set(range(7, 13))
    late = LeadPolicy(ToyPolicy("lead", weak=False), 59, 59)
    assert play_demonstration(ToyWorld(), made.expert(), toy_key(1), NOISE, {}, 2, late) is None
    with pytest.raises(ConfigError, match="0 <= first <= last"):
        LeadPolicy(weak, 5, 4)


def test_same_bytes_from_any_number_of_processes_and_after_a_cut(tmp_path: Path) -> None:
    told: list[tuple[int, int, int]] = []
    made = make_recipe()
    kept = collect_demos(
        made, UNITS, tmp_path / "a", 2, {"config": "toy"}, None, lambda *counts: told.append(counts)
    )
    assert told[0] == (0, 6, 0)
    assert told[-1] == (6, 6, kept)
    assert kept > 0
    collect_toy_demos(tmp_path / "b")
    assert list_files(tmp_path / "a") == list_files(tmp_path / "b")
    cut = next((tmp_path / "a").glob("*.npz"))
    cut.write_bytes(cut.read_bytes()[:-30])
    collect_toy_demos(tmp_path / "a")
    assert list_files(tmp_path / "a") == list_files(tmp_path / "b")


def test_only_successes_are_kept(tmp_path: Path) -> None:
    kept = collect_toy_demos(tmp_path, made=make_recipe(weak=True))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert len(list(tmp_path.glob("*.npz"))) == kept == len(manifest["episodes"])
    assert manifest["failed"] == len(list(tmp_path.glob("*.failed"))) == 6 - kept > 0
    with np.load(next(tmp_path.glob("*.npz")), allow_pickle=False) as demo:
        assert bool(demo["success"])
        assert str(demo["instruction"]).startswith("reach goal")


def test_errors_come_through(tmp_path: Path) -> None:
    with pytest.raises(EpisodeError, match="the wheel came off"):
        collect_toy_demos(tmp_path / "broken", made=make_recipe(world=BrokenWorld))
    collect_toy_demos(tmp_path / "other")
    with pytest.raises(ConfigError, match=r"another experiment.*\n  config: toy there, new here"):
        collect_demos(make_recipe(), UNITS, tmp_path / "other", 1, {"config": "new"})
    with pytest.raises(ConfigError, match="Noise for 3 action dimensions"):
        play_demonstration(
            ToyWorld(), make_recipe().expert(), toy_key(0), ActionNoise(0.7, (0.1,)), {}, 2
        )
