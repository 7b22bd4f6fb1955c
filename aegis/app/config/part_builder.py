"""Part builder: policies and detectors of a configuration, for experiments and for robots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aegis.app.config.composition import ComposedConfig, build_target
from aegis.app.config.identity import describe_settings
from aegis.app.config.settings import Settings
from aegis.app.config.targets import ConfigNode
from aegis.core.errors import ConfigError
from aegis.core.ladder import RESEED
from aegis.core.protocols import Detector, Policy
from aegis.core.types import OPERATOR, PolicyId
from aegis.host.dispatch import find_shortcoming
from aegis.records.names import check_name
from aegis.records.part_identity import PartOrigins

PORTABLE = "portable"
"""The setting by which rows are the same on every machine."""
AUTOMATIC = "auto"
BETWEEN = "between"
"""The setting that names policies between the weak and the strong one."""


def list_between(settings: Settings) -> tuple[PolicyId, ...]:
    """Returns the names of the policies between the weak and the strong one, weakest first.

    Raises:
        ConfigError: If a name is taken, or none.
    """
    if BETWEEN not in settings.names():
        return ()
    names = tuple(settings.level(BETWEEN).names())
    for name in names:
        check_name(name, f"a policy in '{BETWEEN}'")
        if name in ("weak", "strong", RESEED, OPERATOR):
            raise ConfigError(f"'{BETWEEN}.{name}' has the name of another rung. Rename it.")
    return names


def read_policy_nodes(settings: Settings, parts: Sequence[PolicyId]) -> dict[PolicyId, ConfigNode]:
    """Returns policy to node: the given parts, then the policies between them.

    Args:
        settings: The configuration.
        parts: ``weak``, ``strong``.
    """
    nodes = {part: settings.node(part) for part in parts}
    return nodes | {name: settings.level(BETWEEN).node(name) for name in list_between(settings)}


def read_detector_nodes(settings: Settings) -> dict[str, ConfigNode]:
    """Returns place in the configuration to node: ``detector``, then ``detectors`` by their keys.

    Those that a regime turned off (null) are left out.
    """
    nodes: dict[str, ConfigNode] = {}
    if "detector" in settings.names() and settings.value("detector") is not None:
        nodes["detector"] = settings.node("detector")
    if "detectors" in settings.names():
        further = settings.level("detectors")
        for name in further.names():
            if further.value(name) is not None:
                node = further.node(name)
                named = {"name": name} if "name" in node else {}
                nodes[f"detectors.{name}"] = {**node, **named}
    return nodes


def build_detector(composed: ComposedConfig, where: str, node: ConfigNode) -> Detector[Any]:
    """Builds the detector of a node that stands at a place of the configuration.

    Raises:
        ConfigError: If it is none, or names its score otherwise than its key.
    """
    detector = build_target(composed, where, node)
    if not isinstance(detector, Detector):
        raise ConfigError(f"'{where}' is not a detector: it needs name, start and update.")
    _, further, name = where.partition(".")
    if further and detector.name != name:
        raise ConfigError(
            f"'{where}' names its score '{detector.name}'. Give its class an argument 'name', or "
            "use its name as the key."
        )
    return detector


def build_policy(composed: ComposedConfig, part: PolicyId, node: ConfigNode) -> Policy:
    """Builds a policy under the name of its part; it is portable where the experiment is.

    Raises:
        ConfigError: If the target does not build a policy.
    """
    given = dict(node)
    if "name" in node:
        given["name"] = part
    if node.get(PORTABLE) is True:
        given[PORTABLE] = is_portable(Settings(composed.tree))
    policy = build_target(composed, part, given)
    if not isinstance(policy, Policy):
        raise ConfigError(f"'{part}' is not a policy: it needs spec, propose and close.")
    if policy.spec.name != part:
        raise ConfigError(
            f"'{part}' names itself '{policy.spec.name}'. Give its class an argument 'name' and "
            "pass it to its PolicySpec."
        )
    return policy


def build_detectors(
    composed: ComposedConfig, settings: Settings, origins: PartOrigins
) -> tuple[Detector[Any], ...]:
    """Builds all detectors of a configuration, and keeps what they were built from."""
    detectors: list[Detector[Any]] = []
    for where, node in read_detector_nodes(settings).items():
        detectors.append(build_detector(composed, where, node))
        origins.add_part(detectors[-1], describe_settings(node, composed.trusted))
    return tuple(detectors)


def is_portable(settings: Settings) -> bool:
    """Says whether rows are to be the same on every machine; those of plans of before are not.

    ``auto`` is portable where the machine allows it, for those who only want to see something.
    """
    if PORTABLE not in settings.names():
        return False
    if settings.value(PORTABLE) == AUTOMATIC:
        return not find_shortcoming()
    return settings.flag(PORTABLE)
