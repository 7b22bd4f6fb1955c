"""Reading: which layers a probe reads, joined in which order, and time as it sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.types import F32

TICK = "tick"
"""Among the layers of a probe, this word stands for features of time."""

TICKS = 4
"""How many they are."""

_JOIN = "+"
_WAVE = 20.0
"""Waves of time have a period of 2 pi / 20 of the horizon: about as long as a grasp."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a probe reads: layers of one policy, joined in order.

    Attributes:
        layer: Their names, joined with ``+``, for example ``"head.hidden+trunk.last+tick"``.

    Raises:
        ConfigError: If a name is empty or given twice, or there is nothing but time.
    """

    layer: str

    def __post_init__(self) -> None:
        names = self.names
        if "" in names or len(set(names)) != len(names) or names == (TICK,):
            raise ConfigError(
                f"'{self.layer}' does not say what to read. Name layers, each once, joined with "
                f"'{_JOIN}'; '{TICK}' among them adds time."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its parts, in order."""
        return tuple(self.layer.split(_JOIN))

    @property
    def tapped(self) -> tuple[str, ...]:
        """Names of the layers that the policy must tap, in order."""
        return tuple(name for name in self.names if name != TICK)

    def width(self, taps: Mapping[str, int], where: str) -> int:
        """Returns the number of features.

        Args:
            taps: Layers that a policy reports, name to width.
            where: Whose they are, for messages.

        Raises:
            UnknownNameError: If a layer is not tapped.
        """
        for name in self.tapped:
            if name not in taps:
                raise UnknownNameError("layer", name, taps, where)
        return sum(TICKS if name == TICK else taps[name] for name in self.names)

    def vector(self, features: Mapping[str, F32], k0: int, horizon: int, where: str) -> F32:
        """Joins the activations of one chunk. Shape (f,).

        Args:
            features: Layer to activations.
            k0: Tick of the chunk [control steps].
            horizon: Longest episode [control steps].
            where: Whose they are, for messages.

        Raises:
            UnknownNameError: If a layer is missing.
        """
        if self.layer in features:  # One layer without time: nothing is copied.
            return features[self.layer]
        for name in self.tapped:
            if name not in features:
                raise UnknownNameError("layer", name, features, where)
        return np.concatenate(list(self._parts(features, k0, horizon)))

    def matrix(self, columns: Mapping[str, F32], k: NDArray[np.int64], horizon: int) -> F32:
        """Joins the activations of many chunks.

        Args:
            columns: Layer to activations; all that is tapped. Shapes (n, f).
            k: Ticks of the chunks [control steps]. Shape (n,).
            horizon: Longest episode [control steps].

        Returns:
            Shape (n, f).
        """
        return np.concatenate(
            [ticks(k, horizon) if name == TICK else columns[name] for name in self.names], axis=1
        )

    def _parts(self, features: Mapping[str, F32], k0: int, horizon: int) -> Iterator[F32]:
        for name in self.names:
            yield ticks([k0], horizon)[0] if name == TICK else features[name]


def ticks(k: Sequence[int] | NDArray[np.int64], horizon: int) -> F32:
    """Returns features of time.

    Args:
        k: Ticks [control steps]. Shape (n,).
        horizon: Longest episode [control steps]; declared, never the realised length.

    Returns:
        With u = k / horizon: u, u^2, sin 20 u, cos 20 u. Shape (n, 4).
    """
    u = np.asarray(k, np.float64) / horizon
    return np.stack([u, u**2, np.sin(_WAVE * u), np.cos(_WAVE * u)], axis=1).astype(np.float32)
