"""Run plan: units, arms, and everything that the results of a run depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass

from aegis.core.errors import ConfigError, PairingError, UnknownNameError
from aegis.core.protocols import Policy
from aegis.core.seeds import episode_stream
from aegis.core.types import EpisodeKey, PolicyId
from aegis.fleet.arm import Arm


@dataclass(frozen=True, slots=True)
class RunPlan:
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
        sharing: Whether arms of a unit are one simulation until they part; results are equal.
        audit: Share of units of which every arm is played again from the start, alone, and
            compared; the first unit always is, unless it is 0.
        batch_dependent: Whether policies are let in whose results depend on the batch. Arms are
            then not paired: their difference may be rounding.
    """

    units: tuple[EpisodeKey, ...]
    arms: tuple[Arm, ...]
    config: str
    identity: Mapping[str, str]
    notes: Mapping[str, str] = field(default_factory=dict)
    truth: tuple[str, ...] = ()
    retries: int = 2
    sharing: bool = True
    audit: float = 0.02
    batch_dependent: bool = False

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

        if not 0 <= self.audit <= 1:
            raise ConfigError(f"audit is a share of units, from 0 to 1. Got: {self.audit}.")

    def is_audited(self, key: EpisodeKey) -> bool:
        """Says whether a unit is among those whose shared simulation is checked."""
        if not self.sharing or self.audit == 0 or len(self.arms) == 1:
            return False
        return key == self.units[0] or episode_stream(key, "audit").random() < self.audit

    def check_policies(self, policies: Mapping[PolicyId, Policy]) -> None:
        """Checks that all policies are there and can be paired.

        Raises:
            UnknownNameError: If an arm uses another one.
            PairingError: If a policy's results depend on the batch.
        """
        for arm in self.arms:
            for part in (arm.controller.weak, arm.controller.strong):
                if part not in policies:
                    raise UnknownNameError("policy", part, policies, f"arm '{arm.name}'")
        for name, policy in policies.items():
            if not policy.spec.batch_invariant and not self.batch_dependent:
                raise PairingError(
                    f"Policy '{name}' ({policy.spec.rounding or 'no rounding given'}) gives a row "
                    "other bits in another batch, so that arms would differ by chance. Use a mode "
                    "that does not (float32, batch=1), or say batch_dependent=true."
                )


def compute_identity(plan: RunPlan, policies: Mapping[PolicyId, Policy]) -> dict[str, str]:
    """Returns what the results depend on, by name; written to the manifest."""
    key, first = plan.units[0], plan.arms[0]
    return {
        "root": str(key.root),
        "suite": key.suite,
        "horizon": str(first.controller.horizon),
        **{f"policy.{name}": policy.spec.digest for name, policy in sorted(policies.items())},
        **{f"rounding.{name}": p.spec.rounding for name, p in sorted(policies.items())},
        **{f"taps.{name}": ",".join(sorted(p.spec.taps)) for name, p in sorted(policies.items())},
        **{f"arm.{arm.name}": _describe_arm(arm) for arm in plan.arms},
        **plan.identity,
    }


def _describe_arm(arm: Arm) -> str:
    """Returns gate, switch, drivers and logging of an arm in words; detectors have digests."""
    control = arm.controller
    parts: tuple[object, ...] = (control.gate, control.switch)
    # Only a dataclass says what it is; another object's words hold its address in memory.
    said = [repr(part) if is_dataclass(part) else type(part).__name__ for part in parts]
    drivers = [arm.resolve_driver(policy) for policy in (control.weak, control.strong)]
    return f"{', '.join(said)}, {drivers}, first {control.first}, features {arm.log_features}"
