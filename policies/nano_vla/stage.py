"""A stage: the memory of one batch size, here and on the device; pinned where that is a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from aegis.core.types import F32, Observation
from policies.nano_vla.config import CAMERAS, PROPRIO, NanoConfig


class Stage:
    """Where rows are put and what a pass reads; on a CPU both are the same memory.

    Addresses never change, which a captured graph needs.

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
        shapes = (
            ((len(CAMERAS), size, side, side, 3), torch.uint8),
            ((size, PROPRIO), torch.float32),
            ((draws, size, config.horizon, config.action), torch.float32),
        )
        here = [torch.empty(s, dtype=t, pin_memory=self._pinned) for s, t in shapes]
        there = [torch.empty_like(h, device=device) for h in here] if self._pinned else here
        self._here, self._there = here, there
        self._views = [tensor.numpy() for tensor in here]
        self._pictures, self.proprio, self.noise = there
        self.text = torch.empty((size, config.text), device=device)
        self._out: Tensor | None = None

    def fill(self, rows: Sequence[Observation], noise: F32) -> None:
        """Puts rows into the memory here. Noise of shape (b, draws, h, a)."""
        pictures, proprio, draws = self._views
        for i, row in enumerate(rows):
            for camera, name in enumerate(CAMERAS):
                pictures[camera, i] = row.images[name]
            proprio[i] = row.proprio
        np.copyto(draws, noise.swapaxes(0, 1))

    def send(self, texts: Sequence[Tensor]) -> None:
        """Copies to the device, without waiting."""
        torch.stack(list(texts), out=self.text)
        if self._pinned:
            for here, there in zip(self._here, self._there, strict=True):
                there.copy_(here, non_blocking=True)

    def picture(self, camera: int) -> Tensor:
        """Returns pictures as the network sees them, see ``to_tensor``. Shape (b, 3, s, s)."""
        return self._pictures[camera].permute(0, 3, 1, 2).float().div_(127.5).sub_(1)

    def fetch(self, packed: Tensor) -> F32:
        """Brings a result here and waits for it; the memory may then be filled again."""
        if not self._pinned:
            out: F32 = packed.numpy()
            return out
        if self._out is None or self._out.shape != packed.shape:
            self._out = torch.empty(packed.shape, dtype=packed.dtype, pin_memory=True)
        self._out.copy_(packed, non_blocking=True)
        torch.cuda.current_stream(packed.device).synchronize()
        fetched: F32 = self._out.numpy().copy()
        return fetched
