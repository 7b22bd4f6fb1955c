"""Sheets: the tables of a report, from the result."""

from __future__ import annotations

import math

from aegis.report.document import Block, Paragraph, Table, code
from aegis.report.palette import STRONG, primary
from aegis.stats.intervals import Interval
from aegis.study.analysis.contrast_result import SECONDARY, ContrastResult
from aegis.study.analysis.formatting import (
    NO_BREAK_SPACE,
    NO_NUMBER,
    format_decimal,
    format_difference,
    format_duty,
    format_interval,
    format_p_value,
    format_percent,
    format_share,
)
from aegis.study.analysis.study_result import StudyResult
from aegis.study.detection.latency import DurationSummary

UNCORRECTED = ("p, not corrected", "p, starts, not corrected", "p, tasks, not corrected")


def arms(result: StudyResult) -> list[Block]:
    """Returns the main table."""
    if not result.arms:
        return []
    bold = tuple(i for i, arm in enumerate(result.arms) if arm.name == result.recommended)
    rows = tuple(
        (
            code(arm.name),
            format_share(arm.success),
            *(
                (NO_NUMBER, NO_NUMBER)
                if arm.name == result.reference
                else (format_share(arm.recovered), format_share(arm.disrupted))
            ),
            format_duty(arm.duty),
            format_decimal(arm.asks.get(STRONG, 0.0), 1),
        )
        for arm in result.arms
    )
    head = ("arm", "success", "recovered", "disrupted", "duty", "strong calls per episode")
    first = result.arms[0]
    caption = (
        f"All arms on {result.units} units. Success: of all units. Recovered: of the "
        f"{first.recovered.of} that {code(result.reference)} fails. Disrupted: of the "
        f"{first.disrupted.of} that it solves. Duty: of all steps.{_placebos(result)}"
    )
    return [Table(caption, head, rows, "arms", bold)]


def _placebos(result: StudyResult) -> str:
    """Says whose steps the duty of an arm counts that hands over to another policy."""
    names = [code(a.name) for a in result.arms if a.duty.value > 0 and not a.asks.get(STRONG, 0.0)]
    if not names:
        return ""
    return f" That of {', '.join(names)} counts steps under the policy that it hands over to."


def costs(result: StudyResult) -> list[Block]:
    """Returns what arms cost."""
    if not result.arms:
        return []
    bold = tuple(i for i, arm in enumerate(result.arms) if arm.name == result.recommended)
    return [_costs(result, bold)]


def contrasts(result: StudyResult) -> list[Block]:
    """Returns the contrasts of the plan, and other readings of them."""
    main = primary(result)
    if not main:
        return [Paragraph("The plan names no primary contrast.")]
    caption = (
        f"Primary contrasts, named in the plan, at level {main[0].alpha:g} with Holm's "
        "correction. Only one solved it: number of units, first arm : second arm. p counts units; "
        f"{_clustered(main[0])}"
    )
    return [_contrasts(main, caption, True), _readings(main)]


def secondary(result: StudyResult) -> list[Block]:
    """Returns the contrasts that were planned, but outside the family."""
    rest = tuple(c for c in result.contrasts if c.family == SECONDARY)
    if not rest:
        return []
    caption = (
        "Secondary contrasts: named in the plan beforehand, but no part of the claim, and not "
        f"corrected for their number. {_clustered(rest[0])}"
    )
    return [_contrasts(rest, caption, False)]


def exploratory(result: StudyResult) -> list[Block]:
    """Returns the contrasts that nobody had planned."""
    rest = tuple(c for c in result.contrasts if not c.is_primary and c.family != SECONDARY)
    if not rest:
        return []
    caption = (
        "Exploratory contrasts: not part of the claim, not corrected for their number. A small "
        f"p here is a reason to plan a study, not a finding. As above, {_clustered(rest[0])}"
    )
    return [_contrasts(rest, caption, False)]


def gaps(result: StudyResult) -> list[Block]:
    """Returns how far arms go from random to oracle timing."""
    if not result.gaps:
        return []
    rows = tuple(
        (code(g.arm), code(g.random), code(g.oracle), _of_gap(g.closed.value, g.closed.ci))
        for g in result.gaps
    )
    caption = (
        "Share of the way from random to oracle timing, success over all units. The oracle knows "
        "the outcome of every fork of a unit: no gate that hands over once can be better."
    )
    return [Table(caption, ("arm", "random", "oracle", "gap closed"), rows, "gaps", (), (1, 2))]


def latency(result: StudyResult) -> list[Block]:
    """Returns what calls and decisions took; nothing if it was not measured."""
    found = result.latency
    if found is None:
        return []
    calls = tuple(
        (f"one call of {code(name)}", str(t.n), *_times(t), NO_NUMBER, NO_NUMBER)
        for name, t in found.calls.items()
    )
    arms = tuple(
        (
            f"a decision of {code(name)}",
            str(a.decision.n),
            *_times(a.decision),
            format_decimal(a.controller.median_ms, 3),
            format_decimal(a.per_step_ms),
        )
        for name, a in found.arms.items()
    )
    machine = ", ".join(f"{name} {value}" for name, value in found.machine.items())
    caption = (
        f"Latency [ms], measured on {found.units} units that were played once more, an arm at a "
        "time and one query at a time; simulator and rendering are left out. A decision: at a "
        "chunk boundary, all queries and what is decided from them; controller: of this, "
        "detectors, gate and switch (median); per step: over all control steps. Measured once: "
        f"another machine, or another load, gives other numbers. Machine: {machine}."
    )
    head = ("what", "measured", "median", "95th percentile", "controller", "per step")
    return [Table(caption, head, (*calls, *arms), "latency")]


def _times(times: DurationSummary) -> tuple[str, str]:
    return format_decimal(times.median_ms), format_decimal(times.p95_ms)


def _costs(result: StudyResult, bold: tuple[int, ...]) -> Table:
    policies = sorted({name for arm in result.arms for name in arm.asks})
    found: dict[str, str] = {}
    for point in result.frontier:  # the first of a gate is what it was frozen to
        found.setdefault(point.gate, point.setting)
    rows = tuple(
        (
            code(arm.name),
            found.get(arm.name) or NO_NUMBER,
            format_percent(arm.duty.value),
            NO_NUMBER if arm.duty_target is None else format_percent(arm.duty_target),
            NO_NUMBER if arm.duty_calibration is None else format_percent(arm.duty_calibration),
            format_decimal(arm.fires),
            format_decimal(arm.hold_chunks, 1),
            format_decimal(arm.steps, 1),
            *(format_decimal(arm.asks.get(name, 0.0), 1) for name in policies),
        )
        for arm in result.arms
    )
    head = (
        "arm",
        "dial",
        "duty",
        "duty, set for",
        "duty, calibration",
        "hand-overs per episode",
        "mean stay [chunks]",
        "steps per episode",
        *(f"calls of {code(name)} per episode" for name in policies),
    )
    caption = (
        "What arms cost. Dials were set on calibration units and then frozen; the duty on test "
        "units is what it came to."
    )
    return Table(caption, head, rows, "arms", bold, (1,))


def _contrasts(found: tuple[ContrastResult, ...], caption: str, main: bool) -> Table:
    rows = tuple(
        (
            f"{code(c.arm)} against {code(c.against)}{_margin(c)}",
            format_difference(c.difference),
            f"{c.recovered} : {c.disrupted}",
            format_difference(c.recovered_difference),
            format_p_value(c.p),
            *(
                format_p_value(p) if c.alternative == "greater" else NO_NUMBER
                for p in (c.p_starts, c.p_tasks)
            ),
            *((format_p_value(c.p_holm), "yes" if c.passed else "no") if main else ()),
        )
        for c in found
    )
    head = (
        "contrast",
        "success, all units",
        "only one solved it",
        "recovered-task rate",
        *(("p", "p, starts", "p, tasks") if main else UNCORRECTED),
        *(("p, Holm", "holds") if main else ()),
    )
    bold = tuple(i for i, c in enumerate(found) if main and c.passed)
    return Table(caption, head, rows, "contrasts", bold)


def _clustered(contrast: ContrastResult) -> str:
    tasks = len(contrast.per_task)
    least = f" With {tasks} tasks it cannot fall below 1/{2**tasks}." if 1 < tasks < 20 else ""
    return (
        "p over starts and over tasks ask the same with start states, and with whole tasks, as "
        "clusters: under the null the sign of each cluster's difference is a fair coin. The "
        f"latter is what other tasks may show.{least}"
    )


def _margin(contrast: ContrastResult) -> str:
    if contrast.alternative != "noninferior":
        return ""
    return f", not worse by {100 * (contrast.margin or 0.0):g} pp"


def _readings(found: tuple[ContrastResult, ...]) -> Table:
    rows = tuple(
        (
            f"{code(c.arm)} against {code(c.against)}",
            format_interval(c.difference_clustered, sign=True) or NO_NUMBER,
            format_interval(c.difference_tasks, sign=True) or NO_NUMBER,
            f"{format_p_value(c.mid_p)}\n{format_p_value(c.failures_p)}",
            _looks(c),
            f"{format_decimal(c.posterior.p_positive, 3)}\n"
            f"{format_decimal(c.posterior.p_above_2pp, 3)}",
            format_difference(c.duty_difference).replace(f"{NO_BREAK_SPACE}pp", ""),
        )
        for c in found
    )
    head = (
        "contrast",
        "starts as clusters [pp]",
        "tasks resampled [pp]",
        "mid-p; on failures",
        "sequential",
        "P(D > 0); P(D > 2 pp)",
        "duty [pp]",
    )
    caption = (
        "The same contrasts read in other ways; D is the difference in success over all units. "
        "First two columns: other 95 % intervals of it. Then mid-p, and p on the failures of the "
        "reference alone. Sequential: units after which the e-process first reached 1 / alpha, and "
        "its logarithm (base 10) at the end. P: posterior probabilities. Duty: difference of "
        "duties. If these disagree with the table above, do not trust the claim."
    )
    return Table(caption, head, rows, "contrasts")


def _looks(contrast: ContrastResult) -> str:
    power = format_decimal(contrast.looks.log_e / math.log(10), 1)
    stop = contrast.looks.stop
    return f"{'never' if stop is None else f'at {stop}'}\nlog10 e {power}"


def _of_gap(value: float, ci: Interval) -> str:
    return (
        f"{format_percent(value, 0)}\n{format_interval(ci, 100.0, 0)}"
        if math.isfinite(value)
        else NO_NUMBER
    )
