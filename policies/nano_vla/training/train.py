"""Training of a Nano-VLA from demonstrations; the same inputs give the same weights on one machine.

`aegis train` calls it with what `configs/model/` says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from policies.nano_vla.config import NanoConfig, TrainConfig
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
