"""Contrasts: known answers, laws, and families that are corrected as planned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from aegis.core.errors import ConfigError, ShapeError
from aegis.stats.exact_interval import clopper_pearson_interval
from aegis.stats.paired_intervals import noninferiority_p
from aegis.stats.paired_outcome import PairedOutcome
from aegis.study.analysis.contrast_result import ContrastResult
from aegis.study.analysis.contrasts import compare_success
from aegis.study.analysis.families import compare_families
from aegis.study.outcomes import Outcomes
from aegis.study.plan.study_plan import PlannedContrast
from tests.study.rows import plan, rows, study_rows


def of_cells(counts: Sequence[int], **options: object) -> ContrastResult:
    """Compares two arms given units by (arm, against, reference) solved, as bits 1, 2 and 4."""
    code = np.repeat(np.arange(8), counts)
    arm, against, reference = ((code & bit) > 0 for bit in (1, 2, 4))
    n = len(code)
    return compare_success(arm, against, reference, np.arange(n) % 3, np.arange(n), **options)  # type: ignore[arg-type]


def test_counts_are_those_of_the_published_tables() -> None:
    """65 and 30 recoveries of 646 with 15 shared: p = 7.9e-6 (switching rules, C3)."""
    found = of_cells([646 - 80, 50, 15, 15, 0, 0, 0, 54], draws=200)
    assert (found.n, found.failures) == (700, 646)
    assert (found.recovered, found.disrupted) == (50, 15)
    assert found.p == pytest.approx(7.9e-6, rel=0.01)
    assert found.failures_p == pytest.approx(found.p)
    assert found.difference.value == pytest.approx(35 / 700)
    assert found.recovered_difference.value == pytest.approx(35 / 646)
    assert found.p == pytest.approx(binomtest(50, 65, alternative="greater").pvalue)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=8, max_size=8).filter(lambda c: sum(c) > 0))
def test_laws(counts: list[int]) -> None:
    found = of_cells(counts, draws=50)
    assert found.n == sum(counts)
    assert sum(task.recovered for task in found.per_task) == found.recovered
    assert sum(task.n for task in found.per_task) == found.n
    low, value, high = found.difference.ci.low, found.difference.value, found.difference.ci.high
    assert low - 1e-9 <= value <= high + 1e-9
    assert 0 <= found.mid_p <= found.p <= 1
    assert found.passed == (found.p <= 0.05)
    assert math.isnan(found.recovered_difference.value) == (found.failures == 0)
    assert 0 <= found.posterior.p_above_2pp <= found.posterior.p_positive <= 1


def test_swapped_arms_mirror_each_other() -> None:
    counts = [40, 9, 4, 20, 30, 12, 5, 60]
    mirrored = [counts[(c & 4) | (c & 1) << 1 | (c & 2) >> 1] for c in range(8)]
    one, other = of_cells(counts), of_cells(mirrored)
    assert one.difference.value == -other.difference.value
    assert (one.recovered, one.disrupted) == (other.disrupted, other.recovered)
    assert one.difference.ci.low == pytest.approx(-other.difference.ci.high, abs=0.01)
    assert one.posterior.mean == pytest.approx(-other.posterior.mean)


def test_arms_alike_leave_room_for_doubt() -> None:
    """Every resample of no discordant unit is alike; the interval must not be a point."""
    found = of_cells([30, 0, 0, 20, 0, 0, 0, 50])
    assert found.p == 1.0
    assert found.difference.ci.high >= clopper_pearson_interval(0, 100).high > 0.03
    assert found.difference.ci.low == -found.difference.ci.high


def test_against_the_reference_itself() -> None:
    """On its failures the reference cannot win, so there is nothing to test."""
    found = of_cells([30, 20, 0, 0, 0, 0, 10, 40])
    assert math.isnan(found.failures_p)
    assert found.recovered_difference.value == 20 / 50


def test_noninferiority_is_tangos() -> None:
    counts = [10, 8, 9, 300, 0, 0, 0, 0]
    found = of_cells(counts, alternative="noninferior", margin=0.05)
    assert found.margin == 0.05
    assert found.p == noninferiority_p(PairedOutcome(8, 9, 300, 10), 0.05)
    assert found.passed
    assert of_cells(counts).margin is None


def test_start_states_are_clusters() -> None:
    """Units that always go alike count once: the interval widens by the root of their number."""
    rng = np.random.default_rng(3)
    once = rng.random(60) < 0.4
    base = rng.random(60) < 0.2
    arm, against = np.repeat(once, 4), np.repeat(base, 4)
    start = np.repeat(np.arange(60), 4)
    found = compare_success(arm, against, against, np.zeros(240, np.int64), start)
    units = found.difference.ci.high - found.difference.ci.low
    clusters = found.difference_clustered.high - found.difference_clustered.low
    assert clusters / units == pytest.approx(2.0, rel=0.15)
    alone = compare_success(once, base, base, np.zeros(60, np.int64), np.arange(60), draws=20)
    assert found.p_starts == pytest.approx(alone.p)
    assert alone.p_starts == alone.p > found.p


def test_tasks_are_clusters() -> None:
    """Three tasks that all gain: the test over tasks cannot say more than 1/8."""
    found = of_cells([30, 24, 0, 30, 0, 0, 0, 0], draws=20)
    assert all(task.difference.value > 0 for task in found.per_task)
    assert found.p_tasks == pytest.approx(1 / 8)


def test_looks_follow_the_order_of_units() -> None:
    n = 200
    arm = np.ones(n, bool)
    arm[:100] = False
    none = np.zeros(n, bool)
    options = {"task": np.zeros(n, np.int64), "start": np.arange(n), "draws": 20}
    late = compare_success(arm, none, none, **options)  # type: ignore[arg-type]
    early = compare_success(arm[::-1], none, none, **options)  # type: ignore[arg-type]
    assert late.looks.log_e == pytest.approx(early.looks.log_e)
    assert late.looks.stop is not None
    assert early.looks.stop is not None
    assert late.looks.stop == early.looks.stop + 100


def test_addresses_not_order_decide_the_draws() -> None:
    counts = [40, 9, 4, 20, 30, 12, 5, 60]
    assert of_cells(counts) == of_cells(counts)
    assert of_cells(counts).posterior != of_cells(counts, root=1).posterior


def test_shapes_are_checked() -> None:
    with pytest.raises(ShapeError, match="five vectors"):
        compare_success(*(np.zeros(3, bool),) * 3, np.zeros(2, np.int64), np.zeros(3, np.int64))
    with pytest.raises(ShapeError, match="five vectors"):
        of_cells([0] * 8)


def test_primary_contrasts_are_one_family() -> None:
    outcomes = Outcomes.from_rows(study_rows(), ("weak", "blind", "random", "aegis", "ours"))
    found = compare_families(outcomes, plan(), 50)
    primary = [c for c in found if c.is_primary]
    assert [(c.arm, c.against) for c in primary] == [("ours", "blind"), ("ours", "random")]
    assert found[:2] == tuple(primary)
    small, large = sorted(primary, key=lambda c: c.p)
    assert small.p_holm == pytest.approx(2 * small.p)
    assert large.p_holm == pytest.approx(max(large.p, 2 * small.p))
    others = [(c.arm, c.against) for c in found[2:]]
    assert len(set(others)) == len(others)
    assert ("ours", "weak") in others
    assert ("aegis", "random") in others
    assert all(math.isnan(c.p_holm) and not c.passed for c in found[2:])


def test_secondary_contrasts_are_tested_outside_the_family() -> None:
    episodes = rows("weak", "0" * 8) + rows("blind", "01" * 4) + rows("random", "01" * 4)
    episodes += rows("ours", "1" * 8) + rows("aegis", "0" * 8)
    outcomes = Outcomes.from_rows(episodes, ("weak", "blind", "random", "aegis", "ours"))
    alone = plan(contrasts=(PlannedContrast("ours", "blind"),))
    second = PlannedContrast("ours", "random", "noninferior")
    found = compare_families(outcomes, replace(alone, secondary=(second,)), 20)
    assert [c.p_holm for c in found if c.is_primary] == [
        compare_families(outcomes, alone, 20)[0].p_holm
    ]
    (told,) = [c for c in found if (c.arm, c.against) == ("ours", "random")]
    assert (told.alternative, told.is_primary, told.passed) == ("noninferior", False, False)
    assert {c.family for c in found if c.is_primary} == {"primary"}
    assert [c.against for c in found if c.family == "secondary"] == ["random"]
    with pytest.raises(ConfigError, match="names a contrast twice"):
        replace(alone, secondary=alone.contrasts)


def test_a_sequential_family_uses_p_values_that_hold_at_any_time() -> None:
    episodes = rows("weak", "0" * 40) + rows("blind", "0" * 40, 10) + rows("random", "01" * 20, 10)
    episodes += rows("ours", "1" * 40, 10) + rows("aegis", "0" * 40, 10)
    outcomes = Outcomes.from_rows(episodes, ("weak", "blind", "random", "aegis", "ours"))
    fixed = compare_families(outcomes, plan(), 20)
    looked = compare_families(outcomes, plan(stopping="sequential", looks=(20, 40)), 20)
    assert [c.p for c in looked] == [c.p for c in fixed]
    assert looked[0].p_holm > fixed[0].p_holm
    assert looked[0].p_holm == pytest.approx(2 * math.exp(-looked[0].looks.log_e))
    margin = plan(contrasts=(PlannedContrast("ours", "blind", "noninferior"),))
    assert compare_families(outcomes, margin, 20)[0].passed
