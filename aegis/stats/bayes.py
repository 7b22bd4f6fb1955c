"""Bayesian complement: Dirichlet posteriors of the four paired cells, task by task.

The prior of each task is Dirichlet(1/4, 1/4, 1/4, 1/4) (Perks 1947): together it weighs as much
as one unit, whatever the number of cells, and it favours neither arm. Jeffreys' 1/2 would bring
one made-up discordant unit to each task: ten in ten tasks, where a study may have a hundred real
ones. Tasks are independent a priori; nothing is borrowed between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aegis.core.errors import ShapeError
from aegis.core.types import F64
from aegis.stats.bootstrap import percentile_interval
from aegis.stats.intervals import Interval
from aegis.stats.paired_outcome import PairedOutcome

PRIOR = 0.25
"""Made-up units in each cell of each task."""


@dataclass(frozen=True, slots=True)
class DifferencePosterior:
    """What is believed of a difference of success rates after the study.

    Attributes:
        mean: Posterior mean, exact.
        interval: Central credible interval.
        p_positive: Probability that the arm solves more.
        p_above: Probability that it solves more by more than a stated amount.
        above: That amount.
    """

    mean: float
    interval: Interval
    p_positive: float
    p_above: float
    above: float


def difference_posterior(
    tasks: Sequence[PairedOutcome],
    rng: np.random.Generator,
    *,
    above: float = 0.02,
    level: float = 0.95,
    prior: float = PRIOR,
    draws: int = 20_000,
) -> DifferencePosterior:
    """Returns the posterior of the paired difference in the population of these tasks.

    The population has the tasks in the shares in which they were tried.

    Args:
        tasks: The four cells of each task; see ``count_by_task``.
        rng: Source of the draws.
        above: Difference that would matter, for ``p_above``.
        level: Of the credible interval.
        prior: Made-up units in each cell of each task.
        draws: Number of draws; 20,000 leave 0.3 percentage points of error on a probability.

    Raises:
        ShapeError: If there is no unit, or the prior is not positive.
    """
    cells = np.array([[t.recovered, t.disrupted, t.both, t.neither] for t in tasks], np.float64)
    if not len(cells) or not cells.sum() or prior <= 0:
        raise ShapeError(f"Need units, and a prior above 0. Got: {len(cells)} tasks, {prior}.")
    weight = cells.sum(axis=1) / cells.sum()
    belief = cells + prior
    drawn = _draw_differences(belief, weight, rng, draws)
    mean = float(weight @ ((belief[:, 0] - belief[:, 1]) / belief.sum(axis=1)))
    return DifferencePosterior(
        mean=mean,
        interval=percentile_interval(drawn, level=level),
        p_positive=float(np.mean(drawn > 0)),
        p_above=float(np.mean(drawn > above)),
        above=above,
    )


def _draw_differences(belief: F64, weight: F64, rng: np.random.Generator, draws: int) -> F64:
    """Returns weighted sums of P(recovered) - P(disrupted) over tasks. Shape (draws,)."""
    out = np.zeros(draws)
    for share, alpha in zip(weight, belief, strict=True):
        theta = rng.dirichlet(alpha, size=draws)
        out += share * (theta[:, 0] - theta[:, 1])
    return out
