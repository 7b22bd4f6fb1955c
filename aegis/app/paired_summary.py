"""Study: what escalation was worth on paired units, in figures that can be checked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aegis.core.errors import PairingError, UnknownNameError
from aegis.core.seeds import root_stream
from aegis.core.types import EpisodeKey
from aegis.records.files import write_atomic
from aegis.records.rows import EpisodeRow
from aegis.stats.bootstrap import paired_difference_interval
from aegis.stats.differences import ratio_of_totals
from aegis.stats.intervals import Interval, wilson_interval
from aegis.stats.multiplicity import holm_adjusted
from aegis.stats.paired_outcome import PairedOutcome
from aegis.stats.resampling import ClusteredSample

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of units, with Wilson's 95 % interval."""

    count: int
    of: int
    interval: Interval

    @classmethod
    def over(cls, hits: Bools) -> Rate:
        """Counts. Shape of hits (n,)."""
        return cls(int(hits.sum()), len(hits), wilson_interval(int(hits.sum()), len(hits)))

    @property
    def value(self) -> float:
        """The share; NaN of nothing."""
        return self.count / self.of if self.of else float("nan")


@dataclass(frozen=True, slots=True)
class ArmSummary:
    """One arm on all units.

    Attributes:
        name: The arm.
        success: Of all units.
        recovered: Of the units that the reference arm failed, those that this one solved.
        disrupted: Of the units that the reference arm solved, those that this one failed.
        duty: Steps of the strong policy over all steps.
        duty_interval: 95 % bootstrap interval over units.
        fires: Hand-overs per episode.
        steps: Control steps per episode.
        asks: Queries per episode, by policy.
    """

    name: str
    success: Rate
    recovered: Rate
    disrupted: Rate
    duty: float
    duty_interval: Interval
    fires: float
    steps: float
    asks: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Contrast:
    """The treated arm against another one, on the same units.

    Attributes:
        against: The other arm.
        units: ``"all"``, or ``"weak failures"``: the units that the reference arm failed.
        outcome: The four cells.
        difference: Success rate of the treated arm minus that of the other.
        interval: Its 95 % interval: BCa bootstrap over units within tasks.
        p: Exact one-sided McNemar.
        p_holm: The same, corrected within its family (the contrasts on the same units).
    """

    against: str
    units: str
    outcome: PairedOutcome
    difference: float
    interval: Interval
    p: float
    p_holm: float


@dataclass(frozen=True, slots=True)
class Study:
    """The result.

    Attributes:
        units: Number of paired units.
        reference: The arm whose failures and successes count as such.
        treated: The arm under test.
        arms: One summary per arm.
        contrasts: Planned comparisons of the treated arm.
        facts: How budgets were matched, and such.
    """

    units: int
    reference: str
    treated: str
    arms: tuple[ArmSummary, ...]
    contrasts: tuple[Contrast, ...]
    facts: Mapping[str, object]

    def save(self, path: Path) -> None:
        """Writes JSON; what is not a number becomes null."""
        text = json.dumps(_plain(asdict(self)), indent=2) + "\n"
        write_atomic(path, text.encode())


def summarise(
    episodes: Sequence[EpisodeRow],
    arms: Sequence[str],
    facts: Mapping[str, object],
    reference: str = "weak",
    treated: str = "aegis",
    against: Sequence[str] = ("blind", "random", "weak"),
) -> Study:
    """Summarises a paired run.

    On the units that the reference failed, the treated arm cannot do worse than the reference, so
    a test against it would be empty; there it is compared with the other arms only.

    Args:
        episodes: All arms on all units, in any order.
        arms: Order of the arms.
        facts: Written into the result as they are.
        reference: The arm that recovered and disrupted refer to.
        treated: The arm under test.
        against: What it is compared with.

    Raises:
        UnknownNameError: If an arm is missing.
        PairingError: If arms have different units.
    """
    for name in (reference, treated, *against):
        if name not in arms:
            raise UnknownNameError("arm", name, arms, "the study")
    grid = _grid(episodes, arms)
    keys = [row.key for row in grid[reference]]
    success = {arm: np.array([row.success for row in grid[arm]], bool) for arm in arms}
    summaries = tuple(_summary(grid[arm], success[arm], success[reference]) for arm in arms)
    everywhere = np.ones(len(keys), bool)
    failed = ~success[reference]
    contrasts = _family("all", against, treated, success, everywhere, keys) + _family(
        "weak failures", [n for n in against if n != reference], treated, success, failed, keys
    )
    return Study(len(keys), reference, treated, summaries, contrasts, dict(facts))


def _grid(episodes: Sequence[EpisodeRow], arms: Sequence[str]) -> dict[str, list[EpisodeRow]]:
    grid: dict[str, list[EpisodeRow]] = {}
    for arm in arms:
        rows = [row for row in episodes if row.arm == arm]
        grid[arm] = sorted(rows, key=lambda row: (row.task, row.start, row.index))
        keys = [row.key for row in grid[arm]]
        if not keys or keys != [row.key for row in grid[arms[0]]]:
            raise PairingError(
                f"Arms '{arm}' and '{arms[0]}' were not run on the same units "
                f"({len(keys)} and {len(grid[arms[0]])}). Finish the run first."
            )
    return grid


def _summary(rows: Sequence[EpisodeRow], success: Bools, reference: Bools) -> ArmSummary:
    n = len(rows)
    strong = np.array([row.strong_steps for row in rows], np.float64)
    steps = np.array([row.steps for row in rows], np.float64)
    asks: dict[str, float] = {}
    for row in rows:
        for policy, count in row.asks:
            asks[policy] = asks.get(policy, 0.0) + count / n
    rng = root_stream(rows[0].root, "study", rows[0].arm, "duty")
    return ArmSummary(
        name=rows[0].arm,
        success=Rate.over(success),
        recovered=Rate.over(success[~reference]),
        disrupted=Rate.over(~success[reference]),
        duty=float(strong.sum() / steps.sum()),
        duty_interval=ratio_of_totals(
            ClusteredSample.from_units(np.stack([strong, steps], axis=1)), rng
        ).interval,
        fires=float(np.mean([row.fires for row in rows])),
        steps=float(steps.mean()),
        asks=asks,
    )


def _family(
    units: str,
    against: Sequence[str],
    treated: str,
    success: Mapping[str, Bools],
    mask: Bools,
    keys: Sequence[EpisodeKey],
) -> tuple[Contrast, ...]:
    """Compares the treated arm with others on some units; one family of tests."""
    task = np.array([key.task for key in keys], np.int64)[mask]
    cells = {
        n: PairedOutcome.from_success(success[treated][mask], success[n][mask]) for n in against
    }
    p_values = {name: outcome.mcnemar_p() for name, outcome in cells.items()}
    corrected = holm_adjusted(p_values)
    unknown = Interval(float("nan"), float("nan"))
    return tuple(
        Contrast(
            against=name,
            units=units,
            outcome=outcome,
            difference=outcome.difference,
            interval=paired_difference_interval(
                success[treated][mask],
                success[name][mask],
                task,
                root_stream(keys[0].root, "study", units, name),
            )
            if mask.any()
            else unknown,
            p=p_values[name],
            p_holm=corrected[name],
        )
        for name, outcome in cells.items()
    )


def format_study(study: Study) -> str:
    """Returns the result as plain text."""
    lines = [
        f"{study.units} paired units; recovered and disrupted refer to arm '{study.reference}'.",
        "",
        f"{'arm':<10}{'success':>26}{'recovered':>26}{'disrupted':>26}{'duty':>26}{'fires':>7}",
    ]
    for arm in study.arms:
        duty = f"{arm.duty:.3f} {arm.duty_interval}"
        rates = "".join(f"{_said(r):>26}" for r in (arm.success, arm.recovered, arm.disrupted))
        lines.append(f"{arm.name:<10}{rates}{duty:>26}{arm.fires:>7.2f}")
    lines += [
        "",
        f"{study.treated + ' against':<18}{'units':<15}{'only it':>8}{'only other':>11}"
        f"{'difference':>27}{'p':>10}{'p (Holm)':>10}",
    ]
    for c in study.contrasts:
        won, lost = c.outcome.recovered, c.outcome.disrupted
        lines.append(
            f"{c.against:<18}{c.units:<15}{won:>8}{lost:>11}"
            f"{f'{c.difference:+.3f} {c.interval}':>27}{c.p:>10.2g}{c.p_holm:>10.2g}"
        )
    return "\n".join(lines)


def _said(rate: Rate) -> str:
    return f"{rate.count}/{rate.of} {rate.interval}"


def _plain(value: object) -> object:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
