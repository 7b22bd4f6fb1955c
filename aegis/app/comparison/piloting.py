"""Piloting: what `aegis pilot` plays and reports."""

from __future__ import annotations

from aegis.app.comparison.arms import build_pilot_arms
from aegis.app.comparison.numbers import read_open_share, read_points
from aegis.app.comparison.pilot_page import write_lines, write_page
from aegis.app.comparison.playing import PairedRun
from aegis.app.comparison.stored_run import Report, StoredRun, assemble_report
from aegis.app.comparison.typed_names import name_policy
from aegis.app.config.settings import Settings
from aegis.records.fork_rows import STRONG_FORK, select_forks
from aegis.study.comparison.pilot import (
    STRONG,
    WEAK,
    PilotPlan,
    analyse_pilot,
    name_placebo,
    name_switch,
)
from aegis.study.comparison.report_values import list_pilot_values
from aegis.study.comparison.switch_rule import SwitchRule
from aegis.study.outcomes import Outcomes

_PARTS = (WEAK, STRONG)


def read_pilot_plan(settings: Settings) -> PilotPlan:
    """Reads what is asked of a pilot.

    Raises:
        ConfigError: If a setting is out of range.
    """
    settings.flag("placebo")
    settings.integer("tick", 0)
    return PilotPlan(
        rule=SwitchRule(read_points(settings, "target"), read_open_share(settings, "precision")),
        recall=read_open_share(settings, "recall"),
        alpha=read_open_share(settings, "alpha"),
        study=settings.integer("study", 1),
    )


def build_report(run: StoredRun) -> Report:
    """Analyses a played pilot."""
    plan = read_pilot_plan(run.settings)
    (tick,) = select_forks(run.episodes, STRONG_FORK)
    played = {row.arm for row in run.episodes}
    placebo = name_placebo(tick)
    arms = [*_PARTS, name_switch(tick), *([placebo] if placebo in played else [])]
    found = analyse_pilot(
        Outcomes.from_rows(run.episodes, arms, run.settings.integers("tasks")),
        tick,
        plan,
        {part: name_policy(part, run.settings.node(part)) for part in _PARTS},
        {part: run.find_digest(part) for part in _PARTS},
        {part: run.summarise_cost(part) for part in _PARTS},
    )
    page = write_page(run.settings.text("name"), found, plan.rule)
    return assemble_report(run, list_pilot_values(found), page, write_lines(found))


PILOT = PairedRun(
    command="pilot",
    parts=_PARTS,
    check_settings=read_pilot_plan,
    build_arms=build_pilot_arms,
    build_report=build_report,
    judging=("target", "alpha", "study", "precision", "recall"),
    shares=True,
)
