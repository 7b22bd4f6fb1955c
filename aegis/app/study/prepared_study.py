"""Prepared study: a lab with plan and arms, and digests of everything that it depends on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from aegis.app.config.arm_builder import build_arm
from aegis.app.config.composition import ComposedConfig, restore_config
from aegis.app.config.lab import Lab, open_lab
from aegis.app.config.plan_reader import read_arms, read_plan
from aegis.app.config.settings import Settings
from aegis.app.experiment import LEVEL_KEY, build_run_plan, make_run_sink
from aegis.app.screen import Screen
from aegis.core.errors import ConfigError
from aegis.core.types import EpisodeKey
from aegis.fleet.arm import Arm
from aegis.fleet.run_plan import RunPlan, digest_detector
from aegis.host.dispatch import NATIVE_LEVEL
from aegis.records.provenance import STUDY_PACKAGES, read_versions
from aegis.study.plan.calibration_table import CALIBRATION_FILE as TRIED
from aegis.study.plan.dials import ConfigNode
from aegis.study.plan.digests import PACKAGES, compute_code_digests, compute_file_digest
from aegis.study.plan.lockfile import LockedPlan
from aegis.study.plan.study_plan import StudyPlan
from aegis.study.plan.uncalibrated_arms import UncalibratedArms
from aegis.study.play.execution import StudyExecutor, check_splits

POLICY_PARTS = ("weak", "strong")
LOCK_SECTIONS = ("calibrated", "seeds")
"""Sections that locking adds to a configuration."""


@dataclass(frozen=True, slots=True)
class PreparedStudy:
    """A study that is ready to play.

    Attributes:
        lab: World, policies (``reseed`` too) and detectors.
        plan: Its section ``plan``.
        arms: The arms and their dials.
    """

    lab: Lab
    plan: StudyPlan
    arms: UncalibratedArms

    @property
    def settings(self) -> Settings:
        """The configuration."""
        return self.lab.settings

    def list_calibration_units(self) -> tuple[EpisodeKey, ...]:
        """Lists the units of the calibration of dials."""
        level = self.settings.level("calibration")
        count, offset = level.integer("units", 1), level.integer("offset", 0)
        return self.lab.list_units(count, split="calibration", offset=offset)

    def list_test_units(self) -> tuple[EpisodeKey, ...]:
        """Lists the test units in their planned order.

        Raises:
            ConfigError: If they overlap with calibration units.
        """
        units = self.lab.list_units(self.settings.integer("units", 1))
        check_splits(self.list_calibration_units(), units)
        return units

    def build_arm(self, name: str, node: ConfigNode) -> Arm:
        """Builds an arm."""
        return build_arm(self.lab, name, Settings(node, f"arms.{name}"))

    def build_arms(self) -> tuple[Arm, ...]:
        """Builds all arms, in the order of the plan."""
        return tuple(self.build_arm(name, node) for name, node in self.arms.nodes.items())

    def read_truth_names(self) -> tuple[str, ...]:
        """Returns the names of the simulator truth to log."""
        value = self.settings.value("truth")
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise ConfigError(f"'truth' must be a list of names. Got: {value!r}.")
        return tuple(value)

    def list_kept_arms(self) -> tuple[str, ...]:
        """Returns the arms whose scores the small tables keep.

        The reference, the published and the recommended arm are always among them.

        Raises:
            ConfigError: If the configuration does not name arms.
        """
        value = self.settings.value("keep")
        if not isinstance(value, list) or not all(name in self.arms.nodes for name in value):
            raise ConfigError(
                f"'keep' must be a list of arms of the study ({', '.join(self.arms.nodes)}). "
                f"Got: {value!r}."
            )
        plan = self.plan
        return tuple(dict.fromkeys([plan.reference, plan.published, plan.recommended, *value]))

    def plan_run(
        self,
        units: tuple[EpisodeKey, ...],
        arms: Sequence[Arm],
        lock: Mapping[str, str],
        truth: tuple[str, ...] = (),
    ) -> RunPlan:
        """Returns the plan of a run under a lock.

        Args:
            units: Start states.
            arms: Arms.
            lock: Digests that the run carries.
            truth: Names of the simulator truth to log.
        """
        plan = build_run_plan(self.lab, units, arms)
        return replace(plan, identity={**plan.identity, **lock}, truth=truth)

    def build_executor(self, screen: Screen, title: str, out: Path) -> StudyExecutor:
        """Returns the executor of its runs."""
        return StudyExecutor(
            policies=self.lab.policies,
            world=self.lab.world,
            sink=make_run_sink(screen, title, out),
            workers=self.lab.workers,
            dispatch=self.lab.dispatch,
            slots=self.settings.integer("slots", 1),
        )

    def collect_digests(self) -> dict[str, str]:
        """Returns digests of the built parts: policies, detectors, assets."""
        lab = self.lab
        return {
            **{f"policy.{part}": lab.policies[part].spec.digest for part in POLICY_PARTS},
            **{
                f"detector.{detector.name}": digest_detector(detector, lab.origins)
                for detector in lab.detectors
            },
            **lab.identity,
            # Plans of before say nothing of it; they are played natively.
            **({} if lab.level == NATIVE_LEVEL else {LEVEL_KEY: lab.level}),
        }


@contextmanager
def open_study(composed: ComposedConfig) -> Iterator[PreparedStudy]:
    """Builds a study and frees it afterwards.

    Raises:
        AegisError: If parts cannot be built or do not fit together.
    """
    settings = Settings(composed.tree)
    plan = read_plan(settings)
    arms = read_arms(settings, plan)
    with open_lab(composed, POLICY_PARTS) as lab:
        yield PreparedStudy(lab, plan, arms)


def compose_locked(
    locked: LockedPlan, machine: Mapping[str, object], *, check: bool = True
) -> ComposedConfig:
    """Returns the configuration of a locked plan, on a machine.

    Args:
        locked: The plan.
        machine: Machine settings to use instead of the plan's.
        check: Whether to check its targets now; see ``restore_config``.
    """
    tree = {name: value for name, value in locked.tree.items() if name not in LOCK_SECTIONS}
    return restore_config("study", {**tree, **machine}, locked.text, check=check)


def collect_outer_digests(root: Path, trusted: Sequence[str]) -> dict[str, str]:
    """Returns digests of code, versions and calibration episodes, without building anything.

    Args:
        root: Run folder.
        trusted: The user's packages.
    """
    versions = read_versions(STUDY_PACKAGES)
    digests = {
        **compute_code_digests((*PACKAGES, *trusted)),
        **{f"version.{name}": value for name, value in versions.items()},
    }
    if (root / TRIED).exists():
        digests["calibration"] = compute_file_digest(root / TRIED)
    return digests
