"""Bare: the batched forward of a Nano-VLA and nothing else; all tensors lie on the device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aegis.core.protocols import Query
from policies.nano_vla.checkpoint import load_checkpoint
from policies.nano_vla.config import CAMERAS
from policies.nano_vla.engine import ComputeMode, Engine
from policies.nano_vla.training.batches import pictures_to_tensor


class BareForward:
    """A network with one batch of inputs, which it computes again and again.

    The sentence is encoded before, as ours does once per sentence; nothing is checked, drawn,
    copied or unpacked. Each pass waits for the device: a robot waits for its chunk.

    Args:
        checkpoint: The network.
        mode: Where and how it is computed, as ours.
        rows: What it looks at.
    """

    def __init__(self, checkpoint: str, mode: ComputeMode, rows: Sequence[Query]) -> None:
        loaded = load_checkpoint(Path(checkpoint), "cpu")
        self._mode, self._net = mode, loaded.net.to(mode.device)
        Engine(self._net, (), mode)  # makes the network ready as ours is
        config = self._net.config
        tokens = loaded.tokenizer.encode_texts([row.obs.instruction for row in rows], config.words)
        proprio = np.stack([row.obs.proprio for row in rows]).astype(np.float32)
        noise = np.random.default_rng(0).standard_normal(
            (len(rows), config.horizon, config.action), np.float32
        )
        self._images = {
            name: pictures_to_tensor(np.stack([row.obs.images[name] for row in rows])).to(
                mode.device
            )
            for name in CAMERAS
        }
        self._proprio = torch.from_numpy(proprio).to(mode.device)
        self._noise = torch.from_numpy(noise).to(mode.device)
        with mode.compute_context():
            self._text = self._net.text(torch.from_numpy(tokens).to(mode.device)).float().clone()
        self._graph: torch.cuda.CUDAGraph | None = None
        self.run_batch()
        if mode.graph:
            self._capture_graph()

    def run_batch(self) -> None:
        """Computes the batch and waits for it."""
        if self._graph is not None:
            self._graph.replay()
        else:
            with self._mode.compute_context():
                self._run_forward()
        if self._mode.device != "cpu":
            torch.cuda.synchronize()

    def _run_forward(self) -> Tensor:
        """Returns the chunks of a batch. Shape (b, h, a)."""
        condition = self._net.condition_on_text(self._images, self._proprio, self._text)
        return self._net.sample_actions(condition, self._noise)

    def _capture_graph(self) -> None:
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        with self._mode.compute_context():
            with torch.cuda.stream(side):
                for _ in range(3):
                    self._run_forward()
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._kept = self._run_forward()
        self._graph = graph
