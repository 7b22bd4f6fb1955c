"""Reads the activations of named layers by forward hooks, pooled to one vector per chunk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as fn
from torch.utils.hooks import RemovableHandle

from aegis.core.errors import UnknownNameError
from policies.nano_vla.model import NanoNet
from policies.nano_vla.vision import CameraStem

Pooling: TypeAlias = Callable[[Tensor], Tensor]
"""Turns what a layer puts out into one vector per row. Shape (b, ...) to (b, f)."""

_CELLS_PER_SIDE = 4
"""A map is averaged to so many cells a side."""


@dataclass(frozen=True, slots=True)
class TapLayer:
    """A layer that can be tapped.

    Attributes:
        module: Its output is what is read.
        width: Numbers that are left of it.
        pool: How.
    """

    module: nn.Module
    width: int
    pool: Pooling


def list_layers(net: NanoNet) -> dict[str, TapLayer]:
    """Returns every layer that can be tapped, in order of computation."""
    config = net.config
    found = {"text": TapLayer(net.told, config.text, pool_tokens)}
    for camera, eye in net.eyes.items():
        assert isinstance(eye, CameraStem), "a camera has an eye"
        found[f"{camera}.map"] = TapLayer(
            eye.relate[-1], _CELLS_PER_SIDE**2 * config.stem[0], pool_cells
        )
        found[f"{camera}.keys"] = TapLayer(eye.keys, 4 * config.keypoints, pool_keypoints)
    for i, block in enumerate(net.trunk.blocks):
        found[f"trunk.{i}"] = TapLayer(block, config.width, pool_tokens)
    found["trunk.last"] = TapLayer(net.trunk.blocks[-1], config.width, pool_tokens)
    found["trunk.condition"] = TapLayer(net.trunk.condition, config.hidden, pool_tokens)
    for i, layer in enumerate(net.head.layers):
        found[f"head.{i}"] = TapLayer(layer, config.hidden, pool_tokens)
    found["head.hidden"] = TapLayer(net.head.layers[-1], config.hidden, pool_tokens)
    return found


def pool_tokens(out: Tensor) -> Tensor:
    """Returns the mean over tokens, where there are any. Shape (b, n, f) or (b, f) to (b, f)."""
    return out.mean(1) if out.ndim == 3 else out


def pool_keypoints(maps: Tensor) -> Tensor:
    """Returns where each keypoint looks, and how sure it is.

    Args:
        maps: What spatial softmax is taken of. Shape (b, n, s, s).

    Returns:
        Mean x and mean y in [-1, 1], peak, and entropy [nat] of each. Shape (b, 4 n).
    """
    attention = maps.float().flatten(2).softmax(2)
    grid = attention.view(maps.shape)
    axis = torch.linspace(-1.0, 1.0, maps.shape[-1], device=maps.device)
    x, y = ((grid.sum(side) * axis).sum(2) for side in (2, 3))
    entropy = -(attention * (attention + 1e-9).log()).sum(2)
    return torch.cat([x, y, attention.amax(2), entropy], dim=1)


def pool_cells(maps: Tensor) -> Tensor:
    """Returns rectified maps, averaged to 4 by 4 cells. Shape (b, n, s, s) to (b, 16 n)."""
    return fn.adaptive_avg_pool2d(maps.relu(), _CELLS_PER_SIDE).flatten(1)


class Taps:
    """Collects the activations of chosen layers while it is entered.

    A layer may run several times for one chunk (once per flow step); the mean is kept. A layer
    with tokens gives their mean, a camera's maps what is left of them in a few numbers.

    Args:
        net: The frozen network. Hooks are on it only between enter and exit.
        names: Layers to tap.

    Raises:
        UnknownNameError: If a layer does not exist.
    """

    def __init__(self, net: NanoNet, names: Sequence[str]) -> None:
        known = list_layers(net)
        for name in names:
            if name not in known:
                raise UnknownNameError("layer", name, known, "the Nano-VLA")
        self.widths = {name: known[name].width for name in names}
        self._layers = {name: known[name] for name in names}
        self._seen: dict[str, list[Tensor]] = {}
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Taps:
        self._seen = {name: [] for name in self._layers}
        for name, layer in self._layers.items():
            hook = _PoolingHook(self._seen[name], layer.pool)
            self._handles.append(layer.module.register_forward_hook(hook))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def pool_activations(self) -> list[Tensor]:
        """Returns the mean activation of each layer, in the order of ``widths``. Shape (b, f)."""
        seen = self._seen.values()
        return [many[0] if len(many) == 1 else torch.stack(many).mean(0) for many in seen]


class _PoolingHook:
    """Appends what a layer puts out, pooled.

    Nothing is copied: of the layers here only maps are written into afterwards, and their pooling
    makes new tensors.
    """

    def __init__(self, seen: list[Tensor], pool: Pooling) -> None:
        self._seen, self._pool = seen, pool

    def __call__(self, module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        """Pools a layer's output, its first axis that of the rows, shape (b, ...), and keeps it."""
        del module, given  # Unused.
        self._seen.append(self._pool(out))
