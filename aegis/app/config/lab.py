"""Lab: world, policies and detectors of a configuration, built and checked together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from aegis.app.config.composition import ComposedConfig, make_target_factory
from aegis.app.config.part_builder import (
    build_detectors,
    build_policy,
    is_portable,
    read_policy_nodes,
)
from aegis.app.config.settings import Settings
from aegis.core.answers import check_dimensions
from aegis.core.capabilities import AssetBacked, ListsStarts, ListsTasks, SpecChecker
from aegis.core.conventions import Conventions, check_conventions, read_conventions
from aegis.core.errors import AegisError, ConfigError, UnknownNameError
from aegis.core.protocols import Detector, Policy, PolicySpec, World
from aegis.core.types import Embodiment, EpisodeKey, PolicyId
from aegis.fleet.units import Split, list_official_units, list_units
from aegis.host.dispatch import (
    NATIVE_LEVEL,
    PORTABLE_LEVEL,
    build_dispatch,
    describe_cpu,
)
from aegis.records.names import check_family_name
from aegis.records.part_identity import PartOrigins
from aegis.records.provenance import count_cores

SPLITS = ("training", "calibration", "test")


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
        embodiment, horizon, facts, meant = _inspect_world(
            world, settings, read_suite_name(composed)
        )
        for part, node in read_policy_nodes(settings, parts).items():
            policies[part] = build_policy(composed, part, node)
            if policies[part].spec.person:
                raise ConfigError(
                    f"'{part}' is a person, whom only a robot can call. Name a policy here; "
                    "`aegis drive` and `aegis ros node` know people."
                )
            check_dimensions(policies[part].spec, embodiment, part)
            check_conventions(read_conventions(policies[part]), meant, part)
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


def make_world_factory(composed: ComposedConfig) -> Callable[[], World]:
    """Returns a factory of the configured world; it can be pickled."""
    node = Settings(composed.tree).node("env")
    return cast("Callable[[], World]", make_target_factory(composed, "env", node))


def check_tasks(world: World, settings: Settings, suite: str) -> None:
    """Refuses tasks that a world does not have, as far as it knows.

    Raises:
        UnknownNameError: If there is one in ``tasks``.
    """
    if not isinstance(world, ListsTasks):
        return
    known = world.list_tasks()
    for task in settings.integers("tasks"):
        if task not in known:
            raise UnknownNameError("task", task, known, f"suite {suite}; given in tasks")


def check_starts(world: World, settings: Settings, suite: str) -> None:
    """Refuses a family of start states that a world does not have, as far as it knows.

    Raises:
        UnknownNameError: If ``start.family`` is such a one.
    """
    if not isinstance(world, ListsStarts) or "start" not in settings.names():
        return
    family, known = settings.level("start").text("family"), world.list_starts()
    if family not in known:
        where = f"suite {suite}; given in start.family"
        raise UnknownNameError("start family", family, known, where)


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


def count_workers(settings: Settings) -> int:
    """Returns the number of processes; ``auto`` is one per core."""
    if settings.value("workers") == "auto":
        return max(1, count_cores())
    return settings.integer("workers", 1)


def _inspect_world(
    world: Callable[[], World], settings: Settings, suite: str
) -> tuple[Embodiment, int, dict[str, str], Conventions]:
    """Reads embodiment, horizon, assets and conventions from a sample; workers build their own.

    Raises:
        ConfigError: If it is no world.
        UnknownNameError: If it has not all tasks that are asked for.
    """
    sample = world()
    if not isinstance(sample, World):
        raise ConfigError(
            "'env' is not a world: it needs embodiment, horizon, begin, observe, apply, digest and "
            "close."
        )
    try:
        check_tasks(sample, settings, suite)
        check_starts(sample, settings, suite)
        facts = {"assets": sample.assets_digest} if isinstance(sample, AssetBacked) else {}
        return sample.embodiment, sample.horizon, facts, read_conventions(sample)
    finally:
        sample.close()


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
