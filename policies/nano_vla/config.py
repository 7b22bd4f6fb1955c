"""The sizes of a Nano-VLA and of its training run, validated where they are written down."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from aegis.core.errors import ConfigError, UnknownNameError

CAMERAS = ("agentview", "wrist")
"""Pictures that the policy looks at, in this order."""

EYE_PARTS = ("tokens", "points")
"""What an eye makes of a picture: tokens for the trunk, and keypoints."""

PROPRIO_SIZE = 8
"""Entries of proprioception: position (3) [m], axis-angle (3) [rad], fingers (2) [m]."""


@dataclass(frozen=True, slots=True)
class NanoConfig:
    """Everything that fixes the architecture; two equal configs give equal tensor shapes.

    Attributes:
        image: Side of the square pictures [px]; a multiple of 16.
        horizon: Rows of a chunk [control steps].
        execute: Rows executed before the policy is asked again [control steps].
        action: Dimensions of an action; the last one is the gripper.
        stem: Channels of the convolutions at 1/4 and at 1/8 of the picture.
        relations: 3 x 3 convolutions at 1/4 of the picture, after the text was read.
        keypoints: Spatial-softmax keypoints per camera.
        words: Longest instruction [tokens]; longer ones are cut.
        text: Width of the text encoder.
        width: Width of the trunk.
        heads: Attention heads of the trunk and of the text encoder.
        blocks: Transformer blocks of the trunk.
        hidden: Width of the action head.
        layers: Residual layers of the action head.
        flow_steps: Euler steps from noise to actions.
    """

    image: int = 64
    horizon: int = 10
    execute: int = 5
    action: int = 7
    stem: tuple[int, int] = (32, 64)
    relations: int = 1
    keypoints: int = 24
    words: int = 28
    text: int = 64
    width: int = 96
    heads: int = 4
    blocks: int = 2
    hidden: int = 192
    layers: int = 2
    flow_steps: int = 6

    def __post_init__(self) -> None:
        object.__setattr__(self, "stem", tuple(self.stem))
        if len(self.stem) != 2:
            raise ConfigError(f"stem must have 2 entries (1/4 and 1/8). Got: {self.stem}.")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            numbers = value if isinstance(value, tuple) else (value,)
            if not all(type(number) is int and number > 0 for number in numbers):
                raise ConfigError(f"{field.name} must be a positive integer. Got: {value!r}.")
        if self.image % 16:
            raise ConfigError(f"image must be a multiple of 16 [px]. Got: {self.image}.")
        if self.execute > self.horizon:
            raise ConfigError(f"execute ({self.execute}) must not exceed horizon ({self.horizon}).")
        for name in ("text", "width"):
            if getattr(self, name) % self.heads:
                raise ConfigError(f"{name} must be a multiple of heads ({self.heads}).")

    def to_json(self) -> dict[str, int | list[int]]:
        """Returns the fields as plain JSON values."""
        fields = dataclasses.asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()}

    @classmethod
    def from_json(cls, fields: Mapping[str, int | list[int]]) -> NanoConfig:
        """Inverts :meth:`to_json`.

        Raises:
            ConfigError: If a field is unknown, missing or not allowed.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        if set(fields) != names:
            odd = sorted(set(fields) ^ names)
            raise ConfigError(f"Unknown or missing model settings: {', '.join(odd)}.")
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})  # type: ignore[arg-type]


SIZES: Mapping[str, NanoConfig] = {
    "weak": NanoConfig(),
    "strong": NanoConfig(stem=(48, 96), keypoints=32, width=128, blocks=3, hidden=320, layers=3),
}


def select_config(name: str) -> NanoConfig:
    """Returns the config of a named size.

    Raises:
        UnknownNameError: If there is no such size.
    """
    if name not in SIZES:
        raise UnknownNameError("model size", name, SIZES, "policies/nano_vla/config.py")
    return SIZES[name]


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How to train. The result depends on these, the data and the machine, not on time or luck.

    Attributes:
        steps: Optimiser steps.
        batch: Samples per step.
        seed: Root seed of initialisation, batches, augmentation and noise.
        demos_per_task: Use only so many demonstrations of each task (lowest index first); None
            uses all. The natural dial between a weak and a strong policy.
        holdout_every: Every so many-th demonstration of a task is kept for validation.
        lr: Peak learning rate, reached after ``warmup`` steps, then cosine to 2 %.
        warmup: Steps of linear warm-up.
        decay: Weight decay.
        ema: Decay per step of the averaged weights, which are what is saved.
        clip: Largest gradient norm.
        draws: Noise draws per sample and step; they share one pass through the trunk.
        shift: Largest random shift of a picture [px].
        colour: Largest relative change of contrast and absolute change of brightness.
        proprio_noise: Noise on proprioception, in standard deviations.
        canonical: Probability of the canonical sentence instead of a paraphrase.
        word_drop: Probability that a word is replaced by the unknown token.
        threads: Threads of torch; more than the free cores makes it several times slower.
        log_every: Steps between log lines.
        save_every: Steps between resumable snapshots.
    """

    steps: int
    batch: int = 128
    seed: int = 0
    demos_per_task: int | None = None
    holdout_every: int = 40
    lr: float = 2e-3
    warmup: int = 100
    decay: float = 0.02
    ema: float = 0.998
    clip: float = 1.0
    draws: int = 4
    shift: int = 2
    colour: float = 0.1
    proprio_noise: float = 0.05
    canonical: float = 0.3
    word_drop: float = 0.05
    threads: int = 1
    log_every: int = 100
    save_every: int = 500

    def __post_init__(self) -> None:
        positive = ("steps", "batch", "lr", "clip", "draws", "threads", "log_every", "save_every")
        for name in positive:
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive. Got: {getattr(self, name)}.")
        for name in ("canonical", "word_drop", "ema", "colour"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be in [0, 1]. Got: {getattr(self, name)}.")
        if self.holdout_every < 2 or self.shift < 0 or self.proprio_noise < 0:
            raise ConfigError(
                "holdout_every must be at least 2; shift, proprio_noise not negative."
            )
        if self.demos_per_task is not None and self.demos_per_task < 1:
            raise ConfigError(f"demos_per_task must be positive. Got: {self.demos_per_task}.")
