"""Answer reason: why a pilot says what it says, in one sentence."""

from __future__ import annotations

from aegis.study.comparison.switch_outcomes import SwitchOutcomes
from aegis.study.comparison.switch_rule import Answer, SwitchRule
from aegis.study.estimates import compute_exact_share


def explain_answer(answer: Answer, found: SwitchOutcomes, rule: SwitchRule) -> str:
    """Returns the reason of an answer in one sentence."""
    gain, needed = found.perfect_gain.ci, found.needed_precision.ci
    asked, expected = f"{100 * rule.target:g} points", f"{100 * rule.precision:g} %"
    least, most = f"{100 * gain.low:.1f} %", f"{100 * gain.high:.1f} %"
    needs = f"{100 * needed.low:.1f} to {100 * needed.high:.1f} %"
    if answer is Answer.CAN_PAY:
        return (
            f"alarms that are never wrong would save at least {least} of all units, where {asked} "
            f"are asked for, and a detector needs a precision of at most {100 * needed.high:.1f} "
            f"%, where {expected} are expected"
        )
    if answer is Answer.UNDECIDED:
        return (
            f"alarms that are never wrong would save {least} to {most} of all units, where {asked} "
            f"are asked for, and a detector needs a precision of {needs}, where {expected} are "
            "expected"
        )
    if rule.gains_enough(found) is not False:
        return (
            f"a switch ruins so much that a detector needs a precision of at least "
            f"{100 * needed.low:.1f} %, where {expected} are expected"
        )
    return (
        f"{_name_cause(found, rule)}: alarms that are never wrong would save at most {most} of all "
        f"units, where {asked} are asked for"
    )


def _name_cause(found: SwitchOutcomes, rule: SwitchRule) -> str:
    """Returns why too few units are saved. All shares are of all units, as what is asked for is."""
    failed = found.saved + found.lost
    if compute_exact_share(failed, found.units).ci.high >= rule.target:
        return "the strong policy saves too little of what the weak one fails"
    if compute_exact_share(failed + found.ended_failed, found.units).ci.high >= rule.target:
        return "too much of what the weak policy fails has ended before the switch"
    return "the weak policy fails too seldom"
