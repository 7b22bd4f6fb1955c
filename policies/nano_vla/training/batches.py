"""Training batches: which samples, how augmented, in which words; a pure function of the step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aegis.core.seeds import root_stream
from aegis.core.types import U8
from policies.nano_vla.config import NanoConfig, TrainConfig
from policies.nano_vla.tokenizer import PAD, UNKNOWN, Tokenizer
from policies.nano_vla.training.dataset import Dataset
from policies.nano_vla.training.paraphrase import TRAINING_GRAMMAR, paraphrase_instruction

_PHRASES_PER_INSTRUCTION = 4
"""Sentences per instruction and step. Samples share them, so that each is read once."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingBatch:
    """What one optimiser step looks at; shapes as in ``NanoNet`` and ``FlowHead.loss``."""

    images: dict[str, Tensor]
    proprio: Tensor
    tokens: Tensor
    rows: Tensor
    actions: Tensor
    noise: Tensor
    time: Tensor


class BatchSampler:
    """Draws the batch of any step directly, which makes an interrupted training resumable."""

    def __init__(
        self, data: Dataset, tokenizer: Tokenizer, config: NanoConfig, train: TrainConfig
    ) -> None:
        self._data = data
        self._tokenizer = tokenizer
        self._config = config
        self._train = train
        self._pool = np.flatnonzero(~data.held_out)
        self._spread = train.proprio_noise * data.proprio[self._pool].std(axis=0)

    def draw_batch(self, step: int) -> TrainingBatch:
        """Returns the batch of a step."""
        train, config = self._train, self._config
        rng = root_stream(train.seed, "batch", step)
        rows = self._draw_rows(step)
        b, flat = len(rows), config.horizon * config.action
        tokens, which = self._draw_tokens(self._data.sentence[rows], rng)
        proprio = self._data.proprio[rows]
        proprio = proprio + rng.standard_normal(proprio.shape, np.float32) * self._spread
        noise = rng.standard_normal((b, train.draws, flat), np.float32)
        # Early times carry the decision (what is the chunk, given only noise); late ones are easy.
        time = (rng.random((b, train.draws, 1), np.float32) ** 2).astype(np.float32)
        images = {
            name: augment_pictures(pictures[rows], train, rng)
            for name, pictures in self._data.images.items()
        }
        return TrainingBatch(
            images,
            torch.from_numpy(proprio.astype(np.float32)),
            torch.from_numpy(tokens),
            torch.from_numpy(which),
            torch.from_numpy(self._data.chunks[rows]),
            torch.from_numpy(noise),
            torch.from_numpy(time),
        )

    def _draw_rows(self, step: int) -> NDArray[np.int64]:
        """Returns a step's rows, shape (b,), from one permutation after another."""
        n, batch = len(self._pool), self._train.batch
        places = np.arange(step * batch, (step + 1) * batch)
        rows = np.empty(batch, dtype=np.int64)
        for epoch in np.unique(places // n):
            order = root_stream(self._train.seed, "epoch", int(epoch)).permutation(n)
            mine = places // n == epoch
            rows[mine] = self._pool[order[places[mine] % n]]
        return rows

    def _draw_tokens(
        self, sentence: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draws wordings of the instructions of a batch.

        Args:
            sentence: Number of each row's instruction. Shape (b,).
            rng: Draws wordings and dropped words.

        Returns:
            Tokens, shape (sentences, words), and each row's sentence, shape (b,).
        """
        texts = [
            text
            if rng.random() < self._train.canonical
            else paraphrase_instruction(text, TRAINING_GRAMMAR, rng)
            for text in self._data.instructions
            for _ in range(_PHRASES_PER_INSTRUCTION)
        ]
        tokens = self._tokenizer.encode_texts(texts, self._config.words)
        dropped = (rng.random(tokens.shape) < self._train.word_drop) & (tokens != PAD)
        which = sentence * _PHRASES_PER_INSTRUCTION + rng.integers(
            _PHRASES_PER_INSTRUCTION, size=len(sentence)
        )
        return np.where(dropped, UNKNOWN, tokens), which


def augment_pictures(pictures: U8, train: TrainConfig, rng: np.random.Generator) -> Tensor:
    """Shifts pictures by a few pixels and changes contrast and brightness a little.

    Args:
        pictures: Shape (b, s, s, 3).
        train: How much.
        rng: Where from.

    Returns:
        About [-1, 1]. Shape (b, 3, s, s), channels last in memory.
    """
    shift, (b, side) = train.shift, pictures.shape[:2]
    if shift:
        edges = ((0, 0), (shift, shift), (shift, shift), (0, 0))
        padded = np.pad(pictures, edges, mode="edge")
        pictures = np.empty_like(pictures)
        for i, (y, x) in enumerate(rng.integers(0, 2 * shift + 1, size=(b, 2))):
            pictures[i] = padded[i, y : y + side, x : x + side]
    change = rng.uniform(-train.colour, train.colour, (2, b, 1, 1, 1)).astype(np.float32)
    gain, offset = torch.from_numpy((1 + change[0]) / 127.5), torch.from_numpy(change[1] - 1)
    tensor = torch.from_numpy(pictures).permute(0, 3, 1, 2)
    return torch.addcmul(offset, tensor.float(), gain)


def pictures_to_tensor(pictures: U8) -> Tensor:
    """Turns pictures into what the network sees, without augmentation.

    Args:
        pictures: Shape (b, s, s, 3).

    Returns:
        In [-1, 1]. Shape (b, 3, s, s).
    """
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
