"""Recorded run: a run folder with its configuration, from which world and gates are built again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from aegis.app.config.arm_builder import ArmParts, KnownParts, build_arm, build_run_arm
from aegis.app.config.composition import ComposedConfig, restore_config
from aegis.app.config.lab import make_world_factory
from aegis.app.config.part_builder import build_detectors, is_portable, list_between
from aegis.app.config.plan_reader import read_arms, read_plan
from aegis.app.config.settings import Settings
from aegis.app.study.prepared_study import compose_locked
from aegis.core.capabilities import ThresholdGate
from aegis.core.controller import Controller
from aegis.core.errors import ConfigError, TraceError
from aegis.core.protocols import PolicySpec, World
from aegis.core.types import Embodiment, PolicyId
from aegis.export.frame_source import RecordedDetector
from aegis.fleet.arm import Arm
from aegis.host.dispatch import build_dispatch
from aegis.records.part_identity import PartOrigins
from aegis.records.rows import EpisodeRow
from aegis.records.store import RunTables
from aegis.study.plan.lockfile import PLAN_FILE, read_lock

_CONFIG_FILE = "config.yaml"
_MANY_ROWS = 10_000
"""Rows of a proposal of a policy that is not there: enough for any lead."""


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run folder.

    Attributes:
        root: The folder.
        composed: Configuration that it was played with.
        episodes: Rows of its episodes.
        embodiment: The robot.
        horizon: Longest episode [control steps].
    """

    root: Path
    composed: ComposedConfig
    episodes: tuple[EpisodeRow, ...]
    embodiment: Embodiment
    horizon: int

    @classmethod
    def read_folder(cls, root: Path) -> RecordedRun:
        """Reads a run folder and builds its world once, to ask for the robot.

        Raises:
            ConfigError: If it is no folder.
            TraceError: If the run is not finished, or its configuration cannot be read.
            AegisError: If its world cannot be built here.
        """
        if not root.is_dir():
            raise ConfigError(f"{root} is no folder. Name the folder of a run, as in runs/first.")
        episodes = RunTables.read_folder(root).episodes
        composed = _restore_config(root)
        sample = make_world_factory(composed)()
        try:
            return cls(root, composed, episodes, sample.embodiment, sample.horizon)
        finally:
            sample.close()

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.root.resolve().name

    @property
    def world(self) -> Callable[[], World]:
        """Builds a world of the kind that it was played in; can be pickled."""
        return make_world_factory(self.composed)

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of processes that play its actions again."""
        return build_dispatch(is_portable(Settings(self.composed.tree)))

    def list_rungs(self) -> tuple[PolicyId, ...]:
        """Returns who may have driven by the configuration, the weakest first."""
        return ("weak", *list_between(Settings(self.composed.tree)), "strong")

    def list_drivers(self) -> tuple[PolicyId, ...]:
        """Returns who drove: rungs, the weakest first, then all others, such as a person.

        Where tables of before do not say who drove, every rung counts.
        """
        rungs, drove = self.list_rungs(), set[PolicyId]()
        for row in self.episodes:
            told = row.steps_by
            drove |= {name for name, count in told if count} if told is not None else set(rungs)
        return (*(name for name in rungs if name in drove), *sorted(drove - set(rungs)))

    def build_judging_arms(self) -> dict[str, Arm]:
        """Builds the arms whose gate compares a quantity with a bar, by name.

        No policy is built: a gate needs none to judge again what was recorded. Instead of their
        detectors, which may be large, they have such as stand for recorded scores.

        Raises:
            AegisError: If a part cannot be built here.
        """
        settings = Settings(self.composed.tree)
        origins = PartOrigins()
        parts = KnownParts(
            composed=self.composed,
            settings=settings,
            embodiment=self.embodiment,
            horizon=self.horizon,
            specs={
                name: _describe_absent(name) for name in (*self.list_rungs(), *self.list_drivers())
            },
            detectors=build_detectors(self.composed, settings, origins),
            origins=origins,
        )
        arms = _build_arms(parts)
        return {
            arm.name: replace(arm, controller=_replace_detectors(arm.controller))
            for arm in arms
            if isinstance(arm.controller.gate, ThresholdGate)
        }


def _build_arms(parts: ArmParts) -> tuple[Arm, ...]:
    """Builds the arms of a study, a demo or a run; a collection has none that compares."""
    settings = parts.settings
    if "arms" in settings.names():
        nodes: Mapping[str, object] = settings.node("arms")
        if "plan" in settings.names():
            nodes = read_arms(settings, read_plan(settings)).nodes
        level = Settings(nodes, "arms")
        return tuple(build_arm(parts, name, level.level(name)) for name in level.names())
    if "gate" in settings.names():
        return (build_run_arm(parts),)
    return ()


def _replace_detectors(controller: Controller) -> Controller:
    recorded = tuple(RecordedDetector(one.name) for one in controller.detectors)
    return replace(controller, detectors=recorded)


def _describe_absent(name: PolicyId) -> PolicySpec:
    """Returns the description of a policy that is not there and is never asked."""
    return PolicySpec(name, "", {}, horizon=_MANY_ROWS, execute=1, taps={})


def _restore_config(root: Path) -> ComposedConfig:
    """Returns the configuration of a run folder; its targets are checked when they are built."""
    if (root / PLAN_FILE).exists():
        return compose_locked(read_lock(root), {}, check=False)
    path = root / _CONFIG_FILE
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise TraceError(
            f"{path} is missing or damaged ({error}). It says which world the run was played in; "
            "without it the run cannot be played again. Run the same command again to write it."
        ) from error
    if not isinstance(tree, dict) or not isinstance(tree.get("env"), dict):
        raise TraceError(f"{path} is damaged: it names no world ('env').")
    return restore_config("run", tree, text, check=False)
