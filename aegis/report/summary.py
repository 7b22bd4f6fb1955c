"""Summary: what stands above the first section: notices, and numbers at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aegis.report.tabulation.arms import exceed_budget
from aegis.report.tabulation.plan import OPEN, SETTLED, UNKNOWN, find_reach
from aegis.report.tabulation.table import mark_code
from aegis.report.view import StudyView, strong_steps
from aegis.study.analysis.formatting import (
    format_decimal,
    format_interval,
    format_p_value,
    format_percent,
    format_points,
)


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence that no reader may miss.

    Attributes:
        name: Of its words among the texts.
        bad: Whether it is bad news.
        facts: What its words need to know besides the study.
    """

    name: str
    bad: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tile:
    """A number at a glance.

    Attributes:
        name: Of its words among the texts.
        value: The number.
        ci: Its interval; may be empty.
        facts: What its words need to know besides the study.
    """

    name: str
    value: str
    ci: str
    facts: Mapping[str, object] = field(default_factory=dict)


def list_notices(view: StudyView) -> tuple[Notice, ...]:
    """Lists struck criteria, then whether there was a lock, then whether the budget was kept."""
    kills = view.result.kill_criteria
    struck = [kill for kill in kills if kill.killed]
    found = [Notice("notice_struck", True, {"kill": kill}) for kill in struck]
    if not view.locked:
        found.append(Notice("notice_exploratory", True))
    elif not struck:
        found.append(Notice("notice_locked", facts=count_reaches(view)))
    arm = view.recommended
    over = exceed_budget(view, arm) if arm is not None else None
    if over is not None and over > 0:
        found.append(Notice("notice_budget", True, {"over": over}))
    return tuple(found)


def count_reaches(view: StudyView) -> dict[str, object]:
    """Returns the names of the kill criteria by whether they could have struck."""
    names: dict[str, list[str]] = {OPEN: [], SETTLED: [], UNKNOWN: []}
    for kill in view.result.kill_criteria:
        names[find_reach(view, kill.name).kind].append(mark_code(kill.name))
    return dict(names)


def list_tiles(view: StudyView) -> tuple[Tile, ...]:
    """Lists what a reader wants to know first of the recommended arm."""
    arm, rival, detector = view.recommended, view.rival, view.result.detector
    found = []
    if arm is not None:
        found.append(
            Tile("tile_success", format_percent(arm.success.value), format_interval(arm.success.ci))
        )
    if rival is not None:
        value = format_points(rival.difference.value)
        facts = {"p": format_p_value(rival.p_holm)}
        found.append(
            Tile("tile_rival", value, format_interval(rival.difference.ci, sign=True), facts)
        )
    if arm is not None:
        for name, share in (("tile_recovered", arm.recovered), ("tile_disrupted", arm.disrupted)):
            found.append(
                Tile(name, format_percent(share.value), format_interval(share.ci), {"of": share.of})
            )
        facts = {"steps": format_decimal(strong_steps(arm), 1)}
        found.append(
            Tile("tile_duty", format_percent(arm.duty.value), format_interval(arm.duty.ci), facts)
        )
    if detector is not None:
        early = detector.auroc_early_within_task
        found.append(
            Tile("tile_auroc", format_decimal(early.value), format_interval(early.ci, 1.0, 2))
        )
    return tuple(found)
