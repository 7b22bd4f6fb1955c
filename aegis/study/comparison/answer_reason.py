"""Answer reason: why a pilot says what it says, in one sentence."""

from __future__ import annotations

from aegis.study.comparison.switch_outcomes import SwitchOutcomes, exact_share
from aegis.study.comparison.switch_rule import Answer, SwitchRule


def explain_answer(answer: Answer, found: SwitchOutcomes, rule: SwitchRule) -> str:
    """Returns the reason of an answer in one sentence."""
    gain, needed = found.perfect_gain.ci, found.needed_precision.ci
    asked, expected = f"{100 * rule.target:g} points", f"{100 * rule.precision:g} %"
    least, most = f"{100 * gain.low:.1f} %", f"{100 * gain.high:.1f} %"
    if answer is Answer.CAN_PAY:
        return (
            f"alarms that are never wrong would save at least {least} of the units, where {asked} "
            f"are asked for, and a detector needs a precision of at most {100 * needed.high:.1f} "
            f"%, where {expected} are expected"
        )
    if answer is Answer.UNDECIDED:
        return (
            f"alarms that are never wrong would save {least} to {most} of the units, where {asked} "
            f"are asked for, and a detector needs a precision of {100 * needed.low:.1f} to "
            f"{100 * needed.high:.1f} %, where {expected} are expected"
        )
    if rule.gains_enough(found) is not False:
        return (
            f"a switch ruins so much that a detector needs a precision of at least "
            f"{100 * needed.low:.1f} %, where {expected} are expected"
        )
    failing = exact_share(found.saved + found.lost + found.ended_failed, found.units)
    cause = (
        "the weak policy fails too seldom"
        if failing.ci.high < rule.target
        else "the strong policy saves too little of what the weak one fails"
    )
    return (
        f"{cause}: alarms that are never wrong would save at most {most} of the units, where "
        f"{asked} are asked for"
    )
