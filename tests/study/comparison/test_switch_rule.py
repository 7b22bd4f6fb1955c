"""Switch rule: counts, needed precision, and the three answers, at their edges too."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.core.errors import ShapeError
from aegis.stats.exact_interval import clopper_pearson_interval
from aegis.study.comparison.study_power import forecast_power
from aegis.study.comparison.switch_outcomes import SwitchOutcomes, compute_exact_share
from aegis.study.comparison.switch_rule import (
    DECIDED,
    Answer,
    SwitchRule,
    estimate_decided_share,
    size_pilot,
)

RULE = SwitchRule(target=0.1, precision=0.8)
counts = st.builds(SwitchOutcomes, *[st.integers(0, 40)] * 6).filter(lambda found: found.units > 0)
flags = st.lists(st.tuples(*[st.booleans()] * 3), min_size=1, max_size=60)


@given(flags)
def test_every_unit_is_counted_once(units: list[tuple[bool, bool, bool]]) -> None:
    weak, switched, running = np.array(units).T
    found = SwitchOutcomes.from_success(weak, switched, running)
    assert found.units == len(units)
    assert found.saved + found.lost + found.ended_failed == int((~weak).sum())
    assert found.ruined + found.kept + found.ended_solved == int(weak.sum())
    assert found.failing.of == int(running.sum())


@given(flags, st.randoms(use_true_random=False))
def test_the_order_of_units_changes_nothing(
    units: list[tuple[bool, bool, bool]], rng: object
) -> None:
    other = list(units)
    rng.shuffle(other)  # type: ignore[attr-defined]
    one, two = (SwitchOutcomes.from_success(*np.array(part).T) for part in (units, other))
    assert one == two


def test_rates_by_hand() -> None:
    found = SwitchOutcomes(saved=6, lost=4, ruined=5, kept=15, ended_solved=10, ended_failed=2)
    assert found.units == 42
    assert found.failing.value == pytest.approx(10 / 30)
    assert found.recovery.value == pytest.approx(0.6)
    assert found.disruption.value == pytest.approx(0.25)
    assert found.needed_precision.value == pytest.approx(0.25 / 0.85)
    assert found.perfect_gain.value == pytest.approx(6 / 42)
    assert found.paired.difference == pytest.approx(1 / 42)
    assert found.recovery.ci == clopper_pearson_interval(6, 10)


@given(counts)
def test_a_blind_switch_gains_where_more_fail_than_the_needed_precision(
    found: SwitchOutcomes,
) -> None:
    """p r > (1 - p) d if and only if p > d / (r + d), p among the running units."""
    p, needed = found.failing.value, found.needed_precision.value
    if not math.isnan(p + needed) and abs(p - needed) > 1e-9:
        assert (p > needed) == (found.paired.difference > 0)
    if not math.isnan(p + needed):
        gain = p * found.recovery.value - (1 - p) * found.disruption.value
        running = found.failing.of
        assert gain * running == pytest.approx(found.paired.difference * found.units, abs=1e-9)


@given(counts)
def test_limits_hold_the_estimate(found: SwitchOutcomes) -> None:
    needed = found.needed_precision
    assert 0 <= needed.ci.low <= needed.ci.high <= 1
    if not math.isnan(needed.value):
        assert needed.ci.low <= needed.value <= needed.ci.high


@given(counts, st.floats(0.01, 0.5), st.floats(0.1, 0.95))
def test_answers_exclude_each_other_and_follow_the_limits(
    found: SwitchOutcomes, target: float, precision: float
) -> None:
    rule = SwitchRule(target, precision)
    gain, needed = found.perfect_gain.ci, found.needed_precision.ci
    can = gain.low >= target and needed.high <= precision
    no = gain.high < target or needed.low > precision
    assert not (can and no)
    expected = Answer.CAN_PAY if can else Answer.DO_NOT if no else Answer.UNDECIDED
    assert rule.choose_answer(found) is expected


@given(counts, st.floats(0.01, 0.4))
def test_asking_for_less_never_turns_a_yes_into_another_answer(
    found: SwitchOutcomes, target: float
) -> None:
    if SwitchRule(target, 0.8).choose_answer(found) is Answer.CAN_PAY:
        assert SwitchRule(target / 2, 0.9).choose_answer(found) is Answer.CAN_PAY


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (SwitchOutcomes(saved=24, lost=2, ruined=0, kept=24), Answer.CAN_PAY),
        (SwitchOutcomes(saved=10, lost=0, ruined=0, kept=40), Answer.CAN_PAY),
        (SwitchOutcomes(saved=9, lost=0, ruined=0, kept=41), Answer.UNDECIDED),
        (SwitchOutcomes(saved=0, lost=0, ruined=0, kept=50), Answer.DO_NOT),
        (SwitchOutcomes(saved=0, lost=25, ruined=3, kept=22), Answer.DO_NOT),
        (SwitchOutcomes(saved=1, lost=1, ruined=0, kept=48), Answer.UNDECIDED),
        (SwitchOutcomes(saved=20, lost=180, ruined=190, kept=10), Answer.DO_NOT),
        (SwitchOutcomes(saved=1, lost=0, ruined=0, kept=0), Answer.UNDECIDED),
    ],
)
def test_answers_by_hand(found: SwitchOutcomes, answer: Answer) -> None:
    assert RULE.choose_answer(found) is answer


def test_the_limit_itself_is_enough() -> None:
    found = SwitchOutcomes(saved=10, lost=0, ruined=0, kept=40)
    at = found.perfect_gain.ci.low
    assert SwitchRule(at, 0.8).choose_answer(found) is Answer.CAN_PAY
    assert SwitchRule(math.nextafter(at, 1), 0.8).choose_answer(found) is Answer.UNDECIDED
    worst = found.needed_precision.ci.high
    assert SwitchRule(0.05, worst).choose_answer(found) is Answer.CAN_PAY
    assert SwitchRule(0.05, math.nextafter(worst, 0)).choose_answer(found) is Answer.UNDECIDED


def test_a_pilot_of_the_advised_size_decides() -> None:
    found = SwitchOutcomes(saved=9, lost=3, ruined=0, kept=38)
    advised = size_pilot(found, RULE, 0)
    assert advised is not None
    assert advised > found.units
    assert advised % 50 == 0
    scale = advised / found.units
    grown = SwitchOutcomes(*(round(scale * count) for count in found.as_counts()))
    assert RULE.choose_answer(grown) is Answer.CAN_PAY
    assert size_pilot(found, RULE, 0) == advised


@settings(max_examples=10)
@given(counts, st.integers(1, 400), st.integers(0, 3))
def test_a_size_is_judged_alike_whichever_others_were_tried(
    found: SwitchOutcomes, n: int, root: int
) -> None:
    alone = estimate_decided_share(found, RULE, n, root)
    estimate_decided_share(found, RULE, n + 50, root)
    assert estimate_decided_share(found, RULE, n, root) == alone


def test_the_advised_size_is_the_first_that_decides() -> None:
    found = SwitchOutcomes(saved=9, lost=3, ruined=0, kept=38)
    advised = size_pilot(found, RULE, 0)
    assert advised is not None
    assert estimate_decided_share(found, RULE, advised, 0) >= DECIDED
    assert estimate_decided_share(found, RULE, advised - 50, 0) < DECIDED


def test_a_gain_of_just_what_is_asked_for_is_never_decided() -> None:
    found = SwitchOutcomes(saved=5, lost=0, ruined=0, kept=45)
    assert size_pilot(found, RULE, 0) is None


@pytest.mark.parametrize(("target", "precision"), [(0, 0.5), (1, 0.5), (0.1, 0), (0.1, 1)])
def test_a_rule_out_of_range_is_refused(target: float, precision: float) -> None:
    with pytest.raises(ShapeError, match="must lie in"):
        SwitchRule(target, precision)


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ShapeError, match="not be negative"):
        SwitchOutcomes(-1, 0, 0, 0)
    with pytest.raises(ShapeError, match="same units"):
        SwitchOutcomes.from_success(np.ones(2, bool), np.ones(3, bool), np.ones(2, bool))


def test_a_share_of_nothing_is_unknown() -> None:
    share = compute_exact_share(0, 0)
    assert math.isnan(share.value)
    assert (share.ci.low, share.ci.high) == (0.0, 1.0)


def test_power_by_hand() -> None:
    found = SwitchOutcomes(saved=12, lost=8, ruined=6, kept=24)
    perfect, expected, blind = forecast_power(found, 0.8, 0.5, 200, 0.05)
    assert (perfect.recovered, perfect.disrupted) == (0.24, 0.0)
    # 10 right alarms save 6; 2.5 wrong ones ruin a fifth of 2.5.
    assert expected.recovered == pytest.approx(0.12)
    assert expected.disrupted == pytest.approx(0.5 / 50)
    assert (blind.recovered, blind.disrupted) == (0.24, 0.12)
    assert perfect.power > expected.power
    assert perfect.units_80 is not None
    assert blind.units_80 is not None
    assert perfect.units_80 < blind.units_80


@settings(max_examples=10)
@given(
    st.builds(SwitchOutcomes, st.integers(10, 40), *[st.integers(0, 10)] * 5),
    st.floats(0.5, 1.0),
    st.floats(0.5, 1.0),
)
def test_no_detector_gains_more_than_perfect_alarms(
    found: SwitchOutcomes, precision: float, recall: float
) -> None:
    perfect, expected, blind = forecast_power(found, precision, recall, 100, 0.05)
    assert expected.gain <= perfect.gain + 1e-12
    assert blind.gain <= perfect.gain + 1e-12
    assert 0 <= expected.power <= 1


def test_a_switch_that_gains_nothing_has_no_size() -> None:
    _, _, blind = forecast_power(SwitchOutcomes(2, 3, 5, 10), 0.8, 0.5, 200, 0.05)
    assert blind.gain < 0
    assert blind.units_80 is None


def test_a_detector_that_cannot_be_is_refused() -> None:
    with pytest.raises(ShapeError, match="precision in"):
        forecast_power(SwitchOutcomes(1, 1, 1, 1), 0.0, 0.5, 200, 0.05)
