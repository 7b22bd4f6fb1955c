"""Plan reader: the section `plan` of a study's configuration, and the dials of its arms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from aegis.app.config.settings import Settings
from aegis.core.errors import ConfigError, UnknownNameError
from aegis.records.names import check_name
from aegis.study.plan.dials import NO_DIAL, ConfigNode, PlannedDial
from aegis.study.plan.study_plan import Budget, KillCriteria, PlannedContrast, StudyPlan
from aegis.study.plan.uncalibrated_arms import BUDGET, RECOMMENDED, UncalibratedArms

_DIAL_KEYS = ("kind", "target", "holds", "starts", "low", "high")


def read_plan(settings: Settings) -> StudyPlan:
    """Reads the decisions that a study makes before it plays test units.

    Args:
        settings: Root of the configuration.

    Raises:
        ConfigError: If something is missing or contradictory.
        UnknownNameError: If the plan names an arm that the study lacks.
    """
    level, arms = settings.level("plan"), settings.level("arms").names()
    budget, kill = level.level("budget"), level.level("kill")
    plan = StudyPlan(
        question=level.text("question"),
        reference=level.text("reference"),
        published=level.text("published"),
        recommended=level.text("recommended"),
        contrasts=_read_contrasts(level, "contrasts"),
        secondary=_read_contrasts(level, "secondary"),
        alpha=level.number("alpha", 0.0, 1.0),
        margin=level.number("margin", 0.0, 1.0),
        budget=Budget(*(budget.number(n, 0.0, 1.0) for n in ("duty", "at_most", "tolerance"))),
        stopping=level.text("stopping"),
        exclusions=level.text("exclusions"),
        windows=level.numbers("windows"),
        early=level.number("early", 0.0, 1.0),
        kill=KillCriteria(
            early_auroc=kill.number("early_auroc", 0.0, 1.0),
            duty=kill.number("duty", 0.0, 1.0),
            floor=kill.number("floor", 0.0, 1.0),
            ceiling=kill.number("ceiling", 0.0, 1.0),
            stops=kill.flag("stops"),
        ),
        roles={name: str(words) for name, words in level.node("roles").items()},
        random=level.text("random"),
        oracle=None if level.value("oracle") is None else level.text("oracle"),
        multiplicity=level.text("multiplicity"),
        looks=level.integers("looks") if level.value("looks") else (),
        draws=level.integer("draws", 1) if "draws" in level.names() else None,
    )
    plan.check_arms(arms)
    return plan


def read_arms(settings: Settings, plan: StudyPlan) -> UncalibratedArms:
    """Reads the arms, their dials, and the arms whose settings others copy.

    Raises:
        ConfigError: If a dial is invalid.
        UnknownNameError: If a dial names an arm that the study lacks.
    """
    level = settings.level("arms")
    nodes: dict[str, ConfigNode] = {}
    dials: dict[str, PlannedDial] = {}
    likes: dict[str, str] = {}
    for name in level.names():
        check_name(name, "an arm")
        node = dict(level.node(name))
        if "like" in node:
            likes[name] = _resolve_arm_name(str(node.pop("like")), plan)
        if "dial" in node:
            dial = _read_dial(level.level(name), plan)
            if dial.kind != NO_DIAL:
                dials[name] = dial
        nodes[name] = node
    return UncalibratedArms(nodes, dials, likes)


def _read_contrasts(level: Settings, family: str) -> tuple[PlannedContrast, ...]:
    value = level.value(family)
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise ConfigError(
            f"'plan.{family}' must be a list of {{arm: A, against: B, alternative: greater}}. "
            f"Got: {value!r}."
        )
    contrasts = []
    for i, item in enumerate(value):
        contrast = Settings(item, f"plan.{family}[{i}]")
        for name in contrast.names():
            if name not in ("arm", "against", "alternative"):
                allowed = ("arm", "against", "alternative")
                raise UnknownNameError("key", name, allowed, f"plan.{family}[{i}]")
        contrasts.append(
            PlannedContrast(
                contrast.text("arm"), contrast.text("against"), contrast.text("alternative")
            )
        )
    return tuple(contrasts)


def _read_dial(arm: Settings, plan: StudyPlan) -> PlannedDial:
    node, level = arm.node("dial"), arm.level("dial")
    for name in level.names():
        if name not in _DIAL_KEYS:
            raise UnknownNameError("key", name, _DIAL_KEYS, "a dial")
    ends = {name: level.number(name, -1e12, 1e12) for name in ("low", "high") if name in node}
    return PlannedDial(
        kind=level.text("kind"),
        target=_resolve_arm_name(cast("str", node.get("target", BUDGET)), plan),
        holds=_resolve_arm_name(cast("str", node.get("holds", "")), plan),
        starts=level.integers("starts") if "starts" in node else (),
        **ends,
    )


def _resolve_arm_name(name: str, plan: StudyPlan) -> str:
    return plan.recommended if name == RECOMMENDED else name
