"""Printing: results of the study verbs in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from aegis.app.config.settings import Settings
from aegis.app.screen import Screen
from aegis.study.analysis.sizing import ContrastSize
from aegis.study.analysis.study_result import StudyResult
from aegis.study.estimates import Estimate, Share
from aegis.study.plan.lockfile import LockedPlan
from aegis.study.verification import CheckResult


def print_lock(locked: LockedPlan, screen: Screen) -> None:
    """Prints where the plan lies, and what its dials were set to."""
    dials = Settings(locked.tree).level("calibrated").level("dials")
    rows = []
    for arm in dials.names():
        dial = dials.level(arm)
        setting = f"{dial.text('key')} {dial.value('setting')}"
        spent = [f"{dial.number(name, 0.0, 1.0):.3f}" for name in ("target", "duty", "success")]
        rows.append([arm, setting, *spent])
    if rows:
        title = "dials, on calibration units"
        screen.print_table(title, ["arm", "setting", "target", "duty", "success"], rows)
    screen.print_line(f"locked: {locked.path}, sha256 {locked.digest}")


def print_result(result: StudyResult, screen: Screen) -> None:
    """Prints the claim, the arms, the planned contrasts, and criteria that struck."""
    screen.print_line(result.claim)
    screen.print_line()
    arms = [
        [
            arm.name,
            *map(_format_share, (arm.success, arm.recovered, arm.disrupted)),
            _format_estimate(arm.duty),
        ]
        for arm in result.arms
    ]
    title = f"{result.units} paired units; recovered, disrupted refer to '{result.reference}'"
    screen.print_table(title, ["arm", "success", "recovered", "disrupted", "duty"], arms)
    screen.print_line()
    primary = [one for one in result.contrasts if one.is_primary]
    same = len({one.arm for one in primary}) == 1
    contrasts = [
        [
            one.against if same else f"{one.arm} - {one.against}",
            f"{one.recovered}:{one.disrupted}",
            _format_estimate(one.difference),
            _format_estimate(one.recovered_difference),
            f"{one.p_holm:.2g}",
            "yes" if one.passed else "no",
        ]
        for one in primary
    ]
    who = f"{primary[0].arm} against others" if primary and same else "planned contrasts"
    title = f"{who}: units only one solved, differences with 95 % intervals, Holm's p"
    columns = ["against", "only", "all units", "failures", "p", "holds"]
    screen.print_table(title, columns, contrasts)
    for kill in result.kill_criteria:
        if kill.killed:
            screen.print_line(f"KILL CRITERION {kill.name}: {kill.rule}; measured: {kill.measured}")


def print_checks(checks: Sequence[CheckResult], screen: Screen) -> None:
    """Prints a table of checks."""
    rows = [
        [check.name, "ok" if check.passed else "FAILED", str(check.count), check.detail]
        for check in checks
    ]
    screen.print_table("checks", ["check", "", "looked at", "what"], rows)


def print_sizes(sizes: Sequence[ContrastSize], alpha: float, screen: Screen) -> None:
    """Prints what each contrast needs."""
    rows = [
        [
            f"{one.arm} against {one.against}, {one.alternative}",
            f"{one.recovered:.3f}",
            f"{one.disrupted:.3f}",
            f"{_format_count(one.units_80)} / {_format_count(one.units_90)}",
            f"{_format_count(one.units_80_holm)} / {_format_count(one.units_90_holm)}",
            f"{one.power:.2f} / {one.power_holm:.2f}",
            ""
            if one.sequential is None
            else f"{one.sequential:.2f}, {_format_count(one.sequential_80)}",
        ]
        for one in sizes
    ]
    columns = [
        "contrast",
        "b",
        "c",
        f"units .8 / .9 at {alpha:g}",
        "at Holm's worst",
        f"power of {sizes[0].planned if sizes else 0}",
        "sequential, units .8",
    ]
    screen.print_table("units needed, if the truth is as in the pilot", columns, rows)


def _format_share(share: Share) -> str:
    return f"{share.count}/{share.of} {share.ci}"


def _format_estimate(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} {estimate.ci}"


def _format_count(number: int | None) -> str:
    return "-" if number is None else str(number)
