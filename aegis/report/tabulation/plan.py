"""Plan: kill criteria with what calibration had found, and the digests of the lock."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aegis.report.tabulation.table import Column, Table, make_table, mark_code
from aegis.report.view import StudyView
from aegis.stats.intervals import Interval
from aegis.study.analysis.formatting import format_interval, format_percent
from aegis.study.analysis.frontier_points import FrontierPoint

OPEN, SETTLED, UNKNOWN = "open", "settled", "unknown"


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether a kill criterion could have struck, as far as calibration tells.

    Attributes:
        kind: ``open``: the threshold lay within the interval that calibration had found;
            ``settled``: it lay outside, on the side on which the criterion does not strike;
            ``unknown``: calibration had not measured it.
        words: What calibration had found.
    """

    kind: str
    words: str


def find_reach(view: StudyView, criterion: str) -> Reach:
    """Says whether a criterion of the plan could have struck, by its name."""
    kill = view.plan.kill
    recommended, reference = view.result.recommended, view.result.reference
    if criterion == "duty":
        found = _find_frozen(view, recommended)
        return _judge(found.duty.value, found.duty.ci, high=kill.duty) if found else _blank()
    if criterion in ("floor", "ceiling"):
        points = view.calibration_points(reference)
        if not points:
            return _blank()
        value, ci = points[0].success.value, points[0].success.ci
        if criterion == "floor":
            return _judge(value, ci, low=kill.floor)
        return _judge(value, ci, high=kill.ceiling)
    if criterion == "common_prefix":
        return Reach(OPEN, "a check of the engine, not of the method")
    return _blank()


def tabulate_kills(view: StudyView) -> Table | None:
    """Tabulates the kill criteria, what calibration had found, and what the test found."""
    kills = view.result.kill_criteria
    reaches = [find_reach(view, kill.name) for kill in kills]
    verdicts = {OPEN: "not struck", SETTLED: "could hardly strike", UNKNOWN: "not struck"}
    columns = (
        Column("criterion", tuple(mark_code(kill.name) for kill in kills)),
        Column("required", tuple(kill.rule for kill in kills), words=True),
        Column("calibration had found", tuple(reach.words for reach in reaches), words=True),
        Column("measured", tuple(kill.measured for kill in kills), words=True),
        Column(
            "if it strikes",
            tuple(
                "the study stops" if kill.action == "stop" else "the result is marked"
                for kill in kills
            ),
            words=True,
        ),
        Column(
            "verdict",
            tuple(
                "struck" if kill.killed else verdicts[reach.kind]
                for kill, reach in zip(kills, reaches, strict=True)
            ),
            words=True,
        ),
    )
    bad = [i for i, kill in enumerate(kills) if kill.killed]
    return make_table("table_kills", columns, "kill_criteria, frontier", bad=bad)


def tabulate_lock(view: StudyView) -> Table | None:
    """Tabulates the digests that the plan was locked with."""
    lock = view.result.lock
    columns = (
        Column("of", tuple(mark_code(name) for name in lock)),
        Column("digest", tuple(mark_code(digest) for digest in lock.values()), words=True),
    )
    return make_table("table_lock", columns, "lock")


def _find_frozen(view: StudyView, arm: str) -> FrontierPoint | None:
    """Returns what the setting that an arm was frozen to came to on calibration units."""
    result = view.find_arm(arm)
    if result is None or result.duty_calibration is None:
        return None
    points = view.calibration_points(arm)
    return next((p for p in points if p.duty.value == result.duty_calibration), None)


def _judge(value: float, ci: Interval, low: float = -math.inf, high: float = math.inf) -> Reach:
    words = " ".join(part for part in (format_percent(value), format_interval(ci)) if part)
    settled = math.isfinite(ci.low + ci.high) and low < ci.low and ci.high < high
    return Reach(SETTLED if settled else OPEN, words)


def _blank() -> Reach:
    return Reach(UNKNOWN, "not measured")
