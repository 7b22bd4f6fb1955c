"""Checkpoints of the Nano-VLA: what comes back, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from aegis.core.errors import CheckpointError, ConfigError, UnknownNameError
from policies.nano_vla.checkpoint import load_checkpoint, read_tensors, write_tensors
from policies.nano_vla.config import SIZES, NanoConfig, TrainConfig, select_config
from policies.nano_vla.model import NanoNet, body_features
from tests.policies.nano_vla_fixtures import TINY, save_tiny


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(save_tiny(tmp_path / "m.safetensors"))


def test_it_comes_back_as_it_was(path: Path) -> None:
    loaded = load_checkpoint(path)
    assert loaded.net.config == TINY
    assert loaded.provenance == {"seed": 0}
    assert not loaded.net.training
    tensors, _ = read_tensors(path)
    assert all(torch.equal(tensors[n], t) for n, t in loaded.net.state_dict().items())
    assert loaded.digest == load_checkpoint(path).digest
    assert loaded.digest != load_checkpoint(Path(save_tiny(path, seed=1))).digest


def _break(path: Path, how: str) -> None:
    tensors, header = read_tensors(path)
    name = "trunk.body.weight"
    if how == "missing":
        del tensors[name]
    elif how == "shape":
        tensors[name] = tensors[name][:, :5]
    elif how == "nan":
        tensors[name][0, 0] = float("nan")
    elif how == "format":
        header["format"] = "smolvla/3"
    elif how == "architecture":
        header["config"] = dataclasses.replace(TINY, width=32).to_json()  # type: ignore[assignment]
    elif how == "header":
        header["config"] = {"width": 3}
    write_tensors(path, tensors, header)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("missing", r"Missing tensors: \['trunk.body.weight'\]"),
        ("shape", r"must be torch.float32 of shape \(16, 11\). Got: .* \(16, 5\)"),
        ("nan", "NaN or infinity"),
        ("format", "Got: 'smolvla/3'"),
        ("architecture", "of shape"),
        ("header", "Unknown or missing model settings"),
    ],
)
def test_damage_is_refused(path: Path, how: str, message: str) -> None:
    _break(path, how)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_truncated_files_are_refused(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="truncated"):
        load_checkpoint(path)


def test_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load_checkpoint(tmp_path / "none.safetensors")


def test_the_shipped_sizes_are_small() -> None:
    counts = {
        name: sum(p.numel() for p in NanoNet(config, 61).parameters())
        for name, config in SIZES.items()
    }
    assert counts["weak"] <= 600_000
    assert counts["strong"] <= 3_000_000
    with pytest.raises(UnknownNameError, match="Did you mean 'strong'"):
        select_config("stron")


@pytest.mark.parametrize(
    "wrong", [{"width": 30}, {"execute": 11}, {"image": 60}, {"stem": (8,)}, {"blocks": 0}]
)
def test_impossible_models_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        NanoConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"word_drop": 2.0}, {"holdout_every": 1}])
def test_impossible_trainings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        TrainConfig(**{"steps": 1, **wrong})  # type: ignore[arg-type]


def test_body_features_are_continuous_where_the_axis_flips() -> None:
    near = np.zeros((2, 8), np.float32)
    near[:, 3] = [3.1415, -3.1415]
    first, second = body_features(torch.from_numpy(near))
    assert torch.allclose(first, second, atol=1e-3)
    still = body_features(torch.zeros(1, 8))[0]
    assert torch.allclose(still[3:9], torch.tensor([1.0, 0, 0, 0, 1, 0]))
