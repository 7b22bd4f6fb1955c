"""Lengths: how long the episodes of an arm are, judged also by those that have not ended.

Successes end early, so the mean of the finished episodes is too short while failures still run.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aegis.core.types import F64


class LengthEstimate:
    """Kaplan and Meier's estimate (1958) of lengths; an episode in flight is censored at its tick.

    Args:
        horizon: Longest episode [control steps].
    """

    def __init__(self, horizon: int) -> None:
        self._ended = np.zeros(max(1, horizon) + 1)

    def add_length(self, steps: int) -> None:
        """Notes a finished episode [control steps]."""
        self._ended[min(max(steps, 1), len(self._ended) - 1)] += 1

    def estimate_left(self, ticks: Sequence[int], waiting: int) -> float:
        """Returns the control steps that are still to be played.

        Args:
            ticks: Tick of each episode in flight [control steps].
            waiting: Episodes that have not begun.
        """
        inside = np.minimum(np.asarray(ticks, np.int64), len(self._ended) - 2)
        going = self._estimate_survival(inside)
        ahead = np.cumsum(going[::-1])[::-1]
        # Steps that an episode still has at a tick: the chances to reach each later one, given this
        # one.
        return float(waiting * ahead[0] + np.sum(ahead[inside] / going[inside]))

    def _estimate_survival(self, ticks: np.ndarray[tuple[int], np.dtype[np.int64]]) -> F64:
        """Returns the share of episodes that go on after each tick.

        Args:
            ticks: Tick of each episode in flight [control steps]. Shape (n,).

        Returns:
            Shape (horizon,), from tick 0 on.
        """
        reached = np.bincount(ticks, minlength=len(self._ended)).astype(np.float64)
        at_risk = np.cumsum((self._ended + reached)[::-1])[::-1]
        hazard = np.divide(self._ended, at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
        return np.asarray(np.cumprod(1 - hazard)[:-1])
