"""Scores at chunk boundaries, reduced to one per episode over a first part of the horizon.

The part is fixed, never the realised length: where success ends an episode its length tells the
outcome, and a window that ends with it would leak it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aegis.core.types import F64, I64

SLACK = 1e-9
"""What a share of the horizon may be off by rounding, in control steps."""


def find_window_end(window: float, horizon: int) -> float:
    """Returns the first tick that is no longer in a window, but for rounding [control steps].

    Args:
        window: Share of the horizon.
        horizon: Longest episode [control steps].
    """
    return window * horizon - SLACK


@dataclass(frozen=True, slots=True, eq=False)
class BoundaryScores:
    """Scores of episodes that one policy drove, one entry per chunk boundary; m of them.

    Attributes:
        episodes: Number of episodes, n.
        episode: Number of the episode, 0 to n - 1. Shape (m,).
        k: Tick [control steps]. Shape (m,).
        values: Score by name. Shapes (m,).
        pose: Proprioception, and whatever else a baseline may read. Shape (m, p); None if it was
            not kept.
    """

    episodes: int
    episode: I64
    k: I64
    values: Mapping[str, F64]
    pose: F64 | None

    def average_window(self, values: F64, end: float) -> F64:
        """Returns each episode's mean of some values before a tick; NaN without one.

        Args:
            values: One value per boundary. Shape (m,).
            end: First tick that does not count [control steps].

        Returns:
            Shape (n,).
        """
        here, n = self.k < end, self.episodes
        with np.errstate(invalid="ignore"):
            mean: F64 = np.bincount(self.episode[here], values[here], n) / np.bincount(
                self.episode[here], minlength=n
            )
        return mean

    def find_last_ticks(self, end: float) -> F64:
        """Returns each episode's last tick before a tick: all that time alone tells.

        Args:
            end: First tick that does not count [control steps].

        Returns:
            [control steps]; -1 without one. Shape (n,).
        """
        found = np.full(self.episodes, -1.0)
        here = self.k < end
        np.maximum.at(found, self.episode[here], self.k[here].astype(np.float64))
        return found

    def build_pose_features(self, end: float) -> F64:
        """Returns where the arm was on average, and where last, before a tick.

        Args:
            end: First tick that does not count [control steps].

        Returns:
            Shape (n, 2 p); NaN without a boundary before it.

        Raises:
            ValueError: If no pose was kept.
        """
        if self.pose is None:
            raise ValueError("No pose was kept. Look at 'pose' first.")
        mean = np.column_stack([self.average_window(column, end) for column in self.pose.T])
        last = np.full(mean.shape, np.nan)
        here = np.flatnonzero(self.k < end)
        order = here[np.lexsort((self.k[here], self.episode[here]))]
        last[self.episode[order]] = self.pose[order]  # Of an episode's rows the last one stays.
        return np.column_stack([mean, last])
