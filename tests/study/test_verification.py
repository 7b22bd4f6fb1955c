"""Verification: every kind of tampering that rows can show is found, and said with its unit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.records.rows import EpisodeRow
from aegis.study.analysis.json_values import flatten_intervals
from aegis.study.analysis.pipeline import analyse_study
from aegis.study.plan.lockfile import DigestChange
from aegis.study.verification import (
    CheckResult,
    check_digests,
    check_numbers,
    check_replay,
    check_rows,
    check_table,
    check_units,
    sample_units,
)
from tests.study.rows import ARMS, facts, plan, row, score_table, tables

WEAK = row("weak", 0, False)
OURS = row("ours", 0, True, strong=10, handover=8, digest="x")
QUIET = row("random", 0, False)
ROWS = (WEAK, OURS, QUIET)


def edit_row(one: EpisodeRow, **changes: object) -> Sequence[EpisodeRow]:
    return [replace(r, **changes) if r is one else r for r in ROWS]


def test_rows_that_agree() -> None:
    assert check_rows(ROWS, "weak").passed
    assert check_rows(tables().episodes, "weak").count == 60 * len(ARMS)
    assert not check_rows((), "weak").passed, "nothing to check is no proof"


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (edit_row(OURS, success=False), "success is not how it stopped"),
        (edit_row(WEAK, stop="success"), "success is not how it stopped"),
        (edit_row(OURS, strong_steps=11), "steps do not add up"),
        (edit_row(OURS, handover_k=3), "hand-over before it was decided"),
        (edit_row(OURS, fires=0), "hand-overs without a first"),
        (edit_row(OURS, holds=()), "strong steps without a stay"),
        (edit_row(QUIET, digest="other"), "never handed over, but differs from weak"),
        (edit_row(QUIET, final="other"), "never handed over, but differs from weak"),
        (edit_row(QUIET, success=True, stop="success"), "never handed over, but differs from weak"),
        (edit_row(WEAK, steps=5, weak_steps=5), "handed over after weak had ended"),
        ([OURS], "no reference"),
    ],
)
def test_rows_that_do_not(rows: Sequence[EpisodeRow], says: str) -> None:
    check = check_rows(rows, "weak")
    assert not check.passed
    assert says in check.detail
    assert "toy/0/wide/0" in check.detail


def test_units_are_those_of_the_plan() -> None:
    episodes = tables().episodes
    keys = [r.key for r in episodes if r.arm == "weak"]
    assert check_units(episodes, ARMS, keys).passed
    first = [r for r in episodes if r.key in keys[:12]]
    assert check_units(first, ARMS, keys).passed, "a sequential study may stop early"
    for wrong in (first[1:], [*first, first[0]], [r for r in episodes if r.key in keys[1:13]]):
        assert not check_units(wrong, ARMS, keys).passed
    assert "not in the plan" in check_units(episodes, ARMS[1:], keys).detail


def test_one_digit_of_a_report_is_found() -> None:
    result = analyse_study(plan(), tables(), facts())
    found = json.loads(result.to_json_text())
    reported = json.loads(result.to_json_text())
    assert check_numbers(reported, found).count > 500
    assert check_numbers({**reported, "notes": ["by newer code"]}, found).passed
    reported["arms"]["ours"]["success"] *= 1 + 1e-12
    check = check_numbers(reported, found)
    assert check.passed, "the last digits are the CPU's"
    assert check.detail == "every value of report.json: counts exactly, numbers to 1e-9"
    reported["arms"]["ours"]["success"] *= 1 + 1e-8
    check = check_numbers(reported, found)
    assert not check.passed
    assert check.detail.startswith("arms.ours.success: reported")
    reported["arms"]["ours"]["success"] = found["arms"]["ours"]["success"]
    reported["units"] = float(found["units"])
    assert not check_numbers(reported, found).passed, "a count is no number of another kind"
    del reported["arms"]["ours"]["success"]
    assert "reported nothing" in check_numbers(reported, found).detail
    assert not check_numbers({**found, "more": 3}, found).passed


def test_samples_are_addressed_and_distinct() -> None:
    keys = [r.key for r in tables().episodes if r.arm == "weak"]
    chosen = sample_units(keys, 10, 0)
    assert len(set(chosen)) == 10
    assert sample_units(keys[::-1], 10, 0) == chosen, "whatever the order"
    assert sample_units(keys, 10, 1) != chosen
    assert set(sample_units(keys, 1000, 0)) == set(keys)


def test_what_is_played_again_must_be_equal_in_every_column() -> None:
    assert check_replay("again", ROWS, ROWS[1:]).count == 2
    check = check_replay("again", ROWS, edit_row(OURS, final="y", steps=41)[1:])
    assert "toy/0/wide/0@7, ours: steps, final differ" in check.detail
    assert "not in the table" in check_replay("again", ROWS[:1], ROWS).detail


def test_tables_are_compared_on_these_units_with_nan_equal_to_itself() -> None:
    episodes = tables(10).episodes
    nan = float("nan")
    stored = score_table(episodes, {"probe": [nan, *[0.5] * 9]})
    other = score_table(episodes, {"probe": [nan, 0.5, *[0.6] * 8]})
    keys = [r.key for r in episodes if r.arm == "weak"]
    assert check_table("scores", stored, stored, keys[:3]).passed
    assert check_table("scores", stored, other, keys[:2]).passed
    assert not check_table("scores", stored, other, keys[:3]).passed
    assert not check_table("scores", stored.slice(1), stored, keys[:3]).passed


def test_checks_say_a_few_of_many() -> None:
    changes = [DigestChange(str(i), "a", "b") for i in range(9)]
    check = check_digests("code", changes, 9, "as locked")
    assert check.detail.endswith("and 6 more")
    assert CheckResult.from_faults("x", 3, [], "good") == CheckResult("x", True, 3, "good")


@pytest.mark.parametrize(
    ("key", "one", "other", "same"),
    [
        ("difference", 0.0, 1e-17, True),
        ("difference", -1e-17, 1e-17, True),
        ("difference", 0.0, 1e-11, False),
        ("difference", 0.2, 0.2 + 1e-11, True),
        ("p", 0.0, 1e-17, False),
        ("mid_p", 4e-23, 5e-23, False),
        ("p_holm", 4e-23, 4e-23 * (1 + 1e-12), True),
        ("failures_p", 4e-23, 5e-23, False),
        ("steps", 0.0, 1e-17, True),
        ("n", 3, 3.0, False),
        ("passed", True, 1, False),
    ],
)
def test_noise_of_sums_is_no_difference_and_small_p_values_are(
    key: str, one: object, other: object, same: bool
) -> None:
    report = {"contrasts": [{key: one}]}
    assert check_numbers(report, {"contrasts": [{key: other}]}).passed is same


@given(st.floats(-1e300, 1e300), st.integers(-(10**12), 10**12))
def test_numbers_have_ten_digits_and_counts_all(number: float, count: int) -> None:
    written = flatten_intervals({"p": number, "n": count})
    assert isinstance(written, dict)
    assert written["n"] == count
    assert written["p"] == float(f"{number:.9e}")
    assert check_numbers({"p": written["p"]}, {"p": number}).passed
