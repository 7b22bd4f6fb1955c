"""Taps: activations of named layers of a policy, pooled to one vector per chunk.

A tap is named ``LAYER:POOL``, for example ``expert.15:mean``: how the tokens of the layer become
one vector stands in the name, ``mean`` or ``last``. A layer that runs once per denoising step is
averaged over the steps; ``expert.15:mean@steps`` keeps every step, one behind the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from aegis.core.errors import ConfigError, UnknownNameError

POOLS = ("mean", "last")
_STEPS = "@steps"

Arrangement: TypeAlias = Callable[[Tensor], Tensor]
"""Brings what a layer puts out into shape (b, tokens, f)."""


def keep_order(out: Tensor) -> Tensor:
    """Returns what is in order already. Shape (b, tokens, f)."""
    return out


def put_rows_first(out: Tensor) -> Tensor:
    """Returns a sequence-first output with rows first. Shape (tokens, b, f) to (b, tokens, f)."""
    return out.transpose(0, 1)


def put_channels_last(out: Tensor) -> Tensor:
    """Returns a map with its places as tokens. Shape (b, f, ...) to (b, tokens, f)."""
    return out.flatten(2).transpose(1, 2)


def keep_last_tokens(out: Tensor, count: int) -> Tensor:
    """Returns the last tokens. Shape (b, n, f) to (b, count, f)."""
    return out[:, -count:]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that can be tapped.

    Attributes:
        path: The module within the policy.
        arrange: Brings its output into shape (b, tokens, f).
        before: Whether what goes in is read, not what comes out.
        per_step: Whether it runs once per denoising step.
        masked: Whether its tokens are those of the prefix, of which some are padding.
    """

    path: str
    arrange: Arrangement = keep_order
    before: bool = False
    per_step: bool = False
    masked: bool = False


@dataclass(frozen=True, slots=True)
class TapName:
    """What the name of a tap says.

    Attributes:
        layer: Which layer.
        pool: How its tokens become one vector: ``mean`` or ``last``.
        steps: Whether every denoising step is kept.
    """

    layer: str
    pool: str
    steps: bool

    def __str__(self) -> str:
        return f"{self.layer}:{self.pool}{_STEPS if self.steps else ''}"


def parse_tap(name: str, layers: Mapping[str, Layer], where: str) -> TapName:
    """Reads the name of a tap.

    Args:
        name: For example ``"expert.15:mean@steps"``.
        layers: Layers that can be tapped.
        where: Whose layers, for messages.

    Raises:
        UnknownNameError: If there is no such layer or pooling.
        ConfigError: If the name does not say how tokens are pooled, or wants the steps of a layer
            that runs once.
    """
    body = name.removesuffix(_STEPS)
    layer, colon, pool = body.partition(":")
    if layer not in layers:
        raise UnknownNameError("layer", layer, layers, where)
    if not colon:
        raise ConfigError(
            f"The tap '{name}' does not say how its tokens become one vector. Allowed: "
            f"{', '.join(f'{layer}:{pool}' for pool in POOLS)}."
        )
    if pool not in POOLS:
        raise UnknownNameError("pooling", pool, POOLS, f"tap '{name}'")
    parsed = TapName(layer, pool, name.endswith(_STEPS))
    if parsed.steps and not layers[layer].per_step:
        stepwise = [one for one, layer in layers.items() if layer.per_step] or ["none"]
        raise ConfigError(
            f"The tap '{name}' wants every denoising step, but '{layer}' runs once per chunk. "
            f"Layers that run at every step: {', '.join(stepwise)}."
        )
    return parsed


def pool_tokens(tokens: Tensor, pool: str, mask: Tensor | None = None) -> Tensor:
    """Returns one vector per row.

    Args:
        tokens: Shape (b, n, f).
        pool: ``mean`` or ``last``.
        mask: Which tokens are none of padding; None for all. Shape (b, n).

    Returns:
        Shape (b, f), float32, and memory of its own.
    """
    if mask is None:
        return tokens.float().mean(1) if pool == "mean" else tokens[:, -1].float().clone()
    if pool == "last":
        places = torch.arange(mask.shape[1], device=mask.device)
        last = torch.where(mask, places, -1).amax(1)
        return tokens[torch.arange(len(tokens), device=mask.device), last].float()
    weights = mask[..., None].float()
    return (tokens.float() * weights).sum(1) / weights.sum(1)


class Taps:
    """Collects the activations of chosen layers while it is entered.

    Args:
        network: The frozen policy. Hooks are on it only between enter and exit.
        layers: Its layers that can be tapped.
        names: Taps; see :func:`parse_tap`.
        where: Whose they are, for messages.

    Raises:
        UnknownNameError: If a layer or a pooling does not exist.
        ConfigError: If a name says too little, or wants the steps of a layer that runs once.
    """

    def __init__(
        self, network: nn.Module, layers: Mapping[str, Layer], names: Sequence[str], where: str
    ) -> None:
        taps = [parse_tap(name, layers, where) for name in names]
        self._hooks = {tap: _Hook(layers[tap.layer], tap.pool) for tap in taps}
        self._modules = {tap: network.get_submodule(layers[tap.layer].path) for tap in taps}
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Taps:
        for tap, hook in self._hooks.items():
            hook.seen.clear()
            module = self._modules[tap]
            self._handles.append(
                module.register_forward_pre_hook(hook.take_input)
                if hook.layer.before
                else module.register_forward_hook(hook.take_output)
            )
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

    def pool_activations(self, mask: Tensor | None) -> dict[str, Tensor]:
        """Returns tap to activations of the last pass. Shapes (b, f), on the device.

        Args:
            mask: Which tokens of the prefix are none of padding; None for all. Shape (b, n).
        """
        pooled = {}
        for tap, hook in self._hooks.items():
            seen = hook.seen
            if hook.layer.masked:
                seen = [pool_tokens(tokens, tap.pool, mask) for tokens in seen]
            pooled[str(tap)] = torch.cat(seen, 1) if tap.steps else torch.stack(seen).mean(0)
            hook.seen.clear()
        return pooled


class _Hook:
    """Keeps what a layer puts out, pooled as far as it can be at once."""

    def __init__(self, layer: Layer, pool: str) -> None:
        self.layer, self.seen, self._pool = layer, list[Tensor](), pool

    def take_input(self, module: nn.Module, given: tuple[Tensor, ...]) -> None:
        """Keeps what goes into a module."""
        del module  # Unused.
        self._keep(given[0])

    def take_output(
        self, module: nn.Module, given: tuple[Tensor, ...], out: Tensor | tuple[Tensor, ...]
    ) -> None:
        """Keeps what comes out of a module; of several outputs, the first."""
        del module, given  # Unused.
        self._keep(out[0] if isinstance(out, tuple) else out)

    def _keep(self, out: Tensor) -> None:
        tokens = self.layer.arrange(out)
        # The mask of the prefix is known after the pass only. Some outputs are written into later.
        self.seen.append(tokens.clone() if self.layer.masked else pool_tokens(tokens, self._pool))
