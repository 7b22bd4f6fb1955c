"""Loading: LeRobot's policy and processors out of a checkpoint, frozen; nothing is downloaded."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from aegis.core.errors import (
    AegisError,
    CheckpointError,
    ConfigError,
    MachineError,
    UnknownNameError,
)
from policies.lerobot.checkpoint import (
    WEIGHTS,
    Checkpoint,
    close_hub,
    compute_digest,
    find_folder,
    read_checkpoint,
)
from policies.lerobot.processors import find_middle_state, load_processors

SCHEDULERS = ("DDIM",)
_PALIGEMMA = "google/paligemma-3b-pt-224"
"""Whose tokenizer pi0 and pi05 use."""

_VLM_FOLDER = "vlm"
"""Where a checkpoint may bring the tokenizer and the configuration of its language model."""

_STEP_SETTINGS = {
    "smolvla": "num_steps",
    "pi0": "num_inference_steps",
    "pi05": "num_inference_steps",
    "diffusion": "num_inference_steps",
}
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a checkpoint is loaded.

    Attributes:
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        vlm: Folder or hub name with the tokenizer (and, for SmolVLA, the configuration) of the
            language model; None for the checkpoint's ``vlm/``, else what it names itself.
        scheduler: ``DDIM`` samples a Diffusion policy with it; None for the checkpoint's own.
        steps: Denoising steps; None for the checkpoint's own.
    """

    device: str = "cpu"
    vlm: str | None = None
    scheduler: str | None = None
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy of LeRobot, ready for inference.

    Attributes:
        kind: Its type, see ``policies.lerobot.checkpoint.KINDS``.
        network: LeRobot's policy, frozen.
        config: Its settings.
        prepare: Turns a batch of observations into what the network reads.
        finish: Turns what the network puts out into actions of the robot; shape stays.
        digest: Of all that the actions depend on.
        state: What the robot typically feels: the middle of what it was trained on. Length p.
    """

    kind: str
    network: Any
    config: Any
    prepare: Callable[[dict[str, Any]], dict[str, Any]]
    finish: Callable[[Tensor], Tensor]
    digest: str
    state: Sequence[float]

    @property
    def picture_shapes(self) -> dict[str, tuple[int, ...]]:
        """Picture keys to shapes, (3, h, w)."""
        return {key: tuple(given.shape) for key, given in self.config.image_features.items()}

    @property
    def state_size(self) -> int:
        """Entries of proprioception."""
        return int(self.config.robot_state_feature.shape[0])

    @property
    def action_size(self) -> int:
        """Dimensions of an action."""
        return int(self.config.action_feature.shape[0])


def require_lerobot(name: str) -> None:
    """Refuses to go on where LeRobot is not installed.

    Args:
        name: Policy that needs it, for the message.

    Raises:
        MachineError: If it is not.
    """
    if importlib.util.find_spec("lerobot") is None:
        raise MachineError(
            f"Policy '{name}' needs LeRobot, which has an environment of its own because it wants "
            "other versions than AEGIS. Run `make setup-lerobot` once, then serve the policy from "
            "there, `.venv-lerobot/bin/aegis serve policy=lerobot policy.folder=FOLDER`, and say "
            f"`{name}=openpi` here; or run all of AEGIS there: .venv-lerobot/bin/aegis."
        )


def load_policy(
    place: str, options: LoadOptions, check: Callable[[str, Any], None]
) -> LoadedPolicy:
    """Loads a checkpoint.

    Args:
        place: Its folder, or the name of a model that lies in the hub's cache.
        options: How.
        check: Refuses settings that cannot be run, given type and settings, before anything large
            is built.

    Raises:
        CheckpointError: If a file is missing, damaged, or of another architecture.
        UnknownNameError: If policies of its type cannot be loaded.
        ConfigError: If an option does not fit its type.
    """
    close_hub()
    checkpoint = read_checkpoint(place)
    with _keep_stdout_clean(), _explain_failure(checkpoint.folder):
        config = _read_config(checkpoint.folder)
        _apply_options(config, checkpoint.kind, options)
        check(checkpoint.kind, config)
        vlm = _find_vlm(checkpoint, config, options.vlm)
        network = _build_network(checkpoint, config, vlm)
        before, after = load_processors(checkpoint, config, vlm)
    folders = [] if vlm is None or vlm.is_relative_to(checkpoint.folder) else [vlm]
    digest = compute_digest(checkpoint.folder, *folders) if folders else checkpoint.digest
    settings = f"{options.scheduler}; {options.steps}; lerobot {_read_version()}"
    digest = f"{checkpoint.kind} {digest}; {settings}"
    state = find_middle_state(before, config)
    return LoadedPolicy(checkpoint.kind, network, config, before, after, digest, state)


@contextmanager
def _keep_stdout_clean() -> Iterator[None]:
    """Sends what LeRobot prints to stderr: stdout may carry our JSON."""
    with redirect_stdout(sys.stderr):
        yield


@contextmanager
def _explain_failure(folder: Path) -> Iterator[None]:
    """Says which checkpoint it was that LeRobot failed on.

    Raises:
        CheckpointError: Instead of LeRobot's error.
    """
    try:
        yield
    except (AegisError, MemoryError):
        raise
    except (
        Exception
    ) as error:  # LeRobot, draccus, transformers and safetensors raise what they like.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = "; ".join(lines[:_SHOWN]) or type(error).__name__
        raise CheckpointError(
            f"LeRobot {_read_version()} cannot load {folder}: {said}. Was it saved by another "
            "version, or damaged on the way? Copy it again, or save it again with this version."
        ) from error


def _read_version() -> str:
    return importlib.metadata.version("lerobot")


def _read_config(folder: Path) -> Any:
    import lerobot.policies  # registers the types
    from lerobot.configs import PreTrainedConfig

    del lerobot
    return PreTrainedConfig.from_pretrained(folder)


def _apply_options(config: Any, kind: str, options: LoadOptions) -> None:
    """Puts options into the settings, and turns off whatever would download or compile.

    Raises:
        ConfigError: If an option does not fit the type.
    """
    config.device = options.device
    for name, value in {"load_vlm_weights": False, "compile_model": False}.items():
        if hasattr(config, name):
            setattr(config, name, value)
    if hasattr(config, "pretrained_backbone_weights"):
        config.pretrained_backbone_weights = None  # they would be overwritten anyway
    if options.scheduler is not None:
        if kind != "diffusion":
            raise ConfigError(f"scheduler={options.scheduler} is for Diffusion. This is {kind}.")
        if options.scheduler not in SCHEDULERS:
            raise UnknownNameError("scheduler", options.scheduler, SCHEDULERS, "policy=lerobot")
        config.noise_scheduler_type = options.scheduler
    if options.steps is not None:
        if kind not in _STEP_SETTINGS:
            raise ConfigError(
                f"steps={options.steps} is for policies that denoise. This is {kind}."
            )
        if options.steps < 1:
            raise ConfigError(f"steps must be at least 1. Got: {options.steps}.")
        setattr(config, _STEP_SETTINGS[kind], options.steps)


def _find_vlm(checkpoint: Checkpoint, config: Any, given: str | None) -> Path | None:
    """Returns the folder with the tokenizer of the language model; None if there is no such model.

    Raises:
        CheckpointError: If it is nowhere on this machine.
    """
    if checkpoint.kind in ("act", "diffusion"):
        return None
    inside = checkpoint.folder / _VLM_FOLDER
    if given is None and inside.is_dir():
        return inside
    named = given or str(getattr(config, "vlm_model_name", _PALIGEMMA))
    try:
        return find_folder(named)
    except CheckpointError as error:
        raise CheckpointError(
            f"{checkpoint.folder} needs the tokenizer of '{named}', which is not on this machine, "
            "and AEGIS downloads nothing. Where there is a network, run "
            f"`hf download {named} --include '*.json' '*.model' '*.txt'`; then copy those files "
            f"to {inside}, or name their folder with vlm=FOLDER."
        ) from error


def _build_network(checkpoint: Checkpoint, config: Any, vlm: Path | None) -> Any:
    """Returns LeRobot's policy with the weights of the checkpoint, frozen.

    LeRobot's own ``from_pretrained`` goes on with random weights where some are missing.

    Raises:
        CheckpointError: If tensors are missing.
    """
    from lerobot.policies.factory import get_policy_class
    from safetensors.torch import load_file

    if checkpoint.kind == "smolvla":
        config.vlm_model_name = str(vlm)
    network: Any = get_policy_class(checkpoint.kind)(config)
    path = checkpoint.folder / WEIGHTS
    tensors = load_file(path)
    if checkpoint.kind in ("pi0", "pi05"):
        tensors = _rename_openpi_tensors(network, tensors)
    missing = network.load_state_dict(tensors, strict=False).missing_keys
    own = network.state_dict()
    # Tensors that share memory are stored once.
    loaded = {own[name].data_ptr() for name in own if name in tensors}
    lost = [name for name in missing if own[name].data_ptr() not in loaded]
    if lost:
        raise CheckpointError(
            f"{path} has {len(lost)} of {len(own)} tensors too few, among them "
            f"{', '.join(lost[:_SHOWN])}. It is damaged, or belongs to another config.json. Copy "
            "the checkpoint again."
        )
    return network.to(config.device).eval().requires_grad_(False)


def _rename_openpi_tensors(network: Any, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns tensors under the names of LeRobot's network, as its own loader renames openpi's."""
    fixed = network._fix_pytorch_state_dict_keys(tensors, network.config)
    return {
        name if name.startswith("model.") else f"model.{name}": tensor
        for name, tensor in fixed.items()
    }
