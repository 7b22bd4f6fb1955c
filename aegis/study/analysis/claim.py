"""Claim: what a study found, in one sentence made of its numbers, whatever they say."""

from __future__ import annotations

from collections.abc import Sequence

from aegis.study.analysis.arm_results import ArmResult
from aegis.study.analysis.contrast_result import ContrastResult
from aegis.study.analysis.formatting import GAP, bracket, p_value, percent, points
from aegis.study.analysis.kill_criteria import KillResult
from aegis.study.estimates import Share
from aegis.study.plan.study_plan import NONINFERIOR

_NAMED = 3
"""Contrasts that do not hold and are named; the table has the others."""


def claim(
    arm: ArmResult,
    reference: str,
    contrasts: Sequence[ContrastResult],
    kills: Sequence[KillResult],
    *,
    exploratory: bool = False,
) -> str:
    """Returns the sentence.

    It says first how the study ended: killed, confirmed, confirmed in part, or not confirmed.

    Args:
        arm: The recommended arm.
        reference: The arm whose failures it recovers.
        contrasts: The primary ones.
        kills: All kill criteria.
        exploratory: Whether the plan was not locked before the test units were played.
    """
    held = [c for c in contrasts if c.passed]
    lost = [c for c in contrasts if not c.passed]
    struck = [kill.name for kill in kills if kill.killed]
    verdict = "Confirmed" if not lost else "Confirmed in part" if held else "Not confirmed"
    if struck:
        verdict = f"Killed by {', '.join(struck)}, so this is no evidence"
    elif exploratory:
        verdict = f"Exploratory, not locked beforehand ({verdict.lower()})"
    return (
        f"{verdict}: with the strong policy driving {percent(arm.duty.value)} of steps, {arm.name} "
        f"recovers {_of(arm.recovered)} of what {reference} fails and disrupts "
        f"{_of(arm.disrupted)} of what it solves; {_tally(arm.name, held, lost)}."
    )


def _tally(arm: str, held: Sequence[ContrastResult], lost: Sequence[ContrastResult]) -> str:
    """Says how many hold, with the hardest if all do, else the hardest that do not."""
    total = len(held) + len(lost)
    if not lost:
        hardest = max(held, key=lambda c: c.p_holm)
        ci = bracket(hardest.difference.ci, sign=True)
        return f"all {total} planned contrasts hold, the hardest {_said(arm, hardest, ci)}"
    which = f"{len(held)} of" if held else "none of"
    hold = "holds" if len(held) < 2 else "hold"
    named = sorted(lost, key=lambda c: c.difference.value)[:_NAMED]
    more = f", and {len(lost) - len(named)} more" if len(lost) > len(named) else ""
    words = ", ".join(_said(arm, c) for c in named)
    return f"{which} {total} planned contrasts {hold}; not: {words}{more}"


def _said(arm: str, c: ContrastResult, ci: str = "") -> str:
    who = "" if c.arm == arm else f"{c.arm} "
    if c.alternative == NONINFERIOR and c.margin is not None:
        words = f"{who}within {100 * c.margin:g}{GAP}pp of {c.against}"
    else:
        words = f"{who}over {c.against}"
    found = " ".join(part for part in (points(c.difference.value), ci) if part)
    return f"{words} ({found}, Holm's p{GAP}{_p(c.p_holm)})"


def _p(value: float) -> str:
    text = p_value(value)
    return text if text.startswith("<") else f"={GAP}{text}"


def _of(share: Share) -> str:
    return percent(share.value) if share.of else "none (there is none)"
