"""Saying: a study's lock, result, checks and sizes on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from aegis.app.config.settings import Settings
from aegis.app.screen import Screen
from aegis.study.analysis.sizing import Size
from aegis.study.analysis.study_result import Result
from aegis.study.estimates import Estimate, Share
from aegis.study.plan.lockfile import Locked
from aegis.study.verification import Check


def say_lock(locked: Locked, screen: Screen) -> None:
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
        screen.table(title, ["arm", "setting", "target", "duty", "success"], rows)
    screen.say(f"locked: {locked.path}, sha256 {locked.digest}")


def say_result(result: Result, screen: Screen) -> None:
    """Prints the claim, the arms, the planned contrasts, and criteria that struck."""
    screen.say(result.claim)
    screen.say()
    arms = [
        [arm.name, *map(_share, (arm.success, arm.recovered, arm.disrupted)), _of(arm.duty)]
        for arm in result.arms
    ]
    title = f"{result.units} paired units; recovered, disrupted refer to '{result.reference}'"
    screen.table(title, ["arm", "success", "recovered", "disrupted", "duty"], arms)
    screen.say()
    primary = [one for one in result.contrasts if one.primary]
    same = len({one.arm for one in primary}) == 1
    contrasts = [
        [
            one.against if same else f"{one.arm} - {one.against}",
            f"{one.recovered}:{one.disrupted}",
            _of(one.difference),
            _of(one.recovered_difference),
            f"{one.p_holm:.2g}",
            "yes" if one.passed else "no",
        ]
        for one in primary
    ]
    who = f"{primary[0].arm} against others" if primary and same else "planned contrasts"
    title = f"{who}: units only one solved, differences with 95 % intervals, Holm's p"
    columns = ["against", "only", "all units", "failures", "p", "holds"]
    screen.table(title, columns, contrasts)
    for kill in result.kill_criteria:
        if kill.killed:
            screen.say(f"KILL CRITERION {kill.name}: {kill.rule}; measured: {kill.measured}")


def say_checks(checks: Sequence[Check], screen: Screen) -> None:
    """Prints a table of checks."""
    rows = [
        [check.name, "ok" if check.passed else "FAILED", str(check.count), check.detail]
        for check in checks
    ]
    screen.table("checks", ["check", "", "looked at", "what"], rows)


def say_sizes(sizes: Sequence[Size], alpha: float, screen: Screen) -> None:
    """Prints what each contrast needs."""
    rows = [
        [
            f"{one.arm} against {one.against}, {one.alternative}",
            f"{one.recovered:.3f}",
            f"{one.disrupted:.3f}",
            f"{_count(one.units_80)} / {_count(one.units_90)}",
            f"{_count(one.units_80_holm)} / {_count(one.units_90_holm)}",
            f"{one.power:.2f} / {one.power_holm:.2f}",
            "" if one.sequential is None else f"{one.sequential:.2f}, {_count(one.sequential_80)}",
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
    screen.table("units needed, if the truth is as in the pilot", columns, rows)


def _share(share: Share) -> str:
    return f"{share.count}/{share.of} {share.ci}"


def _of(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} {estimate.ci}"


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)
