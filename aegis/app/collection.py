"""Collection arms: the weak policy alone, helped and forked, for fitting detectors."""

from __future__ import annotations

from dataclasses import replace

from aegis.app.config.arm_builder import build_lone_controller
from aegis.app.config.lab import Lab
from aegis.app.config.settings import Settings
from aegis.core.errors import ConfigError
from aegis.core.types import PolicyId
from aegis.fleet.arm import Arm
from aegis.gates.stint import StintGate
from aegis.study.play.execution import fork_arms

ALONE_ARM = "weak"
"""The arm of the policy alone, named like it, as `aegis fit` expects."""

STINT_PREFIX = "stint_"
"""Prefix of the arms with one stay of the strong policy; the name of their range follows."""


def list_needed_policies(settings: Settings) -> tuple[PolicyId, ...]:
    """Returns the policies that a collection needs."""
    helped = settings.flag("stints") or settings.value("forks")
    return ("weak", "strong") if helped else ("weak",)


def build_collection_arms(lab: Lab) -> tuple[Arm, ...]:
    """Builds the arms of a collection; the policy alone is the first.

    Raises:
        ConfigError: If both stays and forks are requested, or a setting is out of range.
    """
    settings = lab.settings
    stints, forks = settings.flag("stints"), settings.value("forks")
    if stints and forks:
        raise ConfigError(
            "stints=true and forks=[...] are two collections: play them under two names."
        )
    alone = Arm(
        ALONE_ARM, build_lone_controller(lab, tuple(lab.policies), "weak"), log_features=True
    )
    if forks:
        return fork_arms(alone, settings.integers("forks"))
    return (alone, *_build_stint_arms(lab, alone)) if stints else (alone,)


def _build_stint_arms(lab: Lab, alone: Arm) -> tuple[Arm, ...]:
    """Returns an arm per range of the tick at which the strong policy's only stay begins."""
    level = lab.settings.level("stint")
    ranges, holds = level.level("ranges"), level.integers("holds")
    arms = []
    for name in ranges.names():
        ends = ranges.integers(name)
        if len(ends) != 2:
            raise ConfigError(f"'stint.ranges.{name}' must be two ticks. Got: {list(ends)}.")
        # The weak policy runs as a shadow: its activations are needed when control returns.
        controller = replace(alone.controller, gate=StintGate(*ends, holds), shadow=True)
        arms.append(replace(alone, name=f"{STINT_PREFIX}{name}", controller=controller))
    return tuple(arms)
