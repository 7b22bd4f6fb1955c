"""CUDA graphs: a pass is recorded once per batch size and replayed without the host's help."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_WARM_UP_PASSES = 3
"""Passes before capture, in which libraries choose kernels and allocate their workspaces."""


class GraphCache:
    """Captured passes by batch size; they share one pool of memory.

    A pass must read and write at addresses that never change, and must not wait for the device.
    """

    def __init__(self) -> None:
        self._captured: dict[int, tuple[torch.cuda.CUDAGraph, Tensor]] = {}

    def replay_pass(self, size: int, forward: Callable[[], Tensor]) -> Tensor:
        """Replays the pass of a size, which is captured at its first call.

        Returns:
            What the pass gave, in its shape (b, n); overwritten by the next replay of any size.
        """
        if size not in self._captured:
            self._captured[size] = self._capture_pass(forward)
        graph, out = self._captured[size]
        graph.replay()
        return out

    def _capture_pass(self, forward: Callable[[], Tensor]) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        """Returns the graph of a pass and the memory, shape (b, n), that its replays fill."""
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UP_PASSES):
                forward()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        pool = next(iter(self._captured.values()))[0].pool() if self._captured else None
        with torch.cuda.graph(graph, pool=pool):
            out = forward()
        return graph, out
