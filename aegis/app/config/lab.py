"""Lab: world, policies and detectors of a configuration, built and checked together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from aegis.app.config.composition import ComposedConfig, build_target, make_target_factory
from aegis.app.config.identity import describe_settings
from aegis.app.config.settings import Settings
from aegis.app.config.targets import ConfigNode
from aegis.core.capabilities import AssetBacked, SpecChecker
from aegis.core.errors import AegisError, ConfigError
from aegis.core.ladder import RESEED
from aegis.core.protocols import Detector, Policy, PolicySpec, World
from aegis.core.types import OPERATOR, Embodiment, EpisodeKey, PolicyId
from aegis.fleet.units import Split, list_official_units, list_units
from aegis.host.dispatch import (
    NATIVE_LEVEL,
    PORTABLE_LEVEL,
    build_dispatch,
    describe_cpu,
    find_shortcoming,
)
from aegis.records.names import check_family_name, check_name
from aegis.records.part_identity import PartOrigins
from aegis.records.provenance import count_cores

SPLITS = ("training", "calibration", "test")


PORTABLE = "portable"
"""The setting by which rows are the same on every machine."""
AUTOMATIC = "auto"
BETWEEN = "between"
"""The setting that names policies between the weak and the strong one."""


@dataclass(frozen=True, slots=True)
class Lab:
    """World, policies and detectors of an experiment.

    Attributes:
        composed: The configuration.
        settings: The same, for reading.
        world: Factory of worlds; can be pickled.
        embodiment: Embodiment of the robot.
        horizon: Longest episode [control steps].
        policies: Part (``weak``, ``strong``) to policy.
        detectors: Detectors on the weak policy: ``detector`` first, then ``detectors``.
        identity: Horizon of the world, and the digest of its assets if it has any.
        origins: Configurations that detectors, gates and switches were built from.
        unfit: Name of a detector to the reason why it cannot watch the weak policy; empty unless
            such detectors are allowed.
    """

    composed: ComposedConfig
    settings: Settings
    world: Callable[[], World]
    embodiment: Embodiment
    horizon: int
    policies: Mapping[PolicyId, Policy]
    detectors: tuple[Detector[Any], ...]
    identity: Mapping[str, str]
    origins: PartOrigins
    unfit: Mapping[str, str] = field(default_factory=dict)

    def list_units(
        self, count: int, split: str | None = None, offset: int | None = None
    ) -> tuple[EpisodeKey, ...]:
        """Lists start states of the configured split, or of another one."""
        start = self.settings.level("start")
        return choose_units(self.settings, start, self.suite, count, split, offset)

    @property
    def specs(self) -> Mapping[PolicyId, PolicySpec]:
        """What each policy says of itself."""
        return {part: policy.spec for part, policy in self.policies.items()}

    @property
    def suite(self) -> str:
        """Name of the task suite."""
        return read_suite_name(self.composed)

    @property
    def workers(self) -> int:
        """Simulator processes."""
        return count_workers(self.settings)

    @property
    def level(self) -> str:
        """Name of the arithmetic that rows are played at, for identities and locks."""
        if not is_portable(self.settings):
            return NATIVE_LEVEL
        free = sorted(name for name, policy in self.policies.items() if not policy.spec.portable)
        return f"{PORTABLE_LEVEL} except {', '.join(free)}" if free else PORTABLE_LEVEL

    @property
    def machine(self) -> dict[str, str]:
        """What rows depend on that other machines may not share; see ``RunPlan``."""
        return {} if self.level == PORTABLE_LEVEL else {"cpu": describe_cpu()}

    @property
    def dispatch(self) -> dict[str, str]:
        """Environment variables for simulator processes; none if a plan is older than them.

        Raises:
            MachineError: If the machine cannot be portable, and is to be.
        """
        return build_dispatch(is_portable(self.settings))


@contextmanager
def open_lab(
    composed: ComposedConfig, parts: Sequence[PolicyId], *, allow_unfit: bool = False
) -> Iterator[Lab]:
    """Builds a lab and frees it afterwards.

    Args:
        composed: The configuration.
        parts: Policies to build: ``weak``, ``strong``.
        allow_unfit: Whether detectors may be unable to watch the weak policy. They must not be
            played then; ``unfit`` lists them.

    Raises:
        AegisError: If something cannot be built or does not fit together.
    """
    settings = Settings(composed.tree)
    world = make_world_factory(composed)
    policies: dict[PolicyId, Policy] = {}
    try:
        embodiment, horizon, facts = _inspect_world(world)
        for part, node in read_policy_nodes(settings, parts).items():
            policies[part] = build_policy(composed, part, node)
        origins = PartOrigins()
        detectors = build_detectors(composed, settings, origins)
        unfit = _find_unfit_detectors(detectors, policies, allow_unfit)
        yield Lab(
            composed=composed,
            settings=settings,
            world=world,
            embodiment=embodiment,
            horizon=horizon,
            policies=policies,
            detectors=detectors,
            identity={"horizon": str(horizon), **facts},
            origins=origins,
            unfit=unfit,
        )
    finally:
        for policy in policies.values():
            policy.close()


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


def make_world_factory(composed: ComposedConfig) -> Callable[[], World]:
    """Returns a factory of the configured world; it can be pickled."""
    node = Settings(composed.tree).node("env")
    return cast("Callable[[], World]", make_target_factory(composed, "env", node))


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


def choose_units(
    settings: Settings,
    start: Settings,
    suite: str,
    count: int,
    split: str | None,
    offset: int | None,
) -> tuple[EpisodeKey, ...]:
    """Lists start states of the configured split, or of another one."""
    tasks, seed = settings.integers("tasks"), settings.integer("seed", 0)
    family = check_family_name(start.text("family"))
    if split is None and family == "official" and start.value("split") == "all":
        return list_official_units(seed, suite, tasks, -(-count // len(tasks)))[:count]
    name = split if split is not None else start.choice("split", SPLITS)
    first = start.integer("offset", 0) if offset is None else offset
    return list_units(seed, suite, tasks, family, Split(name), count, first)


def read_suite_name(composed: ComposedConfig) -> str:
    """Returns the name of the task suite: ``env.suite``, else the class of the environment."""
    node = Settings(composed.tree).node("env")
    return str(node.get("suite", str(node["_target_"]).rpartition(".")[2]))


def is_portable(settings: Settings) -> bool:
    """Says whether rows are to be the same on every machine; those of plans of before are not.

    ``auto`` is portable where the machine allows it, for those who only want to see something.
    """
    if PORTABLE not in settings.names():
        return False
    if settings.value(PORTABLE) == AUTOMATIC:
        return not find_shortcoming()
    return settings.flag(PORTABLE)


def count_workers(settings: Settings) -> int:
    """Returns the number of processes; ``auto`` is one per core."""
    if settings.value("workers") == "auto":
        return max(1, count_cores())
    return settings.integer("workers", 1)


def _inspect_world(world: Callable[[], World]) -> tuple[Embodiment, int, dict[str, str]]:
    """Reads embodiment, horizon and assets from a sample; workers build their own worlds."""
    sample = world()
    if not isinstance(sample, World):
        raise ConfigError(
            "'env' is not a world: it needs embodiment, horizon, begin, observe, apply, digest and "
            "close."
        )
    try:
        facts = {"assets": sample.assets_digest} if isinstance(sample, AssetBacked) else {}
        return sample.embodiment, sample.horizon, facts
    finally:
        sample.close()


def build_detectors(
    composed: ComposedConfig, settings: Settings, origins: PartOrigins
) -> tuple[Detector[Any], ...]:
    """Builds all detectors of a configuration, and keeps what they were built from."""
    detectors: list[Detector[Any]] = []
    for where, node in read_detector_nodes(settings).items():
        detectors.append(build_detector(composed, where, node))
        origins.add_part(detectors[-1], describe_settings(node, composed.trusted))
    return tuple(detectors)


def _find_unfit_detectors(
    detectors: Sequence[Detector[Any]], policies: Mapping[PolicyId, Policy], allow: bool
) -> dict[str, str]:
    """Returns name to reason of the detectors that cannot watch the weak policy.

    Raises:
        AegisError: If there is one, and none is allowed.
    """
    unfit = {}
    for detector in detectors:
        try:
            if isinstance(detector, SpecChecker):
                detector.check(policies["weak"].spec)
        except AegisError as error:
            if not allow:
                raise
            unfit[detector.name] = str(error)
    return unfit
