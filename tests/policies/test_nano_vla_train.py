"""Training: it learns, it can be interrupted, and it refuses bad demonstrations."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from aegis.core.errors import CheckpointError, NonFiniteError, ShapeError, TraceError
from policies.nano_vla.checkpoint import load_checkpoint
from policies.nano_vla.config import TrainConfig
from policies.nano_vla.training.dataset import cut_chunks, load_dataset
from policies.nano_vla.training.train import train_policy
from policies.nano_vla.training.trainer import Trainer, TrainingProgress
from tests.policies.nano_vla_fixtures import TINY, save_demos

QUICK = TrainConfig(
    steps=6, batch=8, holdout_every=3, log_every=2, save_every=2, warmup=2, shift=1
)  # fmt: skip


@pytest.fixture
def demos(tmp_path: Path) -> Path:
    save_demos(tmp_path / "demos")
    return tmp_path / "demos"


def test_it_overfits_a_tiny_set(demos: Path, tmp_path: Path) -> None:
    quiet = {"shift": 0, "colour": 0.0, "proprio_noise": 0.0, "word_drop": 0.0}
    training = dataclasses.replace(QUICK, steps=150, lr=3e-3, log_every=50, batch=16, **quiet)  # type: ignore[arg-type]
    seen: list[TrainingProgress] = []
    train_policy(str(demos), str(tmp_path / "m.safetensors"), TINY, training, seen.append)
    assert seen[-1].step == 150
    assert seen[-1].loss < 0.3 * seen[0].loss < 0.1
    assert np.isfinite(seen[-1].error)


def test_an_interrupted_training_ends_with_the_same_bytes(demos: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    train_policy(str(demos), str(whole), TINY, QUICK)

    class KilledError(Exception):
        pass

    def kill(report: TrainingProgress) -> None:
        if report.step == 4:
            raise KilledError

    with pytest.raises(KilledError):
        train_policy(str(demos), str(parts), TINY, QUICK, kill)
    assert not parts.exists()
    train_policy(str(demos), str(parts), TINY, QUICK)
    assert whole.read_bytes() == parts.read_bytes()
    provenance = load_checkpoint(parts).provenance
    assert provenance["episodes"] == 6


def test_a_state_of_other_settings_is_refused(demos: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "m.safetensors")
    train_policy(str(demos), out, TINY, QUICK)
    with pytest.raises(CheckpointError, match="other settings"):
        train_policy(str(demos), out, TINY, dataclasses.replace(QUICK, seed=1))


def test_chunks_end_standing_still_with_the_gripper_as_it_was() -> None:
    actions = np.arange(21, dtype=np.float32).reshape(3, 7)
    chunks = cut_chunks(actions, np.array([0, 2]), 4)
    assert np.array_equal(chunks[0, :3], actions)
    assert np.array_equal(chunks[1, 0], actions[2])
    assert np.array_equal(chunks[1, 1:], [[0, 0, 0, 0, 0, 0, 20]] * 3)


def test_failures_are_left_out_and_demos_can_be_limited(demos: Path) -> None:
    everything = load_dataset([demos], TINY, None, 3)
    assert everything.episodes == 6
    assert everything.held_out.sum() == 10
    few = load_dataset([demos], TINY, 1, 3)
    assert few.episodes == 2
    assert len(few.instructions) == 2
    trainer = Trainer(demos / "x", TINY, QUICK, few)
    assert np.isnan(trainer.measure_error())


def test_second_stage_starts_from_the_first(demos: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    train_policy(str(demos), str(first), TINY, QUICK)
    idle = dataclasses.replace(QUICK, steps=1, lr=1e-12, decay=0.0, ema=0.0)
    train_policy([str(demos), str(demos)], str(second), TINY, idle, initial=str(first))
    old, new = (load_checkpoint(path, "cpu").net.state_dict() for path in (first, second))
    assert all(torch.allclose(old[name], new[name], atol=1e-6) for name in old)
    other = dataclasses.replace(TINY, hidden=2 * TINY.hidden)
    with pytest.raises(CheckpointError, match="another architecture"):
        train_policy(str(demos), str(tmp_path / "x.safetensors"), other, QUICK, initial=str(first))


def _rewrite(path: Path, **changes: object) -> None:
    with np.load(path) as demo:
        arrays = {**demo, **changes}
    np.savez(path, **arrays)  # type: ignore[arg-type]


def test_bad_demonstrations_are_refused(demos: Path, tmp_path: Path) -> None:
    path = demos / "0_0.npz"
    _rewrite(path, actions=np.full((9, 7), np.nan, np.float32))
    with pytest.raises(NonFiniteError, match=r"actions in .*0_0.npz"):
        load_dataset([demos], TINY, None, 3)
    _rewrite(path, wrist=np.zeros((5, 64, 64, 3), np.uint8))
    with pytest.raises(ShapeError, match=r"wrist in .* must be uint8 of shape \(5, 32, 32, 3\)"):
        load_dataset([demos], TINY, None, 3)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(TraceError, match="not a demonstration"):
        load_dataset([demos], TINY, None, 3)
    (tmp_path / "empty").mkdir()
    with pytest.raises(TraceError, match="No successful demonstrations"):
        load_dataset([tmp_path / "empty"], TINY, None, 3)
