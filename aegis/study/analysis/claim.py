"""Claim: the finding of a study in one sentence, composed of its numbers."""

from __future__ import annotations

from collections.abc import Sequence

from aegis.study.analysis.arm_results import ArmResult
from aegis.study.analysis.contrast_result import ContrastResult
from aegis.study.analysis.formatting import (
    NO_BREAK_SPACE,
    format_interval,
    format_p_value,
    format_percent,
    format_points,
)
from aegis.study.analysis.kill_criteria import KillResult
from aegis.study.estimates import Share
from aegis.study.plan.study_plan import NONINFERIOR

_MAX_NAMED = 3
"""Contrasts that do not hold and are named; the table has the others."""


def compose_claim(
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
        f"{verdict}: with the strong policy driving {format_percent(arm.duty.value)} of steps, "
        f"{arm.name} recovers {_phrase_share(arm.recovered)} of what {reference} fails and "
        f"disrupts {_phrase_share(arm.disrupted)} of what it solves; "
        f"{_tally_contrasts(arm.name, reference, held, lost)}."
    )


def find_closest_rival(
    arm: str, reference: str, contrasts: Sequence[ContrastResult]
) -> ContrastResult | None:
    """Returns the contrast in which an arm gains least in success over all units.

    Only rivals that help count, so not the reference, and only contrasts that ask for more, not
    for not less. The difference over all units is the primary estimand; claim, figures and tables
    name the same rival.

    Args:
        arm: The recommended arm.
        reference: The arm whose failures it recovers.
        contrasts: The primary ones.
    """
    rivals = [
        c
        for c in contrasts
        if c.arm == arm and c.against != reference and c.alternative != NONINFERIOR
    ]
    return min(rivals, key=lambda c: c.difference.value, default=None)


def _tally_contrasts(
    arm: str, reference: str, held: Sequence[ContrastResult], lost: Sequence[ContrastResult]
) -> str:
    """Says how many hold, with the hardest if all do, else the hardest that do not."""
    total = len(held) + len(lost)
    if not lost:
        rival = find_closest_rival(arm, reference, held)
        hardest = rival or max(held, key=lambda c: c.p_holm)
        ci = format_interval(hardest.difference.ci, sign=True)
        return (
            f"all {total} planned contrasts hold, the hardest {_phrase_contrast(arm, hardest, ci)}"
        )
    which = f"{len(held)} of" if held else "none of"
    hold = "holds" if len(held) < 2 else "hold"
    named = sorted(lost, key=lambda c: c.difference.value)[:_MAX_NAMED]
    more = f", and {len(lost) - len(named)} more" if len(lost) > len(named) else ""
    words = ", ".join(_phrase_contrast(arm, c) for c in named)
    return f"{which} {total} planned contrasts {hold}; not: {words}{more}"


def _phrase_contrast(arm: str, c: ContrastResult, ci: str = "") -> str:
    who = "" if c.arm == arm else f"{c.arm} "
    if c.alternative == NONINFERIOR and c.margin is not None:
        words = f"{who}within {100 * c.margin:g}{NO_BREAK_SPACE}pp of {c.against}"
    else:
        words = f"{who}over {c.against}"
    found = " ".join(part for part in (format_points(c.difference.value), ci) if part)
    return f"{words} ({found}, Holm's p{NO_BREAK_SPACE}{_phrase_p_value(c.p_holm)})"


def _phrase_p_value(value: float) -> str:
    text = format_p_value(value)
    return text if text.startswith("<") else f"={NO_BREAK_SPACE}{text}"


def _phrase_share(share: Share) -> str:
    return format_percent(share.value) if share.of else "none (there is none)"
