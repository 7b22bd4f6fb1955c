"""Detector: what scores were worth, when arms handed over, and what forks were worth."""

from __future__ import annotations

import math

from aegis.report.figures.auroc import is_other_label
from aegis.report.tabulation.table import Column, Table, make_table, mark_code
from aegis.report.view import StudyView
from aegis.stats.intervals import Interval
from aegis.study.analysis.formatting import (
    NO_NUMBER,
    format_decimal,
    format_difference,
    format_estimate,
    format_interval,
    format_percent,
    format_share,
)
from aegis.study.detection.detector_result import ScoreResult
from aegis.study.estimates import Estimate


def tabulate_auroc(view: StudyView, *, within: bool) -> Table | None:
    """Tabulates AUROC by window, within task or pooled; scores of other labels come last."""
    detector = view.result.detector
    if detector is None:
        return None
    scores = sorted(detector.scores, key=lambda score: is_other_label(detector, score))
    windows = sorted({w.window for score in scores for w in score.windows})
    columns = [Column("score", tuple(_name_score(view, score) for score in scores))]
    for window in windows:
        cells = []
        for score in scores:
            values = {w.window: w.within_task if within else w.pooled for w in score.windows}
            cells.append(format_estimate(values[window]) if window in values else NO_NUMBER)
        columns.append(Column(f"first {format_percent(window, 0)}", tuple(cells)))
    name = "within_task" if within else "pooled"
    source = f"detector.scores[].windows[].{name}"
    bold = [i for i, score in enumerate(scores) if score.name == detector.name]
    return make_table(f"table_auroc_{name}", columns, source, bold=bold)


def tabulate_gains(view: StudyView) -> Table | None:
    """Tabulates the AUROC of the judged score minus that of others."""
    detector = view.result.detector
    if detector is None:
        return None
    apart = {score.name for score in detector.scores if is_other_label(detector, score)}
    kept = {name: gain for name, gain in detector.gain.items() if name not in apart}
    columns = (
        Column("other score", tuple(mark_code(name) for name in kept)),
        Column("gain", tuple(_write_gain(gain) for gain in kept.values())),
    )
    return make_table("table_gains", columns, "detector.gain")


def tabulate_timing(view: StudyView) -> Table | None:
    """Tabulates when arms handed over."""
    found = view.result.timing
    failing = f"of units that {mark_code(view.result.reference)} fails"
    columns = (
        Column("arm", tuple(mark_code(t.arm) for t in found)),
        Column("handed over", tuple(format_share(t.fired) for t in found), failing),
        Column("before the mishap", tuple(format_share(t.before) for t in found), failing),
        Column("lead [steps]", tuple(_write_quartiles(t.lead) for t in found), failing),
        Column(
            "first hand-over [tick]",
            tuple(_write_quartiles(t.first_fire) for t in found),
            "of all units with one",
        ),
    )
    events = found[0].events if found else {}
    kinds = ", ".join(f"{kind} {count}" for kind, count in events.items())
    return make_table("table_timing", columns, "timing", facts={"kinds": kinds})


def tabulate_forks(view: StudyView) -> Table | None:
    """Tabulates the fork set by tick."""
    found = view.result.forks
    columns = (
        Column("tick", tuple(str(p.k) for p in found)),
        Column("episodes", tuple(str(p.n) for p in found)),
        Column("p: weak fails", tuple(format_share(p.failing) for p in found)),
        Column("r: strong recovers", tuple(format_share(p.recovers) for p in found)),
        Column("fresh weak recovers", tuple(format_share(p.reseeded) for p in found)),
        Column("d: strong disrupts", tuple(format_share(p.disrupts) for p in found)),
        Column("advantage", tuple(format_difference(p.advantage) for p in found)),
        Column("pays", tuple("yes" if p.pays else "no" for p in found)),
    )
    return make_table("table_forks", columns, "forks")


def _name_score(view: StudyView, score: ScoreResult) -> str:
    detector = view.result.detector
    name = mark_code(score.name)
    if score.baseline:
        return f"{name}\nbaseline"
    other = detector is not None and is_other_label(detector, score)
    return f"{name}\nof another label" if other else name


def _write_gain(gain: Estimate) -> str:
    if not math.isfinite(gain.value):
        return NO_NUMBER
    text = f"{gain.value:+.3f}".replace("-", "−")
    return f"{text}\n{format_interval(gain.ci, 1.0, 3, True)}".rstrip()


def _write_quartiles(values: tuple[float, float, float]) -> str:
    low, middle, high = values
    if not math.isfinite(middle):
        return NO_NUMBER
    return f"{format_decimal(middle, 0)}\n{format_interval(Interval(low, high), 1.0, 0)}"
