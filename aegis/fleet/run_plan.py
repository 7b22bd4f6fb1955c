"""Run plan: units, arms, and everything that the results of a run depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aegis.core.capabilities import Fingerprinted
from aegis.core.errors import ConfigError, PairingError, UnknownNameError
from aegis.core.ladder import RESEED, Rung
from aegis.core.protocols import Detector, Policy
from aegis.core.seeds import episode_stream
from aegis.core.types import EpisodeKey, PolicyId
from aegis.fleet.arm import Arm
from aegis.records.part_identity import PartOrigins, describe_part, describe_value


@dataclass(frozen=True, slots=True)
class RunPlan:
    """An experiment.

    Attributes:
        units: Start states; every arm plays all of them.
        arms: Ways of driving.
        config: Resolved configuration, for people; written to ``config.yaml``.
        identity: What results depend on besides units, arms and policies: settings of the world,
            digests of code and assets, versions, by name. A run folder with another identity is
            refused.
        notes: Versions and such; written down only.
        machine: What rows depend on here that other machines may not share, by name; rows of two
            such machines are not mixed. What draws the pictures is added by the runner.
        truth: Names of simulator truth to write down.
        retries: How often the work of a crashed worker is tried again.
        sharing: Whether arms of a unit are one simulation until they part; results are equal.
        audit: Share of units of which every arm is played again from the start, alone, and
            compared; the first unit always is, unless it is 0.
        batch_dependent: Whether policies are let in whose results depend on the batch. Arms are
            then not paired: their difference may be rounding.
        absent: Whether a policy may fail to answer. Controllers then hold and ask again, so that
            rows depend on what is no part of the plan.
        origins: What detectors, gates and switches were built from, for those that cannot say what
            they are.
    """

    units: tuple[EpisodeKey, ...]
    arms: tuple[Arm, ...]
    config: str
    identity: Mapping[str, str]
    notes: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, str] = field(default_factory=dict)
    truth: tuple[str, ...] = ()
    retries: int = 2
    sharing: bool = True
    audit: float = 0.02
    batch_dependent: bool = False
    absent: bool = False
    origins: PartOrigins = field(default_factory=PartOrigins, repr=False, compare=False)

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

        if self.absent and len(self.arms) > 1:
            raise ConfigError(
                "absent=hold is for a run of one arm: arms whose answers may be missing cannot be "
                f"compared. Got: {', '.join(names)}. Leave absent=refuse, or run each arm alone."
            )
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
            for rung in arm.controller.ladder.rungs:
                if rung.source[0] not in policies:
                    raise UnknownNameError("policy", rung.source[0], policies, f"arm '{arm.name}'")
        for name, policy in policies.items():
            if not policy.spec.batch_invariant and not self.batch_dependent:
                raise PairingError(
                    f"Policy '{name}' ({policy.spec.rounding or 'no rounding given'}) gives a row "
                    "other bits in another batch, so that arms would differ by chance. Use a mode "
                    "that does not (float32, batch=1), or say batch_dependent=true."
                )


def compute_identity(plan: RunPlan, policies: Mapping[PolicyId, Policy]) -> dict[str, str]:
    """Returns what the results depend on, by name; written to the manifest.

    Raises:
        PluginError: If a detector, a gate or a switch cannot say what it is.
    """
    key, first = plan.units[0], plan.arms[0]
    # A rung that another policy stands on is named, too: its placebo is part of the experiment.
    rungs = {rung.name: rung.source[0] for arm in plan.arms for rung in arm.controller.ladder.rungs}
    answers = {**{name: name for name in policies}, **rungs}
    specs = {name: policies[policy].spec for name, policy in sorted(answers.items())}
    return {
        **plan.identity,
        "root": str(key.root),
        "suite": key.suite,
        "horizon": str(first.controller.horizon),
        "embodiment": _hash_text(describe_value(first.controller.embodiment)),
        "truth": ",".join(sorted(plan.truth)),
        **({"absent": "hold"} if plan.absent else {}),
        **{f"policy.{name}": spec.digest for name, spec in specs.items()},
        **{f"rounding.{name}": spec.rounding for name, spec in specs.items()},
        **{f"taps.{name}": ",".join(sorted(spec.taps)) for name, spec in specs.items()},
        **{f"arm.{arm.name}": fingerprint_arm(arm, plan.origins) for arm in plan.arms},
        **{f"pace.{arm.name}": _describe_pace(arm) for arm in plan.arms},
    }


def fingerprint_arm(arm: Arm, origins: PartOrigins | None = None) -> str:
    """Returns a hash of everything that an arm's decisions depend on, except policies.

    Args:
        arm: The arm.
        origins: What its detectors, gate and switch were built from.

    Raises:
        PluginError: If one of them cannot say what it is.
    """
    control, rungs = arm.controller, arm.controller.ladder.rungs
    parts = (control.weak, control.strong, control.first, control.patience, control.horizon)
    said = [
        describe_value(parts),
        describe_part(control.gate, origins),
        describe_part(control.switch, origins),
        describe_value([digest_detector(one, origins) for one in control.detectors]),
        describe_value(sorted((rung.name, rung.salt) for rung in rungs if rung.salt)),
        *(["'shadow'"] if control.shadow else []),
        *_describe_asynchrony(arm),
    ]
    return _hash_text(f"({', '.join(said)})")


def digest_detector(detector: Detector[Any], origins: PartOrigins | None = None) -> str:
    """Returns what scores depend on: a detector's own digest, else a description of it.

    Args:
        detector: The detector.
        origins: What it was built from.

    Raises:
        PluginError: If it cannot say what it is.
    """
    if isinstance(detector, Fingerprinted):
        return detector.digest
    return describe_part(detector, origins)


def _describe_pace(arm: Arm) -> str:
    """Returns how many rows of a chunk an arm executes, and whether it writes activations down."""
    rungs = sorted((rung.name, rung.execute) for rung in arm.controller.ladder.rungs)
    rows = ", ".join(f"{name} {count}" for name, count in rungs)
    return f"{rows}; activations {'kept' if arm.log_features else 'not kept'}"


def _describe_asynchrony(arm: Arm) -> list[str]:
    """Returns what decisions depend on where policies are asked ahead; nothing for two of them."""
    control, ladder = arm.controller, arm.controller.ladder
    said = {
        "rungs": ladder.names if len(ladder.rungs) != 2 else None,
        "leads": [rung.lead for rung in ladder.rungs] if ladder.longest_lead else None,
        "min_rows": [rung.min_rows for rung in ladder.rungs],
        "coast": control.coast or None,
        "fallback": ladder.fallback,
        "stale_after": control.stale_after,
        "policies": _list_aliases(ladder.rungs) or None,
        "delay": arm.delay or None,
    }
    if not any(rung.min_rows for rung in ladder.rungs):
        said["min_rows"] = None
    return [describe_value(pair) for pair in said.items() if pair[1] is not None]


def _list_aliases(rungs: Sequence[Rung]) -> list[tuple[PolicyId, PolicyId]]:
    """Lists rungs on which a policy of another name stands, except the placebo's."""
    pairs = [(rung.name, rung.source[0]) for rung in rungs if rung.name != RESEED]
    return [(name, policy) for name, policy in pairs if name != policy]


def _hash_text(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
