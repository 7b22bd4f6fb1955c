"""Loading: LeRobot's policy and processors out of a checkpoint, frozen; nothing is downloaded."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aegis.core.errors import (
    AegisError,
    CheckpointError,
    ConfigError,
    MachineError,
    UnknownNameError,
)
from policies.lerobot.checkpoint import (
    Checkpoint,
    close_hub,
    compute_digest,
    find_folder,
    read_checkpoint,
)
from policies.lerobot.memory import explain_memory
from policies.lerobot.processors import find_middle_state, load_processors
from policies.lerobot.weights import build_network

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
        name: The policy, for messages that name its settings.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        vlm: Folder or hub name with the tokenizer (and, for SmolVLA, the configuration) of the
            language model; None for the checkpoint's ``vlm/``, else what it names itself.
        scheduler: ``DDIM`` samples a Diffusion policy with it; None for the checkpoint's own.
        steps: Denoising steps; None for the checkpoint's own.
    """

    name: str
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

    @property
    def precision(self) -> str:
        """Types of its weights, for example ``float32``; arithmetic rounds as they do."""
        weights = (one.dtype for one in self.network.parameters() if one.is_floating_point())
        return "+".join(sorted({str(dtype).removeprefix("torch.") for dtype in weights}))


def require_lerobot(who: str, remedy: str) -> None:
    """Refuses to go on where LeRobot is not installed.

    Args:
        who: What needs it, for the message.
        remedy: What to do once its environment is there.

    Raises:
        MachineError: If it is not.
    """
    if importlib.util.find_spec("lerobot") is None:
        raise MachineError(
            f"{who} needs LeRobot, which has an environment of its own because it wants other "
            f"versions than AEGIS. Run `make setup-lerobot` once, then {remedy}."
        )


def load_policy(
    place: str, options: LoadOptions, check: Callable[[str, Any, str], None]
) -> LoadedPolicy:
    """Loads a checkpoint.

    Args:
        place: Its folder, or the name of a model that lies in the hub's cache.
        options: How.
        check: Refuses settings that cannot be run, given type, settings and the policy's name,
            before anything large is built.

    Raises:
        MachineError: If the device is not there, or the memory does not suffice.
        CheckpointError: If a file is missing, damaged, or of another architecture.
        UnknownNameError: If policies of its type cannot be loaded.
        ConfigError: If an option does not fit its type.
    """
    _check_device(options)
    close_hub()
    checkpoint = read_checkpoint(place)
    advice = f"Close what else runs, take a smaller checkpoint, or another {options.name}.device."
    with (
        _keep_stdout_clean(),
        _explain_failure(checkpoint.folder),
        explain_memory(f"loading {checkpoint.folder}", advice),
    ):
        config = _read_config(checkpoint.folder)
        _apply_options(config, checkpoint.kind, options)
        check(checkpoint.kind, config, options.name)
        vlm = _find_vlm(checkpoint, config, options)
        network = build_network(checkpoint, config, vlm)
        before, after = load_processors(checkpoint, config, vlm)
    folders = [] if vlm is None or vlm.is_relative_to(checkpoint.folder) else [vlm]
    digest = compute_digest(checkpoint.folder, *folders) if folders else checkpoint.digest
    settings = f"{options.scheduler}; {options.steps}; lerobot {_read_version()}"
    digest = f"{checkpoint.kind} {digest}; {settings}"
    state = find_middle_state(before, config)
    return LoadedPolicy(checkpoint.kind, network, config, before, after, digest, state)


def _check_device(options: LoadOptions) -> None:
    """Refuses a device that is not there.

    Raises:
        MachineError: If it is not.
    """
    kind, _, number = options.device.partition(":")
    if kind == "cpu" and not number:
        return
    if (
        kind != "cuda"
        or not torch.cuda.is_available()
        or (number and number not in map(str, range(torch.cuda.device_count())))
    ):
        raise MachineError(
            f"'{options.name}.device' is '{options.device}', which is not on this machine. Set "
            f"{options.name}.device=cpu."
        )


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
    except AegisError:
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
            raise ConfigError(
                f"'{options.name}.scheduler' is for Diffusion, and this is {kind}. Got: "
                f"{options.scheduler}. Leave it out, or set {options.name}.scheduler=null."
            )
        if options.scheduler not in SCHEDULERS:
            where = f"{options.name}.scheduler"
            raise UnknownNameError("scheduler", options.scheduler, SCHEDULERS, where)
        config.noise_scheduler_type = options.scheduler
    if options.steps is not None:
        if kind not in _STEP_SETTINGS:
            raise ConfigError(
                f"'{options.name}.steps' is for policies that denoise, and this is {kind}. Got: "
                f"{options.steps}. Leave it out, or set {options.name}.steps=null."
            )
        if options.steps < 1:
            raise ConfigError(f"'{options.name}.steps' must be at least 1. Got: {options.steps}.")
        setattr(config, _STEP_SETTINGS[kind], options.steps)


def _find_vlm(checkpoint: Checkpoint, config: Any, options: LoadOptions) -> Path | None:
    """Returns the folder with the tokenizer of the language model; None if there is no such model.

    Raises:
        CheckpointError: If it is nowhere on this machine.
    """
    if checkpoint.kind in ("act", "diffusion"):
        return None
    inside = checkpoint.folder / _VLM_FOLDER
    if options.vlm is None and inside.is_dir():
        return inside
    named = options.vlm or str(getattr(config, "vlm_model_name", _PALIGEMMA))
    try:
        return find_folder(named)
    except CheckpointError as error:
        raise CheckpointError(
            f"{checkpoint.folder} needs the tokenizer of '{named}', which is not on this machine, "
            "and AEGIS downloads nothing. Where there is a network, run "
            f"`hf download {named} --include '*.json' '*.model' '*.txt'`; then copy those files "
            f"to {inside}, or name their folder: {options.name}.vlm=FOLDER."
        ) from error
