"""Comparing: what `aegis compare` plays and reports."""

from __future__ import annotations

from dataclasses import dataclass

from aegis.app.comparison.arms import build_sides
from aegis.app.comparison.comparison_page import write_lines, write_page
from aegis.app.comparison.numbers import read_open_share, read_points
from aegis.app.comparison.playing import PairedRun
from aegis.app.comparison.stored_run import Report, StoredRun, assemble_report
from aegis.app.comparison.typed_names import name_policy
from aegis.app.config.settings import Settings
from aegis.records.store import RunTables
from aegis.study.comparison.parting import find_partings, read_states
from aegis.study.comparison.policy_comparison import SIDES, PolicyComparison, compare_policies
from aegis.study.comparison.report_values import list_comparison_values
from aegis.study.outcomes import Outcomes


@dataclass(frozen=True, slots=True)
class PowerGoal:
    """What a comparison is to find.

    Attributes:
        target: Difference in success rate, in (0, 1].
        alpha: Two-sided level.
        power: Power to find it with.
    """

    target: float
    alpha: float
    power: float


def read_goal(settings: Settings) -> PowerGoal:
    """Reads what a comparison is to find.

    Raises:
        ConfigError: If a setting is out of range.
    """
    return PowerGoal(
        target=read_points(settings, "target"),
        alpha=read_open_share(settings, "alpha"),
        power=read_open_share(settings, "power"),
    )


def build_report(run: StoredRun) -> Report:
    """Compares the two policies of a played run."""
    found = _compare(run)
    page = write_page(run.settings.text("name"), found)
    return assemble_report(run, list_comparison_values(found), page, write_lines(found))


def _compare(run: StoredRun) -> PolicyComparison:
    goal = read_goal(run.settings)
    outcomes = Outcomes.from_rows(run.episodes, SIDES, run.settings.integers("tasks"))
    states = read_states(RunTables(run.root, run.episodes).read_steps(), run.episodes)
    return compare_policies(
        outcomes,
        find_partings(*(states[side] for side in SIDES)),
        [name_policy(side, run.settings.node(side)) for side in SIDES],
        [run.find_digest(side) for side in SIDES],
        [run.summarise_cost(side) for side in SIDES],
        target=goal.target,
        alpha=goal.alpha,
        goal=goal.power,
    )


COMPARE = PairedRun(
    command="compare",
    parts=SIDES,
    check_settings=read_goal,
    build_arms=build_sides,
    build_report=build_report,
    judging=("target", "alpha", "power"),
    shares=False,
)
