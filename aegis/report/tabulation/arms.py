"""Arms: what every arm did, and what it cost."""

from __future__ import annotations

from aegis.report.tabulation.table import Column, Table, make_table, mark_code
from aegis.report.view import StudyView, strong_calls, strong_steps
from aegis.study.analysis.arm_results import ArmResult
from aegis.study.analysis.formatting import (
    NO_BREAK_SPACE,
    NO_NUMBER,
    format_decimal,
    format_duty,
    format_estimate,
    format_percent,
    format_points,
    format_share,
)
from aegis.study.estimates import Estimate


def tabulate_arms(view: StudyView) -> Table | None:
    """Tabulates success, recovered, disrupted and cost of every arm."""
    arms = view.result.arms
    reference = view.result.reference
    columns = (
        Column("arm", tuple(mark_code(arm.name) for arm in arms)),
        Column("success", tuple(format_share(arm.success) for arm in arms)),
        Column(
            "recovered",
            tuple(
                NO_NUMBER if arm.name == reference else format_share(arm.recovered) for arm in arms
            ),
        ),
        Column(
            "disrupted",
            tuple(
                NO_NUMBER if arm.name == reference else format_share(arm.disrupted) for arm in arms
            ),
        ),
        Column("duty", tuple(_write_duty(view, arm) for arm in arms)),
        Column("strong steps per unit", tuple(_write_steps(view, arm) for arm in arms)),
        Column(
            "strong calls per unit", tuple(format_decimal(strong_calls(arm), 1) for arm in arms)
        ),
    )
    return make_table("table_arms", columns, "arms", bold=_find_bold(view), facts=_state(view))


def tabulate_costs(view: StudyView) -> Table | None:
    """Tabulates how dials were set, and what arms then cost; judges the plan's budget."""
    arms = view.result.arms
    policies = sorted({name for arm in arms for name in arm.asks})
    limit = view.plan.budget.at_most
    columns = (
        Column("arm", tuple(mark_code(arm.name) for arm in arms)),
        Column("dial", tuple(view.dial_of(arm.name) or NO_NUMBER for arm in arms), words=True),
        Column("set for", tuple(_percent_or_none(arm.duty_target) for arm in arms), "duty"),
        Column(
            "on calibration units",
            tuple(_percent_or_none(arm.duty_calibration) for arm in arms),
            "duty",
        ),
        Column(
            "on test units", tuple(_write_duty(view, arm).split("\n")[0] for arm in arms), "duty"
        ),
        Column(
            f"at most {format_percent(limit)}",
            tuple(judge_budget(view, arm) for arm in arms),
            "duty",
        ),
        Column("strong steps", tuple(_write_steps(view, arm) for arm in arms), "per unit"),
        Column("all steps", tuple(format_decimal(arm.steps, 1) for arm in arms), "per unit"),
        Column("hand-overs", tuple(format_decimal(arm.fires) for arm in arms), "per unit"),
        *(
            Column(
                f"calls of {mark_code(name)}",
                tuple(format_decimal(arm.asks.get(name, 0.0), 1) for arm in arms),
                "per unit",
            )
            for name in policies
        ),
        Column("mean stay [chunks]", tuple(format_decimal(arm.hold_chunks, 1) for arm in arms)),
    )
    return make_table("table_costs", columns, "arms, frontier", bold=_find_bold(view))


def tabulate_gaps(view: StudyView) -> Table | None:
    """Tabulates how far arms go from random to oracle timing, each with its duty."""
    gaps = view.result.gaps
    duties = {point.gate: point.duty for point in reversed(view.result.frontier)}
    duties |= {arm.name: arm.duty for arm in view.result.arms}

    def write(name: str) -> str:
        return format_percent(duties[name].value) if name in duties else NO_NUMBER

    columns = (
        Column("arm", tuple(mark_code(gap.arm) for gap in gaps)),
        Column("gap closed", tuple(_write_gap(gap.closed) for gap in gaps)),
        Column("at equal duty", tuple(_write_equal_gap(view, gap.arm) for gap in gaps),
               optional=True),
        Column("of the arm", tuple(write(gap.arm) for gap in gaps), "duty"),
        Column("of random", tuple(write(gap.random) for gap in gaps), "duty"),
        Column("of the oracle", tuple(write(gap.oracle) for gap in gaps), "duty"),
    )  # fmt: skip
    return make_table("table_gaps", columns, "gaps, arms.*.duty, frontier[].duty")


def tabulate_latency(view: StudyView) -> Table | None:
    """Tabulates what calls and decisions took; None if it was not measured."""
    found = view.result.latency
    if found is None:
        return None
    calls, arms = found.calls, found.arms
    names = [f"one call of {mark_code(name)}" for name in calls]
    names += [f"a decision of {mark_code(name)}" for name in arms]
    times = [*calls.values(), *(arm.decision for arm in arms.values())]
    blank = (NO_NUMBER,) * len(calls)
    columns = (
        Column("what", tuple(names)),
        Column("measured", tuple(str(t.n) for t in times)),
        Column("median [ms]", tuple(format_decimal(t.median_ms) for t in times)),
        Column("95th percentile [ms]", tuple(format_decimal(t.p95_ms) for t in times)),
        Column(
            "controller [ms]",
            (*blank, *(format_decimal(arm.controller.median_ms, 3) for arm in arms.values())),
        ),
        Column(
            "per step [ms]", (*blank, *(format_decimal(arm.per_step_ms) for arm in arms.values()))
        ),
    )
    machine = ", ".join(f"{name} {value}" for name, value in found.machine.items())
    facts = {"machine": machine, "units": found.units}
    return make_table("table_latency", columns, "latency", facts=facts)


def judge_budget(view: StudyView, arm: ArmResult) -> str:
    """Says whether an arm kept the plan's limit of duty on test units; a dash without a dial."""
    over = exceed_budget(view, arm)
    if over is None:
        return NO_NUMBER
    return f"exceeded by {format_points(over).lstrip('+')}" if over > 0 else "met"


def exceed_budget(view: StudyView, arm: ArmResult) -> float | None:
    """Returns duty on test units minus the plan's limit; None for an arm without a dial."""
    if arm.duty_target is None:
        return None
    return arm.duty.value - view.plan.budget.at_most


def _state(view: StudyView) -> dict[str, object]:
    return {"placebos": [mark_code(a.name) for a in view.result.arms if view.is_placebo(a)]}


def _find_bold(view: StudyView) -> list[int]:
    return [i for i, a in enumerate(view.result.arms) if a.name == view.result.recommended]


def _write_duty(view: StudyView, arm: ArmResult) -> str:
    if view.is_placebo(arm):
        return f"({format_percent(arm.duty.value)})\nno strong step"
    return format_duty(arm.duty)


def _write_steps(view: StudyView, arm: ArmResult) -> str:
    return format_decimal(0.0 if view.is_placebo(arm) else strong_steps(arm), 1)


def _percent_or_none(value: float | None) -> str:
    return NO_NUMBER if value is None else format_percent(value)


def _write_equal_gap(view: StudyView, arm: str) -> str:
    """Returns the gap closed against an oracle of the arm's own duty; empty if there is none."""
    more = view.result.supplement
    found = [gap.closed for gap in (more.gaps if more is not None else ()) if gap.arm == arm]
    return _write_gap(found[0]) if found else ""


def _write_gap(closed: Estimate) -> str:
    whole = Estimate(100 * closed.value, type(closed.ci)(100 * closed.ci.low, 100 * closed.ci.high))
    first, *rest = format_estimate(whole, 0).split("\n")
    return first if first == NO_NUMBER else "\n".join([f"{first}{NO_BREAK_SPACE}%", *rest])
