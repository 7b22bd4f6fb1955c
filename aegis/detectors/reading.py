"""Reading: which layers a probe reads, in which order, with time and what was seen before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.types import F32, F64

TICK = "tick"
"""Among the layers of a probe, this word stands for features of time."""

TICK_FEATURES = 4
"""How many they are."""

PAST = "past"
"""This word stands for the mean of all layers over the chunks of the episode so far.

The arm soon hides what it reaches for: what was seen before stays worth knowing.
"""

_SEPARATOR = "+"
_WAVE_FREQUENCY = 20.0
"""Waves of time have a period of 2 pi / 20 of the horizon: about as long as a grasp."""


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """What a probe has seen in an episode so far.

    Attributes:
        total: Sum of activations over chunks. Shape (f,).
        chunks: How many.
    """

    total: F64
    chunks: int

    @property
    def mean(self) -> F32:
        """Mean activations. Shape (f,)."""
        return (self.total / self.chunks).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a probe reads: layers of one policy, joined in order.

    Attributes:
        layer: Their names, joined with ``+``, for example ``"head.hidden+trunk.last+past+tick"``.

    Raises:
        ConfigError: If a name is empty or given twice, or there is nothing but time.
    """

    layer: str

    def __post_init__(self) -> None:
        names = self.names
        if "" in names or len(set(names)) != len(names) or not self.tapped:
            raise ConfigError(
                f"'{self.layer}' does not say what to read. Name layers, each once, joined with "
                f"'{_SEPARATOR}'; '{TICK}' among them adds time, '{PAST}' their mean so far."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its parts, in order."""
        return tuple(self.layer.split(_SEPARATOR))

    @property
    def tapped(self) -> tuple[str, ...]:
        """Names of the layers that the policy must tap, in order."""
        return tuple(name for name in self.names if name not in (TICK, PAST))

    @property
    def reads_past(self) -> bool:
        """Whether what was seen before is read, too."""
        return PAST in self.names

    def count_features(self, taps: Mapping[str, int], where: str) -> int:
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
        tapped = sum(taps[name] for name in self.tapped)
        return tapped + tapped * self.reads_past + TICK_FEATURES * (TICK in self.names)

    def update_past(
        self, past: Past | None, features: Mapping[str, F32], where: str
    ) -> Past | None:
        """Returns what has been seen after one more chunk; None if it is not read.

        Args:
            past: What had been seen before; None at the start of an episode.
            features: Layer to activations of this chunk. Shapes (f,).
            where: Whose they are, for messages.

        Raises:
            UnknownNameError: If a layer is missing.
        """
        if not self.reads_past:
            return None
        self._check_layers(features, where)
        now = np.concatenate([features[name] for name in self.tapped]).astype(np.float64)
        return Past(now, 1) if past is None else Past(past.total + now, past.chunks + 1)

    def build_vector(
        self,
        features: Mapping[str, F32],
        k0: int,
        horizon: int,
        where: str,
        past: Past | None = None,
    ) -> F32:
        """Joins the activations of one chunk. Shape (f,).

        Args:
            features: Layer to activations. Shapes (f,).
            k0: Tick of the chunk [control steps].
            horizon: Longest episode [control steps].
            where: Whose they are, for messages.
            past: What has been seen so far, this chunk included; see ``update_past``.

        Raises:
            UnknownNameError: If a layer is missing.
        """
        if self.layer in features:  # One layer without time: nothing is copied.
            return features[self.layer]
        self._check_layers(features, where)
        return np.concatenate(list(self._iterate_parts(features, k0, horizon, past)))

    def build_matrix(
        self,
        columns: Mapping[str, F32],
        episode: NDArray[np.int64],
        k: NDArray[np.int64],
        horizon: int,
    ) -> F32:
        """Joins the activations of many chunks.

        Args:
            columns: Layer to activations; all that is tapped. Shapes (n, f).
            episode: Numbers of the episodes; all chunks of one follow each other, from its first
                on, in order. Shape (n,).
            k: Ticks of the chunks [control steps]. Shape (n,).
            horizon: Longest episode [control steps].

        Returns:
            Shape (n, f).
        """
        made = {
            TICK: lambda: encode_ticks(k, horizon),
            PAST: lambda: self._average_past(columns, episode),
        }
        parts = [made[name]() if name in made else columns[name] for name in self.names]
        return np.concatenate(parts, axis=1)

    def _check_layers(self, features: Mapping[str, F32], where: str) -> None:
        """Refuses activations, shapes (f,), among which a layer is missing."""
        for name in self.tapped:
            if name not in features:
                raise UnknownNameError("layer", name, features, where)

    def _iterate_parts(
        self, features: Mapping[str, F32], k0: int, horizon: int, past: Past | None
    ) -> Iterator[F32]:
        """Yields the parts of one chunk's features, shapes (f,), in order."""
        for name in self.names:
            if name == PAST:
                assert past is not None
                yield past.mean
            else:
                yield encode_ticks([k0], horizon)[0] if name == TICK else features[name]

    def _average_past(self, columns: Mapping[str, F32], episode: NDArray[np.int64]) -> F32:
        """Returns the mean of each chunk and those before it in its episode. Shape (n, f)."""
        rows = np.concatenate([columns[name] for name in self.tapped], axis=1)
        out = np.empty_like(rows, np.float32)
        for part in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(episode)) + 1):
            # Added up in the order and precision of `update_past`, so that a probe is fitted to
            # what it will read.
            total = np.cumsum(rows[part], axis=0, dtype=np.float64)
            out[part] = total / np.arange(1, len(part) + 1)[:, None]
        return out


def encode_ticks(k: Sequence[int] | NDArray[np.int64], horizon: int) -> F32:
    """Returns features of time.

    Args:
        k: Ticks [control steps]. Shape (n,).
        horizon: Longest episode [control steps]; declared, never the realised length.

    Returns:
        With u = k / horizon: u, u^2, sin 20 u, cos 20 u. Shape (n, 4).
    """
    u = np.asarray(k, np.float64) / horizon
    return np.stack(
        [u, u**2, np.sin(_WAVE_FREQUENCY * u), np.cos(_WAVE_FREQUENCY * u)], axis=1
    ).astype(np.float32)
