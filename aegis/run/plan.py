"""Plan: what an experiment plays, and what its results depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.protocols import Policy
from aegis.core.types import EpisodeKey, PolicyId
from aegis.run.arm import Arm


@dataclass(frozen=True, slots=True)
class Plan:
    """An experiment.

    Attributes:
        units: Start states; every arm plays all of them.
        arms: Ways of driving.
        config: Resolved configuration, for people; written to ``config.yaml``.
        identity: What results depend on besides units, arms' names and policies: digests of
            settings, probe and assets, by name. A run folder with another identity is refused.
        notes: Versions and such; written down only.
        truth: Names of simulator truth to write down.
        retries: How often the work of a crashed worker is tried again.
    """

    units: tuple[EpisodeKey, ...]
    arms: tuple[Arm, ...]
    config: str
    identity: Mapping[str, str]
    notes: Mapping[str, str] = field(default_factory=dict)
    truth: tuple[str, ...] = ()
    retries: int = 2

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        if not names or len(set(names)) != len(names):
            raise ConfigError(f"A plan needs arms with different names. Got: {names}.")
        if not self.units or len(set(self.units)) != len(self.units):
            raise ConfigError(f"A plan needs distinct units. Got: {len(self.units)}, some twice.")
        if len({(key.root, key.suite) for key in self.units}) != 1:
            raise ConfigError("All units of a plan must have the same root seed and suite.")
        if len({arm.controller.horizon for arm in self.arms}) != 1:
            raise ConfigError("All arms of a plan must have the same horizon.")

    def check(self, policies: Mapping[PolicyId, Policy]) -> None:
        """Checks that all policies are there.

        Raises:
            UnknownNameError: If an arm uses another one.
        """
        for arm in self.arms:
            for policy in (arm.controller.weak, arm.controller.strong):
                if policy not in policies:
                    raise UnknownNameError("policy", policy, policies, f"arm '{arm.name}'")


def identity(plan: Plan, policies: Mapping[PolicyId, Policy]) -> dict[str, str]:
    """Returns what the results depend on, by name; written to the manifest."""
    key, first = plan.units[0], plan.arms[0]
    return {
        "root": str(key.root),
        "suite": key.suite,
        "horizon": str(first.controller.horizon),
        **{f"policy.{name}": policy.spec.digest for name, policy in sorted(policies.items())},
        **{f"rounding.{name}": p.spec.rounding for name, p in sorted(policies.items())},
        **{f"taps.{name}": ",".join(sorted(p.spec.taps)) for name, p in sorted(policies.items())},
        **{f"arm.{arm.name}": _describe(arm) for arm in plan.arms},
        **plan.identity,
    }


def _describe(arm: Arm) -> str:
    """Returns gate, switch, drivers and logging of an arm in words; detectors have digests."""
    control = arm.controller
    parts: tuple[object, ...] = (control.gate, control.switch)
    # Only a dataclass says what it is; another object's words hold its address in memory.
    said = [repr(part) if is_dataclass(part) else type(part).__name__ for part in parts]
    drivers = [arm.driver(policy) for policy in (control.weak, control.strong)]
    return f"{', '.join(said)}, {drivers}, first {control.first}, features {arm.log_features}"
