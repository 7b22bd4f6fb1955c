"""What cannot be run is refused at start-up: what was found, what is allowed and what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aegis.core.errors import (
    AegisError,
    CheckpointError,
    ConfigError,
    MachineError,
    UnknownNameError,
)
from tests.lerobot.conftest import MakePolicy
from tests.lerobot.tiny import write_tiny

pytestmark = pytest.mark.lerobot


def edit_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def edit_config(**settings: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        edit_json(folder / "config.json", lambda content: content.update(settings))

    return edit


def drop_tensor(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors["model.action_head.weight"]
    save_file(tensors, folder / "model.safetensors")


def drop_statistics(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    (path,) = folder.glob("policy_postprocessor*.safetensors")
    save_file({k: v for k, v in load_file(path).items() if not k.startswith("action.")}, path)


def add_tensor(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors["model.adapter.weight"] = tensors["model.action_head.weight"].clone()
    save_file(tensors, folder / "model.safetensors")


def edit_normalizer(
    name: str, change: Callable[[dict[str, Any]], object]
) -> Callable[[Path], None]:
    """Changes the settings of the step that normalises."""

    def edit(folder: Path) -> None:
        def find(content: dict[str, Any]) -> None:
            steps = [one for one in content["steps"] if "norm_map" in one.get("config", {})]
            change(steps[0]["config"])

        edit_json(folder / f"policy_{name}processor.json", find)

    return edit


def drop_normalizer(folder: Path) -> None:
    def drop(content: dict[str, Any]) -> None:
        content["steps"] = [one for one in content["steps"] if "norm_map" not in one["config"]]

    edit_json(folder / "policy_preprocessor.json", drop)


def change_statistics(name: str, value: float | None) -> Callable[[Path], None]:
    """Sets a statistic of the pre-processor to a value, or drops it."""

    def change(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        (path,) = folder.glob("policy_preprocessor*.safetensors")
        tensors = {key: tensor.clone() for key, tensor in load_file(path).items()}
        if value is None:
            del tensors[name]
        else:
            tensors[name].view(-1)[0] = value
        save_file(tensors, path)

    return change


def truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def name_a_class(folder: Path) -> None:
    path = folder / "policy_preprocessor.json"
    edit_json(path, lambda content: content["steps"].append({"class": "os.path.join"}))


def wider_network(folder: Path) -> None:
    edit_config(dim_model=64)(folder)


@pytest.mark.parametrize(
    ("damage", "error", "words"),
    [
        (truncate, CheckpointError, "LeRobot 0.6.1 cannot load .*Copy it again"),
        (drop_tensor, CheckpointError, "1 of [0-9]+ tensors too few, among them model.action_head"),
        (
            add_tensor,
            CheckpointError,
            "1 tensors too many for the act.*among them model.adapter",
        ),
        (
            drop_normalizer,
            CheckpointError,
            "policy_preprocessor.json has no step that normalises 'observation.state'|"
            "policy_preprocessor.json has no step that normalises 'observation.images.image'",
        ),
        (
            edit_normalizer("pre", lambda one: one["features"].pop("observation.images.image2")),
            CheckpointError,
            "no step that normalises 'observation.images.image2'.*MEAN_STD",
        ),
        (
            edit_normalizer("post", lambda one: one["norm_map"].update(ACTION="IDENTITY")),
            CheckpointError,
            "policy_postprocessor.json has no step that normalises 'action'",
        ),
        (
            change_statistics("observation.state.std", None),
            CheckpointError,
            "'observation.state' by MEAN_STD and holds no std of it",
        ),
        (
            change_statistics("observation.images.image.mean", float("nan")),
            CheckpointError,
            "'observation.images.image' by MEAN_STD, and its mean holds NaN",
        ),
        (wider_network, CheckpointError, "cannot load .*size mismatch"),
        (drop_statistics, CheckpointError, "normalises 'action' by MEAN_STD and holds no stat"),
        (name_a_class, CheckpointError, r"names a class of its own \(os.path.join\)"),
        (edit_config(type="tdmpc"), UnknownNameError, "type of policy 'tdmpc'.*Allowed: smolvla"),
        (edit_config(temporal_ensemble_coeff=0.01, n_action_steps=1), CheckpointError, "Set it to"),
        (edit_config(use_peft=True), CheckpointError, "use_peft=true.*merge the adapter"),
        (edit_config(chunk_size="many"), CheckpointError, "cannot load"),
        (edit_config(not_invented_yet=1), CheckpointError, "cannot load.*not_invented_yet"),
        (lambda f: (f / "model.safetensors").unlink(), CheckpointError, "has no model.safetensors"),
        (lambda f: (f / "config.json").write_text("{"), CheckpointError, "config.json is damaged"),
        (
            lambda f: (f / "policy_postprocessor.json").unlink(),
            CheckpointError,
            "has no policy_postprocessor.json.*migrate_policy_normalization",
        ),
    ],
)
def test_damaged_folders(
    damage: Callable[[Path], object],
    error: type[AegisError],
    words: str,
    make_policy: MakePolicy,
    checkpoints: dict[str, Path],
    tmp_path: Path,
) -> None:
    copy = shutil.copytree(checkpoints["act"], tmp_path / "copy")
    damage(copy)
    with pytest.raises(error, match=words):
        make_policy(copy, batch=1)


@pytest.mark.parametrize(
    ("kind", "settings", "error", "words"),
    [
        ("act", {"samples": 2}, ConfigError, "must be 0: act gives one chunk per observation"),
        ("act", {"taps": ["decoder"]}, ConfigError, "Allowed: decoder:mean, decoder:last"),
        ("act", {"taps": ["decode:mean"]}, UnknownNameError, "Did you mean 'decoder"),
        ("act", {"taps": ["decoder:mean@steps"]}, ConfigError, "runs once per chunk"),
        ("act", {"execute": 17}, ConfigError, "in 1 to 16"),
        ("act", {"scheduler": "DDIM"}, ConfigError, "is for Diffusion"),
        ("act", {"steps": 4}, ConfigError, "for policies that denoise"),
        ("smolvla", {"steps": 0}, ConfigError, "at least 1"),
        ("smolvla", {"samples_per_pass": 0}, ConfigError, "at least 1"),
        ("smolvla", {"vlm": "nobody/nothing"}, CheckpointError, "downloads nothing.*hf download"),
        ("diffusion", {"scheduler": "DPM"}, UnknownNameError, "in weak.scheduler.*Allowed: DDIM"),
        (
            "act",
            {"steps": 3},
            ConfigError,
            "'weak.steps' is for policies that denoise",
        ),
        ("act", {"fill": 2}, ConfigError, "'weak.fill' must be in 0 to 1.*Got: 2"),
        ("act", {"mirror": None}, ConfigError, "weak.mirror=true or weak.mirror=false"),
        ("act", {"views": {"top": {}}}, UnknownNameError, "picture key 'top'"),
        (Path("/no/such/folder"), {}, CheckpointError, "There is no folder"),
        (Path("nobody/nothing"), {}, CheckpointError, "hf download nobody/nothing"),
    ],
)
def test_settings_that_do_not_fit(
    kind: str | Path,
    settings: dict[str, Any],
    error: type[AegisError],
    words: str,
    make_policy: MakePolicy,
) -> None:
    with pytest.raises(error, match=words):
        make_policy(kind, batch=1, **settings)


def test_noise_that_nobody_addresses(make_policy: MakePolicy, tmp_path: Path) -> None:
    folder = write_tiny(tmp_path, "diffusion", noise_scheduler_type="DDPM")
    with pytest.raises(CheckpointError, match=r"sampled with DDPM.*weak.scheduler=DDIM"):
        make_policy(folder, batch=1)
    assert make_policy(folder, batch=1, scheduler="DDIM", steps=2).spec.horizon == 8


def test_pi_with_tensors_missing_is_not_run_on_random_ones(
    make_policy: MakePolicy, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    copy = shutil.copytree(checkpoints["pi05"], tmp_path / "copy")
    truncate(copy)
    with pytest.raises(CheckpointError, match="cannot load"):
        make_policy(copy, batch=1)


def test_pi_with_tensors_left_over_is_refused(
    make_policy: MakePolicy, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(checkpoints["pi05"], tmp_path / "copy")
    tensors = load_file(copy / "model.safetensors")
    bias = tensors["model.action_out_proj.bias"]
    # The second is one that LeRobot's own renaming leaves out, with a line in the log.
    norm = "paligemma_with_expert.gemma_expert.model.norm.weight"
    save_file({**tensors, "extra": bias.clone(), norm: bias.clone()}, copy / "model.safetensors")
    with pytest.raises(CheckpointError, match=rf"2 tensors too many.*model\.extra, {norm}"):
        make_policy(copy, batch=1)


@pytest.mark.parametrize("where", ["load_file", "to"])
def test_memory_that_does_not_suffice_is_no_damage(
    where: str, make_policy: MakePolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    import safetensors.torch
    import torch

    def refuse(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    target = safetensors.torch if where == "load_file" else torch.nn.Module
    monkeypatch.setattr(target, where, refuse)
    with pytest.raises(MachineError, match=r"Not enough memory for loading .* 2\.00 GiB.*device"):
        make_policy("act", batch=1)


def test_memory_that_does_not_suffice_for_a_batch(
    make_policy: MakePolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = make_policy("act", batch=2)
    text = "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you"

    def refuse(*_: object) -> None:
        raise RuntimeError(text)

    monkeypatch.setattr(policy._backend, "draw", refuse)
    with pytest.raises(MachineError, match=r"memory for 2 rows of 'weak' on cpu.*weak\.batch=1"):
        policy.propose([policy.make_example(0), policy.make_example(1)])
