"""Estimates: a number, or a share of units, with its interval."""

from __future__ import annotations

from dataclasses import dataclass

from aegis.stats.differences import BootstrapEstimate
from aegis.stats.exact_interval import clopper_pearson_interval
from aegis.stats.intervals import Interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    ci: Interval

    @classmethod
    def from_bootstrap(cls, found: BootstrapEstimate) -> Estimate:
        """Takes over what a bootstrap found."""
        return cls(found.value, found.interval)


@dataclass(frozen=True, slots=True)
class Share:
    """A share of units, with its 95 % interval."""

    count: int
    of: int
    value: float
    ci: Interval


def compute_exact_share(count: int, of: int) -> Share:
    """Returns a share with Clopper and Pearson's 95 % interval; of no units NaN, in [0, 1]."""
    value = count / of if of else float("nan")
    return Share(count, of, value, clopper_pearson_interval(count, of))
