"""A buffer: the memory of one batch size, here and on the device; pinned where that is a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor

from aegis.core.types import F32, Observation
from policies.nano_vla.config import CAMERAS, PROPRIO_SIZE, NanoConfig

_ALIGNMENT = 64
"""Bytes; matrix kernels treat unaligned rows differently."""


class BatchBuffer:
    """Where rows are put and what a pass reads; on a CPU both are the same memory.

    All inputs lie in one piece, so that a GPU gets them in one copy. Addresses never change, which
    a captured graph needs.

    Args:
        config: Sizes of the network.
        size: Rows b.
        draws: Noise draws per row.
        device: Where passes run.

    Attributes:
        proprio: On the device. Shape (b, 8).
        noise: On the device. Shape (draws, b, h, a).
        text: On the device. Shape (b, text).
    """

    def __init__(self, config: NanoConfig, size: int, draws: int, device: str) -> None:
        self._pinned = torch.device(device).type == "cuda"
        side = config.image
        parts: list[tuple[tuple[int, ...], torch.dtype]] = [
            ((len(CAMERAS), size, side, side, 3), torch.uint8),
            ((size, PROPRIO_SIZE), torch.float32),
            ((draws, size, config.horizon, config.action), torch.float32),
            ((size, config.text), torch.float32),
        ]
        bytes_ = sum(_aligned_size(shape, kind) for shape, kind in parts)
        self._here = torch.empty(bytes_, dtype=torch.uint8, pin_memory=self._pinned)
        self._there = self._here
        if self._pinned:
            self._there = torch.empty(bytes_, dtype=torch.uint8, device=device)
        self._views = [part.numpy() for part in _split_memory(self._here, parts)]
        self._pictures, self.proprio, self.noise, self.text = _split_memory(self._there, parts)
        self._images = torch.empty(parts[0][0], device=device)
        self._out: Tensor | None = None

    def fill_rows(self, rows: Sequence[Observation], texts: Sequence[F32], noise: F32) -> None:
        """Puts rows into the memory here. Noise of shape (b, draws, h, a)."""
        pictures, proprio, draws, said = self._views
        for i, row in enumerate(rows):
            for camera, name in enumerate(CAMERAS):
                pictures[camera, i] = row.images[name]
            proprio[i] = row.proprio
            said[i] = texts[i]
        np.copyto(draws, noise.swapaxes(0, 1))

    def send_to_device(self) -> None:
        """Copies to the device, without waiting."""
        if self._pinned:
            self._there.copy_(self._here, non_blocking=True)

    def read_images(self) -> dict[str, Tensor]:
        """Returns pictures as in ``pictures_to_tensor``, by camera. Shapes (b, 3, s, s)."""
        seen = self._images.copy_(self._pictures).div_(127.5).sub_(1).permute(0, 1, 4, 2, 3)
        return {name: seen[i] for i, name in enumerate(CAMERAS)}

    def fetch_result(self, packed: Tensor) -> F32:
        """Brings a result, shape (b, n), here; its memory may then be filled again."""
        if not self._pinned:
            out: F32 = packed.numpy()
            return out
        if self._out is None:
            self._out = torch.empty(packed.shape, dtype=packed.dtype, pin_memory=True)
        self._out.copy_(packed, non_blocking=True)
        torch.cuda.current_stream(packed.device).synchronize()
        # A copy: the next pass fills the pinned memory again.
        fetched: F32 = self._out.numpy().copy()
        return fetched


def _aligned_size(shape: tuple[int, ...], kind: torch.dtype) -> int:
    """Returns the bytes that a part takes, up to the next aligned address."""
    return -(-prod(shape) * kind.itemsize // _ALIGNMENT) * _ALIGNMENT


def _split_memory(
    whole: Tensor, parts: Sequence[tuple[tuple[int, ...], torch.dtype]]
) -> list[Tensor]:
    """Cuts memory, shape (bytes,), into parts of given shapes, each at an aligned address."""
    found, begin = [], 0
    for shape, kind in parts:
        end = begin + prod(shape) * kind.itemsize
        found.append(whole[begin:end].view(kind).view(shape))
        begin += _aligned_size(shape, kind)
    return found
