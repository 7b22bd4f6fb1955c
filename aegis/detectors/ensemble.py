"""Ensemble: three small networks, trained apart and merged into one risk head.

Deep ensembles (Lakshminarayanan et al. 2017), but for what is averaged: log odds, so that the mean
of the networks is a network itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aegis.core.seeds import root_stream
from aegis.core.types import F32, F64
from aegis.detectors.head import Array, RiskHead

if TYPE_CHECKING:  # Imported where it is needed: it takes a second.
    from torch import Tensor, nn

NETWORKS = 3
"""Networks; they differ in their first weights and in what they see when."""

HIDDEN = 64
"""Width of both hidden layers of each."""

EPOCHS = 8
"""How often each row is seen."""

_BATCH, _LEARNING_RATE, _WEIGHT_DECAY = 512, 1e-3, 1e-2
_FEATURE_NOISE = 0.1
"""Standard deviation of what is added to standardised features: there is no exact activation."""

_LEAST_SCALE = 1e-8


def train_ensemble(
    features: F32 | F64, failure: NDArray[np.bool_], weight: F64, dropout: float, seed: int
) -> RiskHead:
    """Trains networks by AdamW on weighted cross-entropy, and merges them.

    Args:
        features: Shape (n, f).
        failure: Label of each row. Shape (n,).
        weight: Weight of each row, about 1. Shape (n,).
        dropout: Share of features, and of hidden units, that a step leaves out.
        seed: Addresses the members' draws.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    z: F32 = np.subtract(features, mean, dtype=np.float32)  # No copy in float64: it may be huge.
    scale = np.sqrt(np.einsum("ij,ij->j", z, z, dtype=np.float64) / len(z))
    scale = np.where(scale > _LEAST_SCALE, scale, 1.0)  # A constant feature carries nothing.
    z /= scale.astype(np.float32)
    members = [
        _train_member(
            z, failure, weight, dropout, int(root_stream(seed, "ensemble", i).integers(2**31))
        )
        for i in range(NETWORKS)
    ]
    return merge_heads([RiskHead(mean, scale, *member) for member in members])


def merge_heads(heads: Sequence[RiskHead]) -> RiskHead:
    """Returns one head whose log odds are the mean of several heads' log odds.

    First layers stand side by side, further ones in blocks on the diagonal, the last is averaged.

    Args:
        heads: Of equal depth, with the same mean and scale.
    """
    first, *inner = [list(layer) for layer in zip(*(head.weights for head in heads), strict=True)]
    biases = [np.concatenate(layer) for layer in zip(*(head.biases for head in heads), strict=True)]
    biases[-1] = biases[-1].mean(keepdims=True)
    if not inner:
        weights = [np.mean(first, axis=0)]
    else:
        last = np.concatenate(inner[-1]) / len(heads)
        weights = [np.concatenate(first, axis=1), *map(_stack_blocks, inner[:-1]), last]
    return RiskHead(heads[0].mean, heads[0].scale, tuple(weights), tuple(biases))


def _stack_blocks(parts: Sequence[Array]) -> Array:
    """Returns matrices, shapes (p, q), as blocks on the diagonal of one, shape (sum p, sum q)."""
    height, width = (sum(part.shape[side] for part in parts) for side in (0, 1))
    whole = np.zeros((height, width), parts[0].dtype)
    row = column = 0
    for part in parts:
        whole[row : row + part.shape[0], column : column + part.shape[1]] = part
        row, column = row + part.shape[0], column + part.shape[1]
    return whole


_Layers = tuple[tuple[F32, ...], tuple[F32, ...]]


def _train_member(
    z: F32, failure: NDArray[np.bool_], weight: F64, dropout: float, seed: int
) -> _Layers:
    """Trains one network.

    Args:
        z: Standardised features. Shape (n, f).
        failure: Label of each row. Shape (n,).
        weight: Weight of each row. Shape (n,).
        dropout: Share of features, and of hidden units, that a step leaves out.
        seed: Of first weights, order and noise.

    Returns:
        Weights, shapes (f, h), (h, h) and (h, 1), and biases, shapes (h,), (h,) and (1,).
    """
    import torch
    from torch import nn

    with _seeded_torch(seed):
        net = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(z.shape[1], HIDDEN), nn.ReLU(),
            nn.Dropout(dropout), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1),
        )  # fmt: skip
        labels = failure.astype(np.float32), weight.astype(np.float32)
        _train_network(net, torch.from_numpy(z), *map(torch.from_numpy, labels))
    linear = [layer for layer in net if isinstance(layer, nn.Linear)]
    return (
        tuple(np.ascontiguousarray(layer.weight.detach().numpy().T) for layer in linear),
        tuple(layer.bias.detach().numpy().copy() for layer in linear),
    )


def _train_network(net: nn.Module, rows: Tensor, failure: Tensor, weight: Tensor) -> None:
    """Trains with a learning rate that falls to nothing in a straight line.

    Args:
        net: Network; trained in place.
        rows: Standardised features. Shape (n, f).
        failure: Label of each row, 0 or 1. Shape (n,).
        weight: Weight of each row. Shape (n,).
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    optimiser = torch.optim.AdamW(net.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    steps = EPOCHS * -(-len(rows) // _BATCH)
    falling = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(rows))
        for begin in range(0, len(rows), _BATCH):
            some = order[begin : begin + _BATCH]
            seen = rows[some]
            logit = net(seen + _FEATURE_NOISE * torch.randn_like(seen))[:, 0]
            loss = binary_cross_entropy_with_logits(logit, failure[some], weight[some])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            falling.step()


@contextmanager
def _seeded_torch(seed: int) -> Iterator[None]:
    """Seeds torch on one thread, and leaves it as it was: sums must not depend on the cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
