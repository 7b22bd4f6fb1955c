"""Evidence: tables of what the detector saw, when arms handed over, and what forks were worth."""

from __future__ import annotations

import math

from aegis.report.document import Block, Paragraph, Table, code
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
from aegis.study.analysis.study_result import StudyResult


def detector(result: StudyResult) -> list[Block]:
    """Returns what the scores were worth, window by window."""
    found = result.detector
    if found is None:
        return [Paragraph("No arm of this study was scored: there is nothing to say here.")]
    windows = sorted({w.window for s in found.scores for w in s.windows})
    blocks: list[Block] = []
    for within in (True, False):
        rows = []
        for score in found.scores:
            cells = {w.window: w.within_task if within else w.pooled for w in score.windows}
            kind = " (baseline)" if score.baseline else ""
            values = [format_estimate(cells[w]) if w in cells else NO_NUMBER for w in windows]
            rows.append((f"{code(score.name)}{kind}", *values))
        caption = (
            f"AUROC {'within task' if within else 'pooled'} of the mean score in the first part of "
            "the horizon, reference arm, before any hand-over. Bold: the score that "
            f"{code(result.recommended)} hands over on."
        )
        head = ("score", *(f"first {format_percent(w, 0)}" for w in windows))
        bold = tuple(i for i, s in enumerate(found.scores) if s.name == found.name)
        source = f"detector.scores[].windows[].{'within_task' if within else 'pooled'}"
        blocks.append(Table(caption, head, tuple(rows), source, bold))
    if found.gain:
        rows = [(code(name), _signed(gain.value, gain.ci)) for name, gain in found.gain.items()]
        caption = (
            f"What {code(found.name)} adds: its early AUROC within task minus that of another "
            "score, on the same resamples."
        )
        blocks.append(Table(caption, ("other score", "gain"), tuple(rows), "detector.gain"))
    alpha = f", set for {format_percent(found.alpha, 0)}" if math.isfinite(found.alpha) else ""
    blocks.append(
        Paragraph(
            f"The published rule, on {code(found.alarm)}: false alarms in "
            f"{found.false_alarms.count} of {found.false_alarms.of} solved episodes, "
            f"{_flat(format_share(found.false_alarms))}{alpha}; true alarms in "
            f"{found.alarms.count} of {found.alarms.of} failed ones, "
            f"{_flat(format_share(found.alarms))}."
        )
    )
    return blocks


def timing(result: StudyResult) -> list[Block]:
    """Returns when arms handed over."""
    if not result.timing:
        return []
    rows = tuple(
        (
            code(t.arm),
            format_share(t.fired),
            format_share(t.before),
            _quartiles(t.lead),
            _quartiles(t.first_fire),
        )
        for t in result.timing
    )
    head = ("arm", "handed over", "before the mishap", "lead [steps]", "first hand-over [tick]")
    kinds = ", ".join(f"{kind} {count}" for kind, count in result.timing[0].events.items())
    caption = (
        "Timing. Handed over: of the units that the reference fails. Before the mishap: of those "
        "with a known mishap. Lead: mishap minus hand-over. First hand-over: of all units. Last "
        f"two columns: median, and quartiles in brackets. First mishaps of the reference: {kinds}."
    )
    return [Table(caption, head, rows, "timing")]


def forks(result: StudyResult) -> list[Block]:
    """Returns the fork set."""
    if not result.forks:
        return []
    rows = tuple(
        (
            str(p.k),
            str(p.n),
            format_share(p.failing),
            format_share(p.recovers),
            format_share(p.reseeded),
            format_share(p.disrupts),
            format_difference(p.advantage),
            "yes" if p.pays else "no",
        )
        for p in result.forks
    )
    head = (
        "tick", "episodes", "p: weak fails", "r: strong recovers", "fresh weak recovers",
        "d: strong disrupts", "advantage", "pays",
    )  # fmt: skip
    caption = (
        "Fork set: everything is handed over at a tick, to the end. Pays: p > d / (r + d), that "
        "is, intervening in every episode still running wins more than it loses."
    )
    return [Table(caption, head, rows, "forks")]


def _signed(value: float, ci: Interval) -> str:
    if not math.isfinite(value):
        return NO_NUMBER
    text = f"{value:+.3f}".replace("-", "−")
    return f"{text}\n{format_interval(ci, 1.0, 3, True)}".rstrip()


def _quartiles(values: tuple[float, float, float]) -> str:
    low, middle, high = values
    if not math.isfinite(middle):
        return NO_NUMBER
    return f"{format_decimal(middle, 0)}\n{format_interval(Interval(low, high), 1.0, 0)}"


def _flat(cell: str) -> str:
    return " ".join(cell.split("\n"))
