"""Pilot page: what a pilot says, in words, on a page and on the terminal."""

from __future__ import annotations

from aegis.app.comparison.markdown import join_sections, write_table
from aegis.app.comparison.phrases import (
    COST_HEADS,
    COST_NOTE,
    EXACT,
    TANGO,
    list_cost_cells,
    say_difference,
    say_estimate,
    say_share,
    shorten_digest,
)
from aegis.report.markup import mark_markdown
from aegis.study.analysis.formatting import format_p_value, format_percent, format_points
from aegis.study.comparison.pilot import STRONG, WEAK, PilotArm, PilotResult, name_placebo
from aegis.study.comparison.study_power import POWER, StudyPower
from aegis.study.comparison.switch_rule import LARGEST_PILOT, Answer, SwitchRule

_COMBINED = "from the exact limits of r and d, at least 95 %"
_UNITS_HEAD = f"units for {100 * POWER:g} %"
_POWER_HEADS = ["what switches", "gain", "power of the study", _UNITS_HEAD]


def write_lines(found: PilotResult) -> list[str]:
    """Returns a pilot as lines for the terminal."""
    return [
        say_answer(found),
        "",
        *(f"{name}: {value}; {kind}" for name, value, kind in list_rates(found)),
        "",
        *(say_power(one) for one in found.powers),
    ]


def write_page(name: str, found: PilotResult, rule: SwitchRule) -> str:
    """Returns a pilot as Markdown.

    Args:
        name: Name of the run.
        found: The pilot.
        rule: The rule of its answer.
    """
    weak, strong = (
        f"`{found.names[part]}`, digest `{shorten_digest(found.digests[part])}`"
        for part in (WEAK, STRONG)
    )
    return join_sections(
        f"# {mark_markdown(name)}: can switching pay?",
        f"**{mark_markdown(say_answer(found))}**",
        f"Weak policy: {weak}. Strong policy: {strong}. {found.n} units; the switch takes effect "
        f"at tick {found.tick}.",
        f"p, r and d are shares of the {found.fails_there.of} units that still run at tick "
        f"{found.tick}; the others have ended and cannot be switched.",
        write_table(["rate", "value", "interval"], list_rates(found)),
        _explain_rule(rule),
        "## Arms",
        write_table(
            [
                "arm",
                f"success, {EXACT}",
                "control steps per episode",
                "weak chunks",
                "strong chunks",
            ],
            [_list_arm_cells(found, arm) for arm in found.arms],
        ),
        "## What a study would find",
        write_table(
            _POWER_HEADS,
            [
                [
                    one.switch,
                    format_points(one.gain),
                    f"{format_percent(one.power)} with {one.units} units",
                    _say_units(one),
                ]
                for one in found.powers
            ],
        ),
        "McNemar's exact test, one-sided, against the weak policy alone, if the shares are those "
        "of this pilot.",
        "## Cost",
        write_table(
            COST_HEADS,
            [list_cost_cells(f"`{found.names[part]}`", found.costs[part]) for part in found.costs],
        ),
        COST_NOTE,
    )


def say_answer(found: PilotResult) -> str:
    """Returns the answer and its reason."""
    if found.answer is not Answer.UNDECIDED:
        return f"{found.answer.value.capitalize()}: {found.reason}."
    play = (
        f"even {LARGEST_PILOT} units would not tell, so the choice is not worth a study"
        if found.play is None
        else f"play {found.play}"
    )
    said = found.answer.value.capitalize()
    return f"{said}: {play}. {found.reason[0].upper()}{found.reason[1:]}."


def list_rates(found: PilotResult) -> list[tuple[str, str, str]]:
    """Returns the rates of a pilot: name with units, value, level and kind of the interval."""
    strong = next(arm for arm in found.arms if arm.name == STRONG)
    luck = [] if found.placebo is None else [("r of weak itself, fresh noise", found.placebo)]
    there = f"running at tick {found.tick}"
    switched = [
        (f"weak alone fails, of the units {there}: p", found.fails_there),
        ("a switch saves, of what weak fails there: recovery r", found.recovery),
        *luck,
        ("a switch ruins, of what weak solves there: disruption d", found.disruption),
    ]
    whole = [
        ("alarms that are never wrong gain, of all units", found.perfect_gain),
        ("both fail alone", found.both_fail),
        ("ceiling, 1 - both fail", found.ceiling),
        ("headroom over weak: only strong solves alone", found.headroom),
        ("headroom over strong: only weak solves alone", found.only_weak),
    ]
    blind = say_difference(found.blind_gain)
    p_value = f"McNemar's exact p value, two-sided: {format_p_value(found.blind_p)}"
    return [
        ("strong alone solves, of all units", say_share(strong.success), EXACT),
        ("weak alone fails, of all units", say_share(found.fails), EXACT),
        *((name, say_share(share), EXACT) for name, share in switched),
        (
            "precision that a detector needs, d / (r + d)",
            say_estimate(found.needed_precision),
            _COMBINED,
        ),
        ("a blind switch gains, of all units", f"{blind}; {p_value}", TANGO),
        *((name, say_share(share), EXACT) for name, share in whole),
    ]


def say_power(one: StudyPower) -> str:
    """Returns what a study would find, in one sentence."""
    return (
        f"{one.switch}: {format_points(one.gain)}; a study of {one.units} units finds it with "
        f"{format_percent(one.power)} power; {_UNITS_HEAD}: {_say_units(one)}"
    )


def _say_units(one: StudyPower) -> str:
    if one.units_80 is not None:
        return f"{one.units_80:,}"
    return "none: it gains nothing" if one.gain <= 0 else "more than 20,000"


def _explain_rule(rule: SwitchRule) -> str:
    return (
        "A switch in an episode that would fail gains r, in one that would succeed it loses d. It "
        "pays if more than d / (r + d) of the episodes in which it is made would fail: of a blind "
        "switch p, of a detector's its precision. The rule, fixed beforehand: *switching can pay* "
        f"if alarms that are never wrong gain at least {100 * rule.target:g} points over all "
        f"units, and a detector needs a precision of at most {100 * rule.precision:g} %, both at "
        "the limits of their intervals; *do not switch* if one of them is out of reach at the "
        "other limit; else it cannot be told."
    )


def _list_arm_cells(found: PilotResult, arm: PilotArm) -> list[str]:
    asks = [f"{arm.asks.get(part, 0.0):.1f}" for part in (WEAK, STRONG)]
    if arm.name == name_placebo(found.tick):
        # Its second driver is the weak policy, under a name of its own.
        asks[0] = f"{sum(arm.asks.values()):.1f}"
    return [f"`{arm.name}`", say_share(arm.success), f"{arm.steps:.1f}", *asks]
