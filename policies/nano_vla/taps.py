"""Reads the activations of named layers by forward hooks, pooled to one vector per chunk."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from aegis.core.errors import UnknownNameError
from policies.nano_vla.model import NanoNet


def layers(net: NanoNet) -> dict[str, tuple[nn.Module, int]]:
    """Returns every layer that can be tapped, in order of computation, with its width."""
    config = net.config
    found: dict[str, tuple[nn.Module, int]] = {"text": (net.told, config.text)}
    for i, block in enumerate(net.trunk.blocks):
        found[f"trunk.{i}"] = (block, config.width)
    found["trunk.last"] = (net.trunk.blocks[-1], config.width)
    found["trunk.condition"] = (net.trunk.condition, config.hidden)
    for i, layer in enumerate(net.head.layers):
        found[f"head.{i}"] = (layer, config.hidden)
    found["head.hidden"] = (net.head.layers[-1], config.hidden)
    return found


class Taps:
    """Collects the activations of chosen layers while it is entered.

    A layer may run several times for one chunk (once per flow step); the mean is kept. A layer
    with tokens gives their mean.

    Args:
        net: The frozen network. Hooks are on it only between enter and exit.
        names: Layers to tap.

    Raises:
        UnknownNameError: If a layer does not exist.
    """

    def __init__(self, net: NanoNet, names: Sequence[str]) -> None:
        known = layers(net)
        for name in names:
            if name not in known:
                raise UnknownNameError("layer", name, known, "the Nano-VLA")
        self.widths = {name: known[name][1] for name in names}
        self._modules = {name: known[name][0] for name in names}
        self._seen: dict[str, list[Tensor]] = {}
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Taps:
        self._seen = {name: [] for name in self._modules}
        for name, module in self._modules.items():
            self._handles.append(module.register_forward_hook(self._hook(name)))
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

    def pooled(self) -> list[Tensor]:
        """Returns the mean activation of each layer, in the order of ``widths``. Shape (b, f)."""
        seen = self._seen.values()
        return [many[0] if len(many) == 1 else torch.stack(many).mean(0) for many in seen]

    def _hook(self, name: str) -> _Hook:
        return _Hook(self._seen[name])


class _Hook:
    """Appends what a layer puts out; no copy, because no layer writes into what it was given."""

    def __init__(self, seen: list[Tensor]) -> None:
        self._seen = seen

    def __call__(self, module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        del module, given  # Unused.
        self._seen.append(out.mean(1) if out.ndim == 3 else out)
