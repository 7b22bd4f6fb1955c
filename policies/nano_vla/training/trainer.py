"""The optimiser loop of a Nano-VLA: steps, averaged weights, snapshots and the log."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aegis.core.errors import CheckpointError
from aegis.core.seeds import root_stream
from policies.nano_vla.checkpoint import (
    Json,
    load_checkpoint,
    read_tensors,
    save_checkpoint,
    write_tensors,
)
from policies.nano_vla.config import NanoConfig, TrainConfig
from policies.nano_vla.model import NanoNet, body_features, initialise_weights
from policies.nano_vla.tokenizer import Tokenizer
from policies.nano_vla.training.batches import BatchSampler, TrainingBatch, pictures_to_tensor
from policies.nano_vla.training.dataset import Dataset


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far a training is.

    Attributes:
        step: Optimiser steps done.
        steps: Optimiser steps in all.
        loss: Mean loss since the last report.
        error: Mean absolute error of actions on held-out demonstrations; NaN without any.
        rate: Samples per second.
    """

    step: int
    steps: int
    loss: float
    error: float
    rate: float


class Trainer:
    """The optimiser loop with everything that it must remember between two steps."""

    def __init__(
        self,
        out: Path,
        model: NanoConfig,
        training: TrainConfig,
        data: Dataset,
        initial: Path | None = None,
    ) -> None:
        self._out = out
        self._state = out.with_suffix(".state")
        self._training = training
        self._data = data
        self._tokenizer = Tokenizer.from_file()
        self._batches = BatchSampler(data, self._tokenizer, model, training)
        self._config = model
        self._net = NanoNet(model, self._tokenizer.size)
        initialise_weights(self._net, training.seed)
        _fit_statistics(self._net, data)
        self._ancestor = _inherit_weights(self._net, initial) if initial is not None else None
        self._net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._weights = dict(self._net.named_parameters())
        self._mean = {name: weight.detach().clone() for name, weight in self._weights.items()}
        self._optimizer = _make_optimizer(self._weights, training)
        self._step = 0

    def run_training(self, progress: Callable[[TrainingProgress], None] | None) -> None:
        """Takes the remaining steps and writes the checkpoint."""
        training = self._training
        losses: list[float] = []
        begun, cpu = time.perf_counter(), time.process_time()
        while self._step < training.steps:
            losses.append(self._take_step(self._batches.draw_batch(self._step)))
            done = self._step == training.steps
            if self._step % training.log_every == 0 or done:
                rate = len(losses) * training.batch / (time.perf_counter() - begun)
                report = TrainingProgress(
                    self._step, training.steps, float(np.mean(losses)), self.measure_error(), rate
                )
                self._log_progress(report, time.process_time() - cpu)
                if progress is not None:
                    progress(report)
                losses, begun = [], time.perf_counter()
            if self._step % training.save_every == 0 and not done:
                self._save_state()
        save_checkpoint(
            self._out,
            self._config,
            self._tokenizer,
            self._averaged_weights(),
            self._describe_provenance(),
        )
        self._save_state()

    def measure_error(self, rows: int = 512) -> float:
        """Returns the mean absolute error of sampled actions on held-out rows, averaged weights."""
        pool = np.flatnonzero(self._data.held_out)[
            :: max(1, int(self._data.held_out.sum()) // rows)
        ]
        if not len(pool):
            return math.nan
        # The network computes with the averaged weights for the while, then goes on with its own.
        kept = {name: weight.detach().clone() for name, weight in self._weights.items()}
        self._load_weights(self._mean)
        total = 0.0
        for part in np.array_split(pool, math.ceil(len(pool) / 128)):
            total += self._measure_rows(part) * len(part)
        self._load_weights(kept)
        return total / len(pool)

    def resume_training(self) -> None:
        """Goes on from the snapshot beside the checkpoint, if there is one.

        Raises:
            CheckpointError: If the snapshot belongs to other settings or is damaged.
        """
        if not self._state.is_file():
            return
        tensors, header = read_tensors(self._state)
        if header.get("provenance") != self._describe_provenance():
            raise CheckpointError(
                f"{self._state} belongs to a training with other settings or data. Delete it to "
                f"start anew, or write to another file."
            )
        self._step = int(header["step"])  # type: ignore[arg-type]
        self._load_weights({name: tensors[f"weight.{name}"] for name in self._weights})
        for name, weight in self._weights.items():
            self._mean[name].copy_(tensors[f"mean.{name}"])
            self._optimizer.state[weight] = {
                "step": torch.tensor(float(self._step)),
                "exp_avg": _copy_like(weight, tensors[f"first.{name}"]),
                "exp_avg_sq": _copy_like(weight, tensors[f"second.{name}"]),
            }

    def _take_step(self, batch: TrainingBatch) -> float:
        training, step = self._training, self._step
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(training, step)
        condition = self._net.compute_condition(
            batch.images, batch.proprio, batch.tokens, batch.rows
        )
        loss = self._net.compute_loss(condition, batch.actions, batch.noise, batch.time)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._weights.values(), training.clip)
        self._optimizer.step()
        self._step = step + 1
        # A young average must not remember the random start.
        decay = min(training.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self._mean.values()), list(self._weights.values()), 1 - decay)
        return float(loss.detach())

    @torch.no_grad()
    def _measure_rows(self, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
        """Returns the mean absolute error of sampled actions over rows, shape (n,)."""
        data, config = self._data, self._config
        tokens = self._tokenizer.encode_texts(data.instructions, config.words)
        condition = self._net.compute_condition(
            {name: pictures_to_tensor(pictures[rows]) for name, pictures in data.images.items()},
            torch.from_numpy(data.proprio[rows]),
            torch.from_numpy(tokens),
            torch.from_numpy(data.sentence[rows]),
        )
        shape = (len(rows), config.horizon, config.action)
        noise = root_stream(self._training.seed, "validation").standard_normal(shape, np.float32)
        actions = self._net.sample_actions(condition, torch.from_numpy(noise))
        return float((actions - torch.from_numpy(data.chunks[rows])).abs().mean())

    @torch.no_grad()
    def _load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Overwrites the weights by name, each in its shape."""
        for name, weight in self._weights.items():
            weight.copy_(weights[name])

    def _averaged_weights(self) -> dict[str, Tensor]:
        """Returns all weights by name, averaged ones where there are, in the shapes of the net."""
        return {**self._net.state_dict(), **self._mean}

    def _describe_provenance(self) -> dict[str, Json]:
        data = self._data
        fingerprint = hashlib.sha256(data.chunks.tobytes() + data.proprio.tobytes()).hexdigest()
        # What changes speed or bookkeeping only is no part of where the weights come from.
        settings = dataclasses.asdict(self._training)
        for name in ("log_every", "save_every"):
            del settings[name]
        return {
            "training": settings,
            "model": self._config.to_json(),  # type: ignore[dict-item]
            "episodes": data.episodes,
            "frames": len(data.proprio),
            "data_sha256": fingerprint,
            "instructions": list(data.instructions),
            **({} if self._ancestor is None else {"initial_sha256": self._ancestor}),
        }

    def _save_state(self) -> None:
        state = self._optimizer.state
        tensors: dict[str, Tensor] = {f"weight.{n}": w for n, w in self._weights.items()}
        tensors |= {f"mean.{name}": mean for name, mean in self._mean.items()}
        for key, field in (("first", "exp_avg"), ("second", "exp_avg_sq")):
            tensors.update({f"{key}.{n}": state[w][field] for n, w in self._weights.items()})
        write_tensors(
            self._state, tensors, {"step": self._step, "provenance": self._describe_provenance()}
        )

    def _log_progress(self, report: TrainingProgress, cpu: float) -> None:
        self._out.parent.mkdir(parents=True, exist_ok=True)
        line = {**dataclasses.asdict(report), "cpu_seconds": round(cpu, 1)}
        with self._out.with_suffix(".log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def learning_rate(training: TrainConfig, step: int) -> float:
    """Returns the rate of a step: linear warm-up, then a cosine down to 2 % of the peak."""
    if step < training.warmup:
        return training.lr * (step + 1) / training.warmup
    share = (step - training.warmup) / max(1, training.steps - training.warmup)
    return training.lr * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))


def _make_optimizer(weights: Mapping[str, Tensor], training: TrainConfig) -> torch.optim.AdamW:
    """Returns the optimiser; weights decay in matrices, not in vectors, of whatever shape."""
    matrices = [weight for weight in weights.values() if weight.ndim >= 2]
    vectors = [weight for weight in weights.values() if weight.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": training.decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=training.lr, betas=(0.9, 0.98), fused=True)


def _fit_statistics(net: NanoNet, data: Dataset) -> None:
    train = ~data.held_out
    body = body_features(torch.from_numpy(data.proprio[train]))
    net.body_mean.copy_(body.mean(0))
    # A dimension that hardly moves in the demonstrations must not be blown up to unit variance, so
    # scales have floors: position 20 mm, the six numbers of the rotation 0.1, fingers 5 mm.
    floor = torch.tensor([0.02] * 3 + [0.1] * 6 + [0.005] * 2)
    net.body_scale.copy_(torch.maximum(body.std(0), floor))
    actions = torch.from_numpy(data.chunks[train]).flatten(0, 1)
    net.action_mean.copy_(actions.mean(0))
    net.action_scale.copy_(actions.std(0).clamp_min(0.1))


def _inherit_weights(net: NanoNet, initial: Path) -> str:
    """Takes weights and statistics from a checkpoint; returns its digest.

    Raises:
        CheckpointError: If it is of another architecture.
    """
    loaded = load_checkpoint(initial, "cpu")
    if loaded.net.config != net.config:
        raise CheckpointError(
            f"{initial} is of another architecture than the one to train: {loaded.net.config}, not "
            f"{net.config}. Choose the same model size, or start from scratch (initial: null)."
        )
    net.load_state_dict(loaded.net.state_dict())
    return loaded.digest


def _copy_like(weight: Tensor, values: Tensor) -> Tensor:
    """Returns a copy of values in the shape, type and place of a weight."""
    return torch.empty_like(weight, requires_grad=False).copy_(values)
