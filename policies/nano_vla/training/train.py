"""Trains a Nano-VLA from demonstrations; the same inputs give the same weights on one machine."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from policies.nano_vla.config import SIZES, NanoConfig, TrainConfig, select_config
from policies.nano_vla.training.dataset import load_dataset
from policies.nano_vla.training.trainer import Trainer, TrainingProgress


def train_policy(
    demonstrations: str | Sequence[str],
    out: str,
    model: NanoConfig,
    training: TrainConfig,
    progress: Callable[[TrainingProgress], None] | None = None,
    initial: str | None = None,
) -> Path:
    """Trains a policy, or goes on with an interrupted training of the same settings.

    Args:
        demonstrations: Folder of ``.npz`` episodes, or several.
        out: Checkpoint to write. Beside it lie ``.state`` (to resume) and ``.log.jsonl``.
        model: Architecture.
        training: Everything else.
        progress: Called every ``log_every`` steps.
        initial: Checkpoint of the same architecture to start from; None starts from scratch.

    Returns:
        The path of the checkpoint, which holds the averaged weights.

    Raises:
        TraceError: If the demonstrations cannot be used.
        CheckpointError: If the state to resume from belongs to other settings.
    """
    torch.set_num_threads(training.threads)
    folders = [demonstrations] if isinstance(demonstrations, str) else list(demonstrations)
    data = load_dataset(
        [Path(folder) for folder in folders], model, training.demos_per_task, training.holdout_every
    )
    trainer = Trainer(
        Path(out), model, training, data, Path(initial) if initial is not None else None
    )
    trainer.resume_training()
    trainer.run_training(progress)
    return Path(out)


def main(argv: list[str] | None = None) -> int:
    """Trains from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("demonstrations", nargs="+", help="folders of .npz demonstrations")
    parser.add_argument("out", help="checkpoint to write, for example weak.safetensors")
    parser.add_argument("--size", choices=sorted(SIZES), default="weak", help="architecture")
    parser.add_argument("--initial", help="checkpoint to start from; default: from scratch")
    for field in dataclasses.fields(TrainConfig):
        kind = {"int": int, "float": float, "int | None": int}[str(field.type)]
        required = field.default is dataclasses.MISSING
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=kind,
            required=required,
            default=None if required else field.default,
            help="required" if required else f"default {field.default}",
        )
    given = vars(parser.parse_args(argv))
    where, out, initial = given.pop("demonstrations"), given.pop("out"), given.pop("initial")
    model = select_config(given.pop("size"))
    train_policy(where, out, model, TrainConfig(**given), _print_progress, initial)
    return 0


def _print_progress(report: TrainingProgress) -> None:
    sys.stdout.write(
        f"step {report.step}/{report.steps}  loss {report.loss:.4f}  "
        f"held-out error {report.error:.4f}  {report.rate:.0f} samples/s\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
