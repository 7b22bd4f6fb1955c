"""Oracle: the best timing of one hand-over per episode that hindsight can choose, at a budget.

It knows each fork's outcome, luck included, so no gate can reach it: it bounds what timing can
do, and the way from random to it is the scale on which a gate is placed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from aegis.core.seeds import root_stream
from aegis.core.types import F64
from aegis.records.fork_rows import STRONG_FORK, UnitKey, select_forks, unit_key_of
from aegis.records.rows import EpisodeRow
from aegis.stats.bootstrap import bootstrap_totals
from aegis.stats.resampling import ClusteredSample
from aegis.study.estimates import Estimate
from aegis.study.outcomes import Outcomes

_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class OracleGap:
    """How much of the way from random to oracle timing an arm goes, at no more duty.

    Attributes:
        arm, random, oracle: The arms.
        closed: (arm - random) / (oracle - random), success over all units.
    """

    arm: str
    random: str
    oracle: str
    closed: Estimate


def make_oracle_rows(
    forks: Sequence[EpisodeRow], reference: str, duty: float, name: str
) -> tuple[EpisodeRow, ...]:
    """Returns the rows of an arm that hands over at the best tick of each unit, or never.

    Over all units it solves as many as strong steps within ``duty`` of all steps allow, found by
    Lagrange's multiplier (Everett 1963): each unit takes the fork with the largest success minus
    price times (strong steps minus duty times steps), at the lowest price that keeps the budget;
    what is left of it then goes to the cheapest units that it can still solve.

    Args:
        forks: The reference arm's rows and those of its forks.
        reference: The arm that was forked.
        duty: Share of all steps that may be the strong policy's.
        name: Name of the arm that is made.
    """
    choices = _list_choices(forks, reference)
    picked = _allocate_forks(choices, duty)
    return tuple(replace(options[i], arm=name) for options, i in zip(choices, picked, strict=True))


def bound_oracle(forks: Sequence[EpisodeRow], reference: str, duty: float) -> dict[UnitKey, float]:
    """Returns what each unit adds to the most that hand-overs at a duty can solve.

    Whole units leave some of the budget unused; here the last one may be shared, as by an oracle
    that hands over with a probability, so the duty is met exactly, unless all are solved for less.
    By the duality of linear programmes the maximum is the sum over units of the best
    "success minus price times extra strong steps", at the lowest price that keeps the budget.

    Args:
        forks: The reference arm's rows and those of its forks.
        reference: The arm that was forked.
        duty: Share of all steps that may be the strong policy's.
    """
    choices = _list_choices(forks, reference)
    gain, cost = _weigh_choices(choices, duty)
    price = _find_price(gain, cost)[1]
    return {
        unit_key_of(options[0]): float(np.max(g - price * c))
        for options, g, c in zip(choices, gain, cost, strict=True)
    }


def _list_choices(forks: Sequence[EpisodeRow], reference: str) -> list[list[EpisodeRow]]:
    """Returns each unit's options: never, then later to earlier hand-overs."""
    choices = [[row] for row in sorted(forks, key=unit_key_of) if row.arm == reference]
    strong = select_forks(forks, STRONG_FORK)
    for options in choices:
        unit = unit_key_of(options[0])
        later = [strong[k][unit] for k in sorted(strong, reverse=True) if unit in strong[k]]
        options += [row for row in later if row.strong_steps]
    return choices


def estimate_oracle_gap(
    outcomes: Outcomes, arm: str, random: str, oracle: str, *, draws: int = 2000
) -> OracleGap:
    """Returns how much of the way from random to oracle timing an arm goes, on shared units."""
    columns: F64 = np.column_stack(
        [outcomes.success[name].astype(np.float64) for name in (arm, random, oracle)]
    )
    return OracleGap(arm, random, oracle, estimate_closed_share(outcomes, columns, arm, draws))


def estimate_closed_share(outcomes: Outcomes, columns: F64, arm: str, draws: int) -> Estimate:
    """Returns how much of the way from a lower to an upper end an arm goes.

    Args:
        outcomes: The units; start states are resampled within tasks.
        columns: Success of the arm, of the lower and of the upper end. Shape (n, 3).
        arm: The arm, which addresses the resampling.
        draws: Resamples.
    """

    def closed_share(total: F64) -> F64:
        """Returns the share of the way, shape (...), of totals of shape (..., 3)."""
        found: F64 = (total[..., 0] - total[..., 1]) / (total[..., 2] - total[..., 1])
        return np.where(np.isfinite(found), found, np.nan)

    rng = root_stream(outcomes.root, "study", "gap", arm)
    sample = ClusteredSample.from_units(columns, outcomes.task, outcomes.start)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(closed_share(columns.sum(axis=0)))
    return Estimate(value, bootstrap_totals(closed_share, sample, rng, draws=draws))


def _weigh_choices(
    choices: Sequence[Sequence[EpisodeRow]], duty: float
) -> tuple[list[F64], list[F64]]:
    """Returns success, and strong steps beyond the budget, of each unit's options.

    Args:
        choices: Each unit's options.
        duty: Share of all steps that may be the strong policy's.

    Returns:
        Success (0 or 1), and cost [control steps], negative where an option leaves some of the
        budget unused. For each unit, shape (options,).
    """
    gain = [np.array([row.success for row in options], np.float64) for options in choices]
    cost = [
        np.array([row.strong_steps - duty * row.steps for row in options], np.float64)
        for options in choices
    ]
    return gain, cost


def _choose_at_price(gain: Sequence[F64], cost: Sequence[F64], price: float) -> list[int]:
    """Returns the option that each unit takes at a price.

    Args:
        gain: Success of each unit's options. Shapes (options,).
        cost: Strong steps beyond the budget [control steps]. Shapes (options,).
        price: Success that a strong step is worth.
    """
    # Of equals the cheapest: the least duty for the same success.
    return [int(np.lexsort((c, -(g - price * c)))[0]) for g, c in zip(gain, cost, strict=True)]


def _total_cost(cost: Sequence[F64], picked: Sequence[int]) -> float:
    """Returns the strong steps beyond the budget of options picked from ``cost`` (options,)."""
    return float(sum(c[i] for c, i in zip(cost, picked, strict=True)))


def _find_price(gain: Sequence[F64], cost: Sequence[F64]) -> tuple[float, float]:
    """Returns two prices, equal but for rounding, between which the budget begins to be kept.

    Args:
        gain: Success of each unit's options. Shapes (options,).
        cost: Strong steps beyond the budget [control steps]. Shapes (options,).
    """
    low, high = 0.0, 1.0
    # At price 0 every unit takes its cheapest success: the budget is enough for all.
    if _total_cost(cost, _choose_at_price(gain, cost, low)) <= 0:
        return low, low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        kept = _total_cost(cost, _choose_at_price(gain, cost, middle)) <= 0
        low, high = (low, middle) if kept else (middle, high)
    return low, high


def _allocate_forks(choices: Sequence[Sequence[EpisodeRow]], duty: float) -> list[int]:
    """Returns which option each unit takes."""
    gain, cost = _weigh_choices(choices, duty)
    price = _find_price(gain, cost)[1]
    picked = _choose_at_price(gain, cost, price)
    return _spend_remainder(picked, gain, cost) if price else picked


def _spend_remainder(picked: list[int], gain: Sequence[F64], cost: Sequence[F64]) -> list[int]:
    """Solves further units, cheapest first, while the budget lasts.

    Args:
        picked: Option of each unit; changed in place.
        gain: Success of each unit's options. Shapes (options,).
        cost: Strong steps beyond the budget [control steps]. Shapes (options,).

    Returns:
        ``picked``.
    """
    left = -float(sum(c[i] for c, i in zip(cost, picked, strict=True)))
    offers = []
    for unit, i in enumerate(picked):
        better = np.flatnonzero(gain[unit] > gain[unit][i])
        if len(better):
            best = int(better[np.argmin(cost[unit][better])])
            offers.append((float(cost[unit][best] - cost[unit][i]), unit, best))
    # Every one gains one success, so the cheapest first gains the most; one that is too dear is
    # passed over.
    for extra, unit, best in sorted(offers):
        if extra <= left:
            picked[unit] = best
            left -= extra
    return picked
