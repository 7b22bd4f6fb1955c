"""Fitting table: one row per chunk of the weak policy, to fit and judge detectors on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aegis.core.arrays import freeze_fields
from aegis.core.errors import CalibrationError, ShapeError, UnknownNameError
from aegis.core.seeds import root_stream
from aegis.core.types import F32, F64, I64, Bools
from aegis.fitting.boundary_scores import find_window_end


@dataclass(frozen=True, slots=True, eq=False)
class FittingTable:
    """A table with one row per chunk from which the weak policy drove alone to the end; n rows.

    Attributes:
        episode: Number of the episode; equal numbers are one episode. Shape (n,).
        task: Task of the episode. Shape (n,).
        start: Address of the start state, which splits keep together. Shape (n,).
        k: Tick of the chunk [control steps]. Shape (n,).
        features: Activations of the tapped layer. Shape (n, f).
        proprio: Proprioception. Shape (n, p).
        positive: Whether a detector should score the episode high, repeated in each of its rows.
            What that means is the label's: the policy left alone fails (``failure``), only the
            strong policy succeeds from here (``advantage``), or a short stay makes the episode
            succeed (``rescue``). Shape (n,).
        horizon: Longest episode [control steps]; declared, never the realised length.
        layer: The tapped layer, or several; see ``aegis.detectors.reading``.
        policy_digest: Digest of the policy that was watched.

    Raises:
        ShapeError: If columns differ in length or an episode contradicts itself.
    """

    episode: I64
    task: I64
    start: NDArray[np.str_]
    k: I64
    features: F32
    proprio: F32
    positive: Bools
    horizon: int
    layer: str
    policy_digest: str

    def __post_init__(self) -> None:
        n = len(self.episode)
        for name in _COLUMNS:
            column = getattr(self, name)
            if column.ndim != (2 if name in ("features", "proprio") else 1) or len(column) != n:
                raise ShapeError(f"Column '{name}' must have {n} rows. Got: {column.shape}.")
        freeze_fields(self, *_COLUMNS)
        first, inverse = self._index_episodes()
        for name in ("task", "start", "positive"):
            column = getattr(self, name)
            if (column[first][inverse] != column).any():
                raise ShapeError(f"'{name}' must be the same in all rows of an episode.")

    @property
    def episodes(self) -> int:
        """Number of episodes."""
        return len(self._index_episodes()[0])

    def episode_tasks(self) -> I64:
        """Returns the task of each episode, in order of episode number. Shape (episodes,)."""
        return self.task[self._index_episodes()[0]]

    def episode_starts(self) -> NDArray[np.str_]:
        """Returns the start state of each episode, in that order too. Shape (episodes,)."""
        return self.start[self._index_episodes()[0]]

    def episode_positives(self) -> Bools:
        """Returns which episodes are positive, in order of episode number. Shape (episodes,)."""
        return self.positive[self._index_episodes()[0]]

    def select_rows(self, mask: Bools) -> FittingTable:
        """Returns the rows for which the mask is true. Shape of mask (n,)."""
        return replace(self, **{name: getattr(self, name)[mask] for name in _COLUMNS})

    def select_early(self, fraction: float) -> FittingTable:
        """Returns the rows with ``k < fraction * horizon``, but for rounding."""
        return self.select_rows(self.k < find_window_end(fraction, self.horizon))

    def split_starts(self, shares: Sequence[float], root: int) -> tuple[FittingTable, ...]:
        """Deals the start states out to disjoint parts; no part shares a start with another.

        Which part a start belongs to depends on its address and the root alone, so adding
        episodes moves none.

        Args:
            shares: Expected share of each part; they sum to 1.
            root: Root seed.

        Raises:
            CalibrationError: If the shares do not sum to 1.
        """
        if abs(sum(shares) - 1) > 1e-9 or min(shares) <= 0:
            raise CalibrationError(f"Shares must be positive and sum to 1. Got: {shares}.")
        names, inverse = np.unique(self.start, return_inverse=True)
        draws = np.array([root_stream(root, "split", str(name)).random() for name in names])
        part = np.searchsorted(np.cumsum(shares)[:-1], draws, side="right")[inverse]
        return tuple(self.select_rows(part == i) for i in range(len(shares)))

    def reduce_by_episode(self, values: F64, how: str, mask: Bools | None = None) -> F64:
        """Reduces one value per row to one per episode, in order of episode number.

        NaN stays NaN: an episode with an unknown score is unknown.

        Args:
            values: Shape (n,).
            how: ``"max"`` or ``"mean"``.
            mask: Rows that count, shape (n,); all if None.

        Returns:
            Shape (episodes,). An episode without rows that count has minus infinity as maximum
            and NaN as mean.
        """
        if how not in ("max", "mean"):
            raise UnknownNameError("reduction", how, ("max", "mean"), "reduce_by_episode")
        inverse = self._index_episodes()[1]
        mask = np.ones(len(values), bool) if mask is None else mask
        if how == "max":
            out = np.full(self.episodes, -np.inf)
            with np.errstate(invalid="ignore"):  # NaN is meant to spread.
                np.maximum.at(out, inverse[mask], values[mask])
            return out
        total = np.bincount(inverse[mask], values[mask], self.episodes)
        count = np.bincount(inverse[mask], minlength=self.episodes)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def _index_episodes(self) -> tuple[I64, I64]:
        """Returns each episode's first row (episodes,), and the place of each row's (n,)."""
        _, first, inverse = np.unique(self.episode, return_index=True, return_inverse=True)
        return first, inverse


_COLUMNS = tuple(
    field.name
    for field in fields(FittingTable)
    if field.name not in ("horizon", "layer", "policy_digest")
)


def join_tables(parts: Sequence[FittingTable]) -> FittingTable:
    """Puts tables together; episodes of different tables are different ones.

    Raises:
        CalibrationError: If they differ in policy, layer or horizon, or there is none.
    """
    if not parts:
        raise CalibrationError("There are no episodes to put together. Name an arm, and a run.")
    check_same_source(parts[0], *parts[1:])
    if len(parts) == 1:
        return parts[0]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in _COLUMNS
        if name != "episode"
    }
    first = np.cumsum([0, *(int(part.episode.max(initial=-1)) + 1 for part in parts[:-1])])
    numbers = [part.episode + known for part, known in zip(parts, first, strict=True)]
    return replace(parts[0], episode=np.concatenate(numbers), **columns)


def check_same_source(first: FittingTable, *others: FittingTable) -> None:
    """Checks that tables are about one policy, layer and horizon.

    Raises:
        CalibrationError: If they are not.
    """
    for other in others:
        for name in ("policy_digest", "layer", "horizon"):
            mine, theirs = getattr(first, name), getattr(other, name)
            if mine != theirs:
                raise CalibrationError(f"The sets differ in {name}: '{mine}' and '{theirs}'.")
