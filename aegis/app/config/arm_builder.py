"""Arm builder: from an arm's configuration to its controller, gate and switch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from aegis.app.config.composition import ComposedConfig, build_target
from aegis.app.config.identity import describe_settings
from aegis.app.config.lab import Lab
from aegis.app.config.part_builder import BETWEEN, list_between
from aegis.app.config.settings import Settings
from aegis.app.config.targets import CALIBRATED, ConfigNode
from aegis.app.config.timing import KEY, Timing, read_timing
from aegis.core.capabilities import Calibrated
from aegis.core.controller import Controller
from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.ladder import RESEED, Ladder, Rung
from aegis.core.protocols import Detector, Gate, PolicySpec, Switch
from aegis.core.types import Embodiment, PolicyId
from aegis.fleet.arm import Arm
from aegis.gates.constant import NeverGate
from aegis.gates.limits import scores_read_by
from aegis.gates.switch import HysteresisSwitch
from aegis.records.names import check_name
from aegis.records.part_identity import PartOrigins


class ArmParts(Protocol):
    """What an arm is built from: a lab, or what is known where there is none."""

    @property
    def composed(self) -> ComposedConfig:
        """The configuration."""
        ...

    @property
    def settings(self) -> Settings:
        """The same, for reading."""
        ...

    @property
    def embodiment(self) -> Embodiment:
        """The robot."""
        ...

    @property
    def horizon(self) -> int:
        """Longest episode [control steps]."""
        ...

    @property
    def specs(self) -> Mapping[PolicyId, PolicySpec]:
        """What each policy says of itself."""
        ...

    @property
    def detectors(self) -> tuple[Detector[Any], ...]:
        """Detectors on the weak policy."""
        ...

    @property
    def origins(self) -> PartOrigins:
        """Configurations that detectors, gates and switches were built from."""
        ...


@dataclass(frozen=True, slots=True)
class KnownParts:
    """What is known where there is no lab: of a robot, of a server's clients, of a recording."""

    composed: ComposedConfig
    settings: Settings
    embodiment: Embodiment
    horizon: int
    specs: Mapping[PolicyId, PolicySpec]
    detectors: tuple[Detector[Any], ...]
    origins: PartOrigins


def build_arms(lab: Lab, settings: Settings) -> tuple[Arm, ...]:
    """Builds the arms of a study, in the order of the configuration."""
    return tuple(build_arm(lab, name, settings.level(name)) for name in settings.names())


def build_run_arm(lab: ArmParts) -> Arm:
    """Builds the only arm of `aegis run`, from ``gate``, ``switch`` and ``first`` at the root."""
    listed = ("gate", "switch", "first", KEY, BETWEEN)
    named = [name for name in listed if name in lab.settings.names()]
    parts = {name: lab.settings.value(name) for name in named}
    fixed = {"weak": "weak", "strong": "strong", "detect": True, "salt": {}}
    return build_arm(lab, "aegis", Settings({**parts, **fixed}))


def build_arm(lab: ArmParts, name: str, settings: Settings, log_features: bool = False) -> Arm:
    """Builds one arm.

    Args:
        lab: World, policies and detectors.
        name: Name of the arm.
        settings: Its part of the configuration.
        log_features: Whether activations are logged.

    Raises:
        ConfigError: If its name is not valid, or the parts cannot work together.
        UnknownNameError: If gate or switch read a score that no detector of the arm computes.
    """
    check_name(name, "an arm")
    detectors = lab.detectors if settings.flag("detect") else ()
    gate = _fill_calibrated_part(settings.node("gate"), f"arms.{name}.gate", lab.detectors)
    switch = _fill_calibrated_part(settings.node("switch"), f"arms.{name}.switch", lab.detectors)
    rules: dict[str, Any] = {
        part: build_target(lab.composed, f"arms.{name}.{part}", node)
        for part, node in (("gate", gate), ("switch", switch))
    }
    for part, node in (("gate", gate), ("switch", switch)):
        lab.origins.add_part(rules[part], describe_settings(node, lab.composed.trusted))
    for part, rule in rules.items():
        for score in scores_read_by(rule):
            _check_score(score, f"arms.{name}.{part}", detectors)
    timing = read_timing(settings, _list_rungs(settings))
    controller = Controller(
        embodiment=lab.embodiment,
        ladder=_build_ladder(lab, name, settings, timing),
        horizon=lab.horizon,
        detectors=detectors,
        gate=cast("Gate[Any]", rules["gate"]),
        switch=cast("Switch[Any]", rules["switch"]),
        patience=lab.settings.integer("patience", 0),
        first=settings.text("first"),
        coast=timing.coast,
    )
    return Arm(
        name=name,
        controller=controller,
        log_features=log_features,
        delay=timing.delay,
    )


def build_lone_controller(lab: Lab, names: Sequence[PolicyId], first: PolicyId) -> Controller:
    """Returns a controller under which one policy drives to the end; no rule hands over.

    Args:
        lab: World and policies.
        names: Policies on the ladder, weakest first; forks may hand over to the others.
        first: Who drives.
    """
    specs = {name: lab.policies[name].spec for name in names}
    rungs = tuple(Rung(name, spec.execute, from_due=spec.from_due) for name, spec in specs.items())
    return Controller(
        embodiment=lab.embodiment,
        ladder=Ladder(rungs, fallback=None),
        horizon=lab.horizon,
        detectors=(),
        gate=NeverGate(),
        switch=HysteresisSwitch(release=float("-inf")),
        patience=lab.settings.integer("patience", 0),
        first=first,
    )


def fill_calibrated(name: str, node: ConfigNode, detectors: Sequence[Detector[Any]]) -> ConfigNode:
    """Returns an arm's configuration with numbers where it says ``calibrated``.

    Args:
        name: Name of the arm.
        node: Its configuration.
        detectors: Calibrated detectors. A part takes the numbers of the detector whose score it
            reads, or of the first one.

    Raises:
        ConfigError: If that detector was not calibrated.
        UnknownNameError: If no detector computes the score.
    """
    return {
        part: _fill_calibrated_part(cast("ConfigNode", part_node), f"arms.{name}.{part}", detectors)
        if part in ("gate", "switch")
        else part_node
        for part, part_node in node.items()
    }


def _fill_calibrated_part(
    node: ConfigNode, where: str, detectors: Sequence[Detector[Any]]
) -> ConfigNode:
    """Replaces ``calibrated`` by the number that the part's detector was calibrated to."""
    filled: dict[str, object] = {}
    for name, value in node.items():
        filled[str(name)] = value
        if value == CALIBRATED:
            if node.get("score") is not None:
                _check_score(str(node["score"]), where, detectors)
            filled[str(name)] = _read_calibrated_number(
                str(name), where, _find_detector(node, detectors)
            )
    return filled


def _check_score(score: str, where: str, detectors: Sequence[Detector[Any]]) -> None:
    """Refuses a score that no detector computes: a gate would take it for unknown, so for risk."""
    names = [detector.name for detector in detectors]
    if score not in names:
        raise UnknownNameError("score", score, names or ["(no detector watches)"], where)


def _find_detector(node: ConfigNode, detectors: Sequence[Detector[Any]]) -> Detector[Any] | None:
    """Returns the detector whose score a part reads; the first if it names no score."""
    score = node.get("score")
    return next(
        (detector for detector in detectors if score is None or detector.name == score), None
    )


def _read_calibrated_number(name: str, where: str, detector: Detector[Any] | None) -> float:
    value = detector.calibration.get(name) if isinstance(detector, Calibrated) else None
    if value is None:
        raise ConfigError(
            f"'{where}.{name}' is 'calibrated', but the detector has no {name} in its calibration. "
            "Give a number, or a calibrated detector (`aegis fit`)."
        )
    return float(value)


def _build_ladder(lab: ArmParts, name: str, settings: Settings, timing: Timing) -> Ladder:
    """Returns the ladder of an arm: the weak policy, those between, and the one that helps.

    The rung ``reseed`` is the weak policy again, under a name of its own.
    """
    salt = _read_salt(settings.node("salt"), name)
    names = _list_rungs(settings)
    for unknown in salt.keys() - set(names):
        raise UnknownNameError("policy", unknown, names, f"'arms.{name}.salt'")
    rungs = []
    for rung in names:
        policy = names[0] if rung == RESEED else rung
        if policy not in lab.specs:
            known = (*lab.specs, RESEED)
            raise UnknownNameError("policy", rung, known, f"arm '{name}'")
        spec = lab.specs[policy]
        found = Rung(
            rung,
            execute=spec.execute,
            lead=0 if spec.person else timing.lead.get(rung, 0),
            min_rows=None if spec.person else timing.min_rows.get(rung),
            policy=policy,
            salt=salt.get(rung, 0),
            from_due=spec.from_due,
            person=spec.person,
        )
        left = spec.horizon if spec.from_due else max(spec.horizon - found.lead, 0)
        if left < found.least_rows:
            raise ConfigError(
                f"'arms.{name}.{KEY}.lead' of {found.lead} control steps leaves {left} of the "
                f"{spec.horizon} rows that policy '{policy}' proposes, but "
                f"{found.least_rows} are to be executed. Shorten the lead, or set '{KEY}.min_rows'."
            )
        rungs.append(found)
    return Ladder(tuple(rungs), timing.fallback)


def _list_rungs(settings: Settings) -> tuple[PolicyId, ...]:
    return (settings.text("weak"), *list_between(settings), settings.text("strong"))


def _read_salt(node: Mapping[str, object], name: str) -> dict[str, int]:
    if not all(isinstance(value, int) for value in node.values()):
        raise ConfigError(f"'arms.{name}.salt' maps policies to integers. Got: {dict(node)}.")
    return cast("dict[str, int]", dict(node))
