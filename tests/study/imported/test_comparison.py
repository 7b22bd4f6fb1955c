"""Pairs of other harnesses: who is whose partner, what is left over, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aegis.app.comparison.imported_page import write_imported_lines, write_imported_page
from aegis.core.errors import ConfigError, TraceError
from aegis.study.imported.comparison import COUNT_AS_FAILURES, compare_results
from aegis.study.imported.results import EpisodeAddress, ImportedEpisode, ImportedResults

Played = dict[tuple[int, int], bool]


def make_results(played: Played, harness: str = "vla-eval", **conditions: str) -> ImportedResults:
    episodes = tuple(
        ImportedEpisode(EpisodeAddress("libero_spatial", task, index), success, 70, f"do {task}")
        for (task, index), success in played.items()
    )
    return ImportedResults("file", harness, episodes, conditions)


PLAYED = st.dictionaries(st.tuples(st.integers(0, 3), st.integers(0, 5)), st.booleans())


@given(PLAYED, PLAYED)
def test_every_episode_is_paired_or_alone(a: Played, b: Played) -> None:
    assume(a.keys() & b.keys())
    found = compare_results(make_results(a), make_results(b))
    assert found.n == len(a.keys() & b.keys())
    assert (found.a.alone, found.b.alone) == (len(a) - found.n, len(b) - found.n)
    assert found.both + found.neither + found.only_a + found.only_b == found.n
    assert sum(task.n for task in found.tasks) == found.n
    assert (found.a.success.count, found.a.success.of) == (sum(a.values()), len(a))
    assert write_imported_page(found).startswith("# Two results")
    assert len(write_imported_lines(found)) >= 3


@given(PLAYED, PLAYED)
def test_exchanging_the_two_turns_the_sign(a: Played, b: Played) -> None:
    assume(a.keys() & b.keys())
    one = compare_results(make_results(a), make_results(b))
    other = compare_results(make_results(b), make_results(a))
    assert one.p == other.p
    assert (one.only_a, one.only_b) == (other.only_b, other.only_a)
    assert one.difference.value == -other.difference.value
    assert one.difference.ci.low == pytest.approx(-other.difference.ci.high)


def test_known_answer() -> None:
    a = make_results({(0, i): True for i in range(6)})
    b = make_results({(0, i): False for i in range(6)})
    found = compare_results(a, b)
    assert found.p == pytest.approx(2 * 0.5**6)
    assert found.difference.value == 1


def test_errors_are_left_out_or_count_as_failures() -> None:
    b = make_results({(0, 0): True, (0, 1): True})
    broken = replace(b.episodes[0], success=False, error="timeout")
    a = replace(b, episodes=(broken, b.episodes[1]))
    found = compare_results(a, b)
    assert (found.n, found.a.errors, found.b.alone) == (1, {"timeout": 1}, 1)
    found = compare_results(a, b, errors=COUNT_AS_FAILURES)
    assert (found.n, found.only_b) == (2, 1)
    with pytest.raises(ConfigError, match="errors must be one of"):
        compare_results(a, b, errors="ignore")


def test_nothing_to_pair_is_refused() -> None:
    a = make_results({(task, 0): True for task in range(5)})
    with pytest.raises(TraceError, match=r"libero_spatial 0 from 0 to 0.*2 tasks more; file has"):
        compare_results(a, make_results({(1, 1): True, (1, 4): True}))
    with pytest.raises(TraceError, match="file has none"):
        compare_results(a, replace(a, episodes=()))


def test_other_conditions_are_told() -> None:
    played: Played = {(0, 0): True}
    found = compare_results(make_results(played, seed="7"), make_results(played, seed="8"))
    assert found.notes == ("seed is 7 in A and 8 in B.",)
    found = compare_results(make_results(played, seed="7"), make_results(played, "lerobot-eval"))
    assert "differ in more than the policy" in found.notes[0]


def test_tasks_that_are_numbered_otherwise_are_not_paired() -> None:
    a = make_results({(0, 0): True})
    other = replace(a.episodes[0], instruction="do something else")
    with pytest.raises(TraceError, match="numbered otherwise"):
        compare_results(a, replace(a, episodes=(other,)))
