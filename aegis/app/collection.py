"""Collection: who plays when episodes are collected: the weak policy alone, helped, and forked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aegis.app.config.lab import Lab
from aegis.app.config.settings import Settings
from aegis.core.controller import Controller
from aegis.core.errors import ConfigError
from aegis.core.protocols import Policy
from aegis.core.types import PolicyId
from aegis.fleet.arm import Arm
from aegis.gates.constant import NeverGate
from aegis.gates.stint import StintGate
from aegis.gates.switch import HysteresisSwitch
from aegis.study.play.execution import fork_arms
from aegis.study.play.reseed import RESEED, Renamed

ALONE = "weak"
"""The arm of the policy alone, named like it, as `aegis fit` expects."""

STINT = "stint_"
"""Arms with one stay of the strong policy are called this and the name of their range."""

_NOBODY = "nobody"  # A controller names two policies; this one is never asked.


def parts_of(settings: Settings) -> tuple[PolicyId, ...]:
    """Returns which policies a collection needs."""
    helped = settings.flag("stints") or settings.value("forks")
    return ("weak", "strong") if helped else ("weak",)


def arms_of(lab: Lab) -> tuple[Arm, ...]:
    """Builds the arms of a collection; the policy alone is the first.

    Raises:
        ConfigError: If both stays and forks are asked for, or a setting is out of range.
    """
    settings = lab.settings
    stints, forks = settings.flag("stints"), settings.value("forks")
    if stints and forks:
        raise ConfigError(
            "stints=true and forks=[...] are two collections: play them under two names."
        )
    alone = Arm(ALONE, _alone(lab), log_features=True)
    if forks:
        return fork_arms(alone, settings.integers("forks"))
    return (alone, *_stints(lab, alone)) if stints else (alone,)


def policies_of(lab: Lab) -> Mapping[PolicyId, Policy]:
    """Returns the policies by all names that the arms use."""
    weak = lab.policies["weak"]
    if "strong" not in lab.policies:
        return {"weak": weak, _NOBODY: weak}
    return {**lab.policies, RESEED: Renamed(weak, RESEED)}


def _alone(lab: Lab) -> Controller:
    helper = "strong" if "strong" in lab.policies else _NOBODY
    execute = {name: policy.spec.execute for name, policy in lab.policies.items()}
    further = {_NOBODY: 1} if helper == _NOBODY else {RESEED: execute["weak"]}
    return Controller(
        embodiment=lab.embodiment,
        weak="weak",
        strong=helper,
        execute=execute | further,
        horizon=lab.horizon,
        detectors=(),
        gate=NeverGate(),
        switch=HysteresisSwitch(release=float("-inf")),
        patience=lab.settings.integer("patience", 0),
        first="weak",
    )


def _stints(lab: Lab, alone: Arm) -> tuple[Arm, ...]:
    """Returns an arm per range of the tick at which the strong policy's only stay begins."""
    level = lab.settings.level("stint")
    ranges, holds = level.level("ranges"), level.integers("holds")
    arms = []
    for name in ranges.names():
        ends = ranges.integers(name)
        if len(ends) != 2:
            raise ConfigError(f"'stint.ranges.{name}' must be two ticks. Got: {list(ends)}.")
        # The weak policy is asked as a shadow: what it thinks is needed when control returns.
        controller = replace(alone.controller, gate=StintGate(*ends, holds), shadow=True)
        arms.append(replace(alone, name=f"{STINT}{name}", controller=controller))
    return tuple(arms)
