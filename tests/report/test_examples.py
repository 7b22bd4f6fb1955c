"""Which episodes are shown is a rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aegis.records.rows import EpisodeRow
from aegis.report.examples import find_rule, find_shown_arm, select_examples
from aegis.report.tables import Rule, Tables, list_task_words
from aegis.study.analysis.study_result import StudyResult
from aegis.study.detection.handover_timing import first_strong_tick
from tests.report import made

PLAN = made.plan()


def test_each_is_what_it_is_called(result: StudyResult, tables: Tables) -> None:
    found = select_examples(result, PLAN, tables)
    assert "recovered" in found
    for kind, example in found.items():
        assert example.kind == kind
        assert example.alone.arm == result.reference
        assert (example.alone.success, example.episode.success) == {
            "recovered": (False, True), "missed": (False, False), "disrupted": (True, False),
        }[kind]  # fmt: skip
        assert [b.k for b in example.path] == sorted(b.k for b in example.path)
        assert example.path[-1].k < example.episode.steps


def test_the_one_in_the_middle(result: StudyResult, tables: Tables) -> None:
    chosen = select_examples(result, PLAN, tables)["recovered"]
    alone = tables.index_arm("weak")
    ticks = [
        k
        for unit, row in tables.index_arm("advantage").items()
        if row.success and not alone[unit].success and (k := first_strong_tick(row)) is not None
    ]
    mine = first_strong_tick(chosen.episode)
    assert mine == sorted(ticks)[(len(ticks) - 1) // 2]


def test_order_of_rows_does_not_matter_for_the_tick(result: StudyResult, tables: Tables) -> None:
    turned = replace(tables, episodes=tuple(reversed(tables.episodes)))
    one, other = select_examples(result, PLAN, tables), select_examples(result, PLAN, turned)
    assert {k: first_strong_tick(e.episode) for k, e in one.items()} == {
        k: first_strong_tick(e.episode) for k, e in other.items()
    }


def test_no_scores_no_examples(result: StudyResult, tables: Tables) -> None:
    assert select_examples(result, PLAN, Tables()) == {}
    assert select_examples(result, PLAN, replace(tables, scores=tables.scores.slice(0, 0))) == {}
    assert find_shown_arm(replace(result, recommended="coin"), PLAN, tables) == "aegis"


def test_rules(result: StudyResult, tables: Tables) -> None:
    assert find_rule(result, tables, "advantage") == Rule("probe", 0.62, 44)
    assert find_rule(result, Tables(), "advantage").score == "probe"
    assert find_rule(replace(result, detector=None), Tables(), "advantage").score == ""


def test_a_threshold_by_tick_is_drawn_where_a_score_can_pass_it() -> None:
    nan = float("nan")
    rule = Rule("foresight", nan, 1, (0.1, 0.2, 0.3, nan, 0.5))
    assert list(rule.pieces(9)) == [[(1, 0.2), (2, 0.3)], [(4, 0.5)]]
    assert list(rule.pieces(2)) == [[(1, 0.2), (2, 0.3)]]
    assert list(Rule("probe", 0.6, 2).pieces(3)) == [[(2, 0.6), (3, 0.6)]]
    assert list(Rule("probe", nan).pieces(3)) == []
    with pytest.raises(ValueError, match="not both"):
        Rule("probe", 0.6, 0, (0.1,))


def test_what_tasks_differ_in(rows: tuple[EpisodeRow, ...]) -> None:
    told = list_task_words(rows)
    assert told[7] == "on the stove"
    assert told[0] == "between the plate and the ramekin"
    one = [replace(rows[0], instruction="put it there")]
    assert list_task_words(one) == {0: "put it there"}
    assert list_task_words([]) == {}
