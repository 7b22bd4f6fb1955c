"""Planning: from the configuration of a robot to the plan of its driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from aegis.app.config.arm_builder import KnownParts, build_run_arm
from aegis.app.config.composition import ComposedConfig, build_target
from aegis.app.config.part_builder import (
    build_detectors,
    build_policy,
    is_portable,
    read_policy_nodes,
)
from aegis.app.config.settings import Settings
from aegis.core.answers import check_dimensions
from aegis.core.capabilities import SpecChecker
from aegis.core.controller import Controller
from aegis.core.errors import ConfigError
from aegis.core.protocols import PolicySpec
from aegis.core.types import EpisodeKey, PolicyId
from aegis.host.child_process import build_thread_environment
from aegis.host.dispatch import build_dispatch
from aegis.records.part_identity import PartOrigins
from aegis.ros.contract.contract import Contract
from aegis.ros.driver_process import DriverPlan

POLICIES = ("weak", "strong")
_NANOS = 1_000_000_000


def read_contract_node(composed: ComposedConfig) -> Contract:
    """Returns the contract of a configuration.

    Raises:
        ConfigError: If its target builds something else.
    """
    contract = build_target(composed, "contract", Settings(composed.tree).node("contract"))
    if not isinstance(contract, Contract):
        raise ConfigError(
            "'contract' is not a contract. Its _target_ is aegis.ros.contract.reader.read_contract."
        )
    return contract


def build_plan(composed: ComposedConfig, contract: Contract, key: EpisodeKey) -> DriverPlan:
    """Returns the plan of a driver.

    Args:
        composed: The configuration.
        contract: The robot.
        key: Address of the first life.
    """
    settings = Settings(composed.tree)
    realtime = settings.level("realtime")
    core = realtime.value("core")
    return DriverPlan(
        contract=contract,
        policies={
            name: partial(build_policy, composed, name, node)
            for name, node in read_policy_nodes(settings, POLICIES).items()
        },
        build_controller=partial(build_controller, composed, contract),
        key=key,
        environment=build_environment(settings),
        priority=realtime.integer("priority", 0),
        core=None if core is None else realtime.integer("core", 0),
        patience=settings.number("load_patience", 0, 3600),
    )


def build_environment(settings: Settings) -> dict[str, str]:
    """Returns environment variables under which processes load their libraries."""
    return {**build_thread_environment(1), **build_dispatch(is_portable(settings))}


def build_controller(
    composed: ComposedConfig, contract: Contract, specs: Mapping[PolicyId, PolicySpec]
) -> Controller:
    """Returns the controller of a robot.

    Args:
        composed: The configuration.
        contract: The robot.
        specs: What its policies say of themselves.

    Raises:
        AegisError: If the parts cannot work together.
    """
    settings, origins = Settings(composed.tree), PartOrigins()
    embodiment = contract.build_embodiment()
    for name, spec in specs.items():
        check_dimensions(spec, embodiment, name)
    detectors = build_detectors(composed, settings, origins)
    for detector in detectors:
        if isinstance(detector, SpecChecker):
            detector.check(specs["weak"])
    parts = KnownParts(composed, settings, embodiment, contract.horizon, specs, detectors, origins)
    arm = build_run_arm(parts)
    if arm.delay:
        raise ConfigError(
            f"'timing.delay' is {arm.delay}: it holds answers back in a world that waits. A robot "
            "does not wait; leave it out."
        )
    return replace(arm.controller, stale_after=round(contract.stale_after * _NANOS))
