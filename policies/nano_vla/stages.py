"""Stages: what the parts of the network put out on the way to a chunk, for comparing machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

import torch
from torch import Tensor, nn

from aegis.core.types import F32
from policies.nano_vla.config import CAMERAS
from policies.nano_vla.model import NanoNet

Outputs: TypeAlias = dict[str, list[Tensor]]
"""Part of the network to what its calls put out, one after the other. Shapes (b, n)."""


@contextmanager
def collect_outputs(net: NanoNet) -> Iterator[Outputs]:
    """Collects the outputs of a network's parts while it is entered.

    Args:
        net: The frozen network. Hooks are on it only inside.
    """
    parts = {"text": net.told, "trunk": net.trunk, "flow": net.head.out, **_list_eyes(net)}
    outputs: Outputs = {name: [] for name in parts}
    handles = [
        part.register_forward_hook(_OutputHook(outputs[name])) for name, part in parts.items()
    ]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def name_stages(outputs: Outputs, steps: int, rows: int) -> dict[str, F32]:
    """Returns stages by name, in order of computation. Shapes (b, n).

    Args:
        outputs: What was collected in one pass.
        steps: Steps of the flow; what its layers did for further draws is left out.
        rows: Rows b of the batch; layers may have seen rows that were filled up.
    """
    eyes = torch.cat([outputs[name][0] for name in CAMERAS], dim=1)
    named = {"text": outputs["text"][0], "vision": eyes, "trunk": outputs["trunk"][0]}
    flow = {f"flow {i}": clean for i, clean in enumerate(outputs["flow"][:steps], 1)}
    return {name: out[:rows].float().cpu().numpy() for name, out in {**named, **flow}.items()}


def _list_eyes(net: NanoNet) -> Mapping[str, nn.Module]:
    return {name: net.eyes[name] for name in CAMERAS}


class _OutputHook:
    """Appends a copy of what a module puts out, tensors side by side."""

    def __init__(self, outputs: list[Tensor]) -> None:
        self._outputs = outputs

    def __call__(self, module: nn.Module, given: object, out: Tensor | tuple[Tensor, ...]) -> None:
        tensors = out if isinstance(out, tuple) else (out,)
        self._outputs.append(torch.cat([tensor.flatten(1) for tensor in tensors], dim=1))
