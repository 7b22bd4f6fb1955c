"""Opening: the claim, what it rests on, and whether it counts."""

from __future__ import annotations

from aegis.report.document import (
    Block,
    Bullets,
    Callout,
    Claim,
    Heading,
    Paragraph,
    Table,
    Tile,
    Tiles,
    code,
)
from aegis.report.palette import named, primary
from aegis.study.analysis.arm_results import ArmResult
from aegis.study.analysis.contrast_result import SECONDARY, ContrastResult
from aegis.study.analysis.formatting import (
    format_decimal,
    format_interval,
    format_p_value,
    format_percent,
    format_points,
)
from aegis.study.analysis.kill_criteria import KillResult
from aegis.study.analysis.study_result import StudyResult


def opening(result: StudyResult) -> list[Block]:
    """Returns what stands above the first heading."""
    blocks: list[Block] = [Claim(result.claim)]
    blocks += [Callout(_struck(k), bad=True) for k in result.kill_criteria if k.killed]
    if _loose(result):
        words = (
            "Exploratory: no plan was locked before the test units were played. Read this as a "
            "hypothesis for a locked study on fresh units, not as evidence."
        )
        blocks.append(Callout(words, bad=True))
    elif not any(k.killed for k in result.kill_criteria):
        blocks.append(Callout(_fine(result)))
    blocks.append(Tiles(_tiles(result)))
    blocks.append(Paragraph(_words(result)))
    return blocks


def registered(result: StudyResult) -> list[Block]:
    """Returns what was decided before, and the criteria that could have stopped the study."""
    blocks: list[Block] = [
        Heading("What was asked" if _loose(result) else "What was decided before")
    ]
    blocks.append(Paragraph(f"Question: {result.question}"))
    blocks.append(Bullets(_decided(result)))
    if result.kill_criteria:
        rows = tuple(
            (
                code(k.name),
                k.rule,
                k.measured,
                ("stops the study" if k.action == "stop" else "marks the result"),
                "struck" if k.killed else "not struck",
            )
            for k in result.kill_criteria
        )
        struck = tuple(i for i, k in enumerate(result.kill_criteria) if k.killed)
        head = ("criterion", "required", "measured", "if it strikes", "verdict")
        before = "" if _loose(result) else ", written down before"
        caption = f"Kill criteria{before}, evaluated by the engine."
        blocks.append(Table(caption, head, rows, "kill_criteria", (), (1, 2, 3, 4), struck))
    else:
        blocks.append(Paragraph("The plan names no kill criterion."))
    if result.notes:
        blocks += [Paragraph("To know before reading on:"), Bullets(result.notes)]
    return blocks


def roles(result: StudyResult) -> list[Block]:
    """Returns what each arm is there for."""
    return [Bullets(tuple(_role(result, arm) for arm in result.arms))] if result.arms else []


def locked(result: StudyResult) -> list[Block]:
    """Returns the digests of the lock."""
    blocks: list[Block] = []
    if result.lock:
        blocks.append(Heading("Lock"))
        digests = tuple((code(name), code(digest)) for name, digest in result.lock.items())
        caption = (
            "Lock: digests (SHA-256 where nothing else is said) that were written before the first "
            "test unit was played, in the section `lock` of `plan.yaml`. A change of any of them "
            "is refused."
        )
        blocks.append(Table(caption, ("of", "digest"), digests, "lock", (), (1,)))
    return blocks


def _role(result: StudyResult, arm: ArmResult) -> str:
    marks = {result.reference: "the reference", result.recommended: "recommended"}
    mark = f" ({marks[arm.name]})" if arm.name in marks else ""
    return f"{code(arm.name)}{mark}: {_bare(arm.role) or 'no role stated'}."


def _loose(result: StudyResult) -> bool:
    """Says whether nothing was locked before the test units were played."""
    return result.exploratory or not result.lock


def _struck(found: KillResult) -> str:
    what = "stopped this study" if found.action == "stop" else "marked this result"
    return (
        f"Kill criterion {code(found.name)} struck and {what}. Rule: {_bare(found.rule)}. "
        f"Measured: {_bare(found.measured)}. What follows is not evidence for the claim."
    )


def _bare(words: str) -> str:
    return words.strip().rstrip(".")


def _fine(result: StudyResult) -> str:
    count = len(result.kill_criteria)
    checked = {0: "The plan names no kill criterion", 1: "The one kill criterion did not strike"}
    words = checked.get(count, f"None of the {count} kill criteria struck")
    lock = result.lock.get("plan", "")
    seal = f" (digest of the plan: {code(lock[:12])})" if lock else ""
    return (
        f"Pre-registered: the plan was locked before the first test unit was played{seal}. {words}."
    )


def _tiles(result: StudyResult) -> tuple[Tile, ...]:
    tiles = []
    arm = named(result, result.recommended)
    if arm is not None:
        for share, words in (
            (
                arm.recovered,
                f"of {arm.recovered.of} units that {code(result.reference)} fails are recovered",
            ),
            (
                arm.disrupted,
                f"of {arm.disrupted.of} units that {code(result.reference)} solves are disrupted",
            ),
        ):
            tiles.append(Tile(format_percent(share.value), format_interval(share.ci), words))
    worst = _closest(result)
    if worst is not None:
        found = worst.recovered_difference
        words = (
            f"recovered-task rate over {code(worst.against)}, its closest rival "
            f"(p, Holm {format_p_value(worst.p_holm)})"
        )
        tiles.append(Tile(format_points(found.value), format_interval(found.ci, sign=True), words))
    if arm is not None:
        words = "of all steps are driven by the strong policy"
        tiles.append(Tile(format_percent(arm.duty.value), format_interval(arm.duty.ci), words))
    if result.detector is not None:
        early = result.detector.auroc_early_within_task
        words = (
            f"AUROC within task, first {format_percent(result.detector.early, 0)} of the horizon"
        )
        tiles.append(Tile(format_decimal(early.value), format_interval(early.ci, 1.0, 2), words))
    return tuple(tiles)


def _closest(result: StudyResult) -> ContrastResult | None:
    """Returns the primary contrast of the recommended arm with the smallest difference."""
    found = [
        c
        for c in primary(result)
        if c.arm == result.recommended
        and c.alternative == "greater"
        and c.against != result.reference
    ]
    return min(found, key=lambda c: c.recovered_difference.value, default=None)


def _words(result: StudyResult) -> str:
    return (
        "A weak policy drives a simulated robot through tasks; an arm is a way of deciding when a "
        "strong policy drives instead. All arms play the same units: same start state, same "
        "noise, the same simulation bit for bit until an arm first hands over. "
        f"Recovered: of the units that {code(result.reference)} "
        "fails alone, those that an arm solves. Disrupted: of those that it solves alone, those "
        "that an arm fails. Duty: share of steps that the strong policy drives. Brackets hold 95 % "
        "intervals; pp are percentage points. Every number is in `report.json`; the appendix "
        "says from which rows and by which formula."
    )


def _decided(result: StudyResult) -> tuple[str, ...]:
    main = [_asked(c) for c in primary(result)]
    more = [_asked(c) for c in result.contrasts if c.family == SECONDARY]
    alphas = sorted({c.alpha for c in primary(result)})
    level = f", level {', '.join(f'{a:g}' for a in alphas)}, Holm" if alphas else ""
    items = [
        f"Units: {result.units}, suite {code(result.suite)}, start states {code(result.start)}; "
        f"{len(result.arms)} arms play each.",
        f"Reference: {code(result.reference)}. Recommended arm: {code(result.recommended)}.",
        f"Primary contrasts{level}: {'; '.join(main) if main else 'none'}.",
    ]
    if more:
        items.append(f"Secondary contrasts, not corrected and no claim: {'; '.join(more)}.")
    excluded = [f"{code(unit)} ({why})" for unit, why in result.excluded.items()]
    items.append(f"Units left out: {'; '.join(excluded) if excluded else 'none'}.")
    return tuple(items)


def _asked(contrast: ContrastResult) -> str:
    more = "(solves more)" if contrast.alternative == "greater" else _margin(contrast)
    return f"{code(contrast.arm)} against {code(contrast.against)} {more}"


def _margin(contrast: ContrastResult) -> str:
    return f"(not worse by {100 * (contrast.margin or 0.0):g} pp or more)"
