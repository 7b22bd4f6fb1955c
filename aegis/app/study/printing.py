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


def print_lock(locked: LockedPlan, line: str, screen: Screen) -> None:
    """Prints the path of the plan, the settings of its dials, and the line to publish."""
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
    screen.print_line(f"locked: {locked.path}; publish this line before the study runs:")
    screen.print_line(line)


def print_result(result: StudyResult, screen: Screen) -> None:
    """Prints the claim, the arms, the planned contrasts, and the kill criteria that are met."""
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
    primary = [contrast for contrast in result.contrasts if contrast.is_primary]
    has_one_arm = len({contrast.arm for contrast in primary}) == 1
    contrasts = [
        [
            contrast.against if has_one_arm else f"{contrast.arm} - {contrast.against}",
            f"{contrast.recovered}:{contrast.disrupted}",
            _format_estimate(contrast.difference),
            _format_estimate(contrast.recovered_difference),
            f"{contrast.p_holm:.2g}",
            "yes" if contrast.passed else "no",
        ]
        for contrast in primary
    ]
    heading = f"{primary[0].arm} against others" if primary and has_one_arm else "planned contrasts"
    title = f"{heading}: units only one solved, differences with 95 % intervals, Holm's p"
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
    """Prints the units that each contrast needs."""
    rows = [
        [
            f"{size.arm} against {size.against}, {size.alternative}",
            f"{size.recovered:.3f}",
            f"{size.disrupted:.3f}",
            f"{_format_count(size.units_80)} / {_format_count(size.units_90)}",
            f"{_format_count(size.units_80_holm)} / {_format_count(size.units_90_holm)}",
            f"{size.power:.2f} / {size.power_holm:.2f}",
            ""
            if size.sequential is None
            else f"{size.sequential:.2f}, {_format_count(size.sequential_80)}",
        ]
        for size in sizes
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
