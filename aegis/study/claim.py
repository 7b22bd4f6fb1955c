"""Claim: what a study found, in one sentence made of its numbers, whatever they say."""

from __future__ import annotations

from collections.abc import Sequence

from aegis.study.plan import NONINFERIOR
from aegis.study.result import ArmResult, ContrastResult, KillResult, Share


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
        f"{verdict}: with the strong policy in charge on {arm.duty.value:.1%} of steps, "
        f"{arm.name} solves {_percent(arm.recovered)} of the units that {reference} fails and "
        f"loses {_percent(arm.disrupted)} of those that it solves; {_tally(held, lost)}."
    )


def _tally(held: Sequence[ContrastResult], lost: Sequence[ContrastResult]) -> str:
    """Says how many hold, with the hardest if all do, and each one that does not."""
    total = len(held) + len(lost)
    if not lost:
        hardest = max(held, key=lambda c: c.p_holm)
        return f"all {total} planned contrasts hold, the hardest {_said(hardest)}"
    which = f"{len(held)} of" if held else "none of"
    hold = "holds" if len(held) < 2 else "hold"
    return f"{which} {total} planned contrasts {hold}, not {'; '.join(_said(c) for c in lost)}"


def _said(c: ContrastResult) -> str:
    low, high = 100 * c.difference.ci.low, 100 * c.difference.ci.high
    found = f"{100 * c.difference.value:+.1f} pp [{low:+.1f}, {high:+.1f}] of all units"
    if c.alternative == NONINFERIOR and c.margin is not None:
        words = f"{c.arm} at most {100 * c.margin:g} pp below {c.against}, at {found}"
    else:
        words = f"{c.arm} over {c.against} by {found}"
    return f"{words} (p {_p(c.p_holm)})"


def _p(value: float) -> str:
    return f"= {value:.2g}" if value >= 1e-300 else "< 1e-300"


def _percent(share: Share) -> str:
    return f"{share.value:.1%}" if share.of else "none (there are none)"
