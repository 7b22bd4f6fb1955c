"""The stage of statistics: estimates, limits and tests of recorded outcomes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aegis.checks.determinism.course import Array, Course
from aegis.checks.determinism.results import StageResult, play_stage
from aegis.core.seeds import root_stream

GROUP = "statistics"
UNITS, TASKS, DRAWS = 200, 10, 2000


def draw_outcomes() -> dict[str, Array]:
    """Returns made-up outcomes of two arms, by the recipe of the shipped course. Shapes (u,)."""
    rng = _open_stream("outcomes")
    task, risk = np.arange(UNITS) % TASKS, rng.random(UNITS)
    against = rng.random(UNITS) < 0.5
    arm = np.where(rng.random(UNITS) < 0.3, rng.random(UNITS) < 0.8, against)
    return {
        "arm": arm,
        "against": against,
        "task": task,
        "start": np.arange(UNITS) // (2 * TASKS),
        "risk": risk,
    }


def play_statistics_stage(course: Course) -> StageResult:
    """Computes numbers as `aegis study` does; the result holds them."""
    numbers: dict[str, float] = {}

    def compute() -> list[Array]:
        numbers.update(compute_numbers(course))
        return [np.array(list(numbers.values()))]

    return replace(play_stage("statistics", GROUP, compute), numbers=numbers)


def compute_numbers(course: Course) -> dict[str, float]:
    """Returns estimates, limits and p values of the recorded outcomes, by name."""
    # scipy takes a second to load, and the other stages do without.
    from aegis.stats.bayes import difference_posterior
    from aegis.stats.e_process import log_e_path
    from aegis.stats.p_values import sign_flip_p
    from aegis.stats.paired_intervals import noninferiority_p
    from aegis.stats.paired_outcome import PairedOutcome, count_by_task
    from aegis.stats.power import mcnemar_power

    arm, against, task = (course.outcomes[name] for name in ("arm", "against", "task"))
    outcome = PairedOutcome.from_success(arm, against)
    by_task = list(count_by_task(arm, against, task).values())
    posterior = difference_posterior(by_task, _open_stream("belief"), draws=DRAWS)
    limits = {
        f"{name}.{side}": float(value)
        for name, (low, high) in _compute_intervals(course).items()
        for side, value in (("low", low), ("high", high))
    }
    return {
        **limits,
        "posterior.mean": posterior.mean,
        "posterior.low": posterior.interval.low,
        "posterior.high": posterior.interval.high,
        "mcnemar_p": outcome.mcnemar_p(),
        "noninferiority_p": noninferiority_p(outcome, 0.03),
        "sign_flip_p": sign_flip_p(arm, against, task),
        "log_e": float(log_e_path(arm, against)[-1]),
        "power": mcnemar_power(0.2, 0.1, len(arm)),
    }


def _compute_intervals(course: Course) -> dict[str, tuple[float, float]]:
    """Returns limits of every kind of interval, by name."""
    from aegis.stats.auroc_intervals import EpisodeResamples
    from aegis.stats.bootstrap import paired_difference_interval
    from aegis.stats.differences import clustered_difference
    from aegis.stats.exact_interval import clopper_pearson_interval
    from aegis.stats.intervals import wilson_interval
    from aegis.stats.paired_intervals import tango_interval
    from aegis.stats.paired_outcome import PairedOutcome

    names = ("arm", "against", "task", "start", "risk")
    arm, against, task, start, risk = (course.outcomes[name] for name in names)
    solved, units = int(arm.sum()), len(arm)
    clustered = clustered_difference(
        arm, against, task, start, _open_stream("clusters"), draws=DRAWS
    )
    resamples = EpisodeResamples.draw(~arm, task, _open_stream("episodes"), draws=DRAWS)
    found = {
        "bca": paired_difference_interval(arm, against, task, _open_stream("units"), draws=DRAWS),
        "clustered": clustered.interval,
        "auroc": resamples.estimate_auroc(risk).interval,
        "wilson": wilson_interval(solved, units),
        "clopper_pearson": clopper_pearson_interval(solved, units),
        "tango": tango_interval(PairedOutcome.from_success(arm, against)),
    }
    return {name: (interval.low, interval.high) for name, interval in found.items()}


def _open_stream(name: str) -> np.random.Generator:
    return root_stream(0, "determinism", name)
