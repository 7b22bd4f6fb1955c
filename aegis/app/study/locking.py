"""Locking: sets the dials of a plan and writes the plan for good."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from aegis.app.config.arm_builder import fill_calibrated
from aegis.app.config.composition import ComposedConfig
from aegis.app.config.identity import flatten_config
from aegis.app.config.settings import MACHINE_SETTINGS, Settings
from aegis.app.experiment import resolve_run_folder
from aegis.app.screen import Screen
from aegis.app.study.prepared_study import (
    LOCK_SECTIONS,
    PreparedStudy,
    collect_outer_digests,
    open_study,
)
from aegis.core.capabilities import Calibrated
from aegis.core.errors import LockError
from aegis.core.protocols import Detector
from aegis.core.types import EpisodeKey
from aegis.fleet.pool import WorkerPool
from aegis.fleet.units import Split, get_split_indices
from aegis.records.folder_lock import lock_folder
from aegis.records.store import RunStore, RunTables
from aegis.study.plan.calibration import Calibrator
from aegis.study.plan.calibration_table import write_calibration_table
from aegis.study.plan.dials import ConfigNode
from aegis.study.plan.lockfile import PLAN_FILE, LockedPlan, read_lock, write_lock
from aegis.study.plan.uncalibrated_arms import UncalibratedArms

REQUEST_KEY = "request"
"""Name of the digest of the requested settings, before dials are set."""


def lock_study(composed: ComposedConfig, screen: Screen) -> LockedPlan:
    """Locks a study, or returns the lock that it has.

    Raises:
        LockError: If the folder holds a plan from other settings, or test units were played.
        BusyFolderError: If another process writes to the folder.
        AegisError: If calibration fails.
    """
    out = resolve_run_folder(Settings(composed.tree).text("name"))
    if (out / PLAN_FILE).exists():
        return _require_same_request(composed, read_lock(out))
    _refuse_played(out)
    with open_study(composed) as study:
        study.plan.check_draws()
        test, _ = study.list_test_units(), study.list_kept_arms()
        with lock_folder(out):
            return _lock_opened(study, out, test, screen)


def _refuse_played(out: Path) -> None:
    """Refuses a folder with episodes: a plan must be there before any test unit is played."""
    if RunStore(out).has_episodes():
        raise LockError(
            f"{out} holds episodes that were played before any plan was locked. Choose another "
            "name, and start states that were not used (start.offset)."
        )


def _lock_opened(
    study: PreparedStudy, out: Path, test: tuple[EpisodeKey, ...], screen: Screen
) -> LockedPlan:
    """Sets the dials and writes the plan, while the folder is locked for this process."""
    composed = study.lab.composed
    if (out / PLAN_FILE).exists():  # Another process was faster.
        return _require_same_request(composed, read_lock(out))
    _refuse_played(out)
    screen.print_note(
        f"locking {out}: dials are set on {len(study.list_calibration_units())} calibration units; "
        f"none of the {len(test)} test units is played"
    )
    with WorkerPool(study.lab.world, study.lab.workers, study.lab.dispatch) as pool:
        calibrator = _build_calibrator(study, out, screen, pool)
        nodes = calibrator.set_dials()
    write_calibration_table(out, calibrator.played)
    tree = {
        **{name: composed.tree[name] for name in ("name", "plan")},
        **composed.tree,
        "arms": {name: dict(node) for name, node in nodes.items()},
        "calibrated": {
            "dials": {name: dial.as_dict() for name, dial in calibrator.reached.items()},
            "detectors": {
                detector.name: _read_calibration(detector) for detector in study.lab.detectors
            },
            "horizon": study.lab.horizon,
        },
        "seeds": _describe_seeds(study, test),
    }
    digests = {
        REQUEST_KEY: digest_request(composed),
        **collect_outer_digests(out, composed.trusted),
        **study.collect_digests(),
    }
    return write_lock(out, tree, digests)


def digest_request(composed: ComposedConfig) -> str:
    """Returns the digest of the requested settings without machine settings."""
    requested = {
        name: value for name, value in composed.tree.items() if name not in MACHINE_SETTINGS
    }
    return hashlib.sha256(repr(requested).encode()).hexdigest()


def _build_calibrator(
    study: PreparedStudy, out: Path, screen: Screen, pool: WorkerPool
) -> Calibrator:
    """Returns the calibrator; each run of a setting has its own folder and can be resumed."""
    nodes = {
        name: fill_calibrated(name, node, study.lab.detectors)
        for name, node in study.arms.nodes.items()
    }
    units, weak = study.list_calibration_units(), study.lab.policies["weak"]

    def play_setting(name: str, node: ConfigNode, folder: str) -> RunTables:
        plan = study.plan_run(units, [study.build_arm(name, node)], {})
        run_folder = out / "calibration" / folder
        executor = study.build_executor(screen, f"calibration · {name}", run_folder)
        return executor.execute_plan(plan, run_folder, pool)

    return Calibrator(
        plan=study.plan,
        arms=UncalibratedArms(nodes, study.arms.dials, study.arms.likes),
        play=play_setting,
        chunk=weak.spec.execute,
        horizon=study.lab.horizon,
        tries=study.settings.level("calibration").integer("tries", 1),
        tell=screen.print_note,
        build=lambda name, node: study.build_arm(name, node).controller,
    )


def _read_calibration(detector: Detector[Any]) -> dict[str, float]:
    """Returns the calibrated numbers of a detector; empty if it has none."""
    calibration = detector.calibration if isinstance(detector, Calibrated) else {}
    return {
        name: calibration[name] for name in ("threshold", "alpha", "guard") if name in calibration
    }


def _require_same_request(composed: ComposedConfig, locked: LockedPlan) -> LockedPlan:
    """Returns the lock if it came from the same settings.

    Raises:
        LockError: If it did not; the message names the differences.
    """
    if locked.digests.get(REQUEST_KEY) == digest_request(composed):
        return locked
    skipped = (*LOCK_SECTIONS, "arms", *MACHINE_SETTINGS)
    ours, theirs = flatten_config(composed.tree, skipped), flatten_config(locked.tree, skipped)
    differing = sorted(key for key in {*ours, *theirs} if ours.get(key) != theirs.get(key))
    differences = [f"{key} ({theirs.get(key)} there, {ours.get(key)} here)" for key in differing]
    raise LockError(
        f"{locked.path} was locked with other settings: {', '.join(differences) or 'arms'} differ. "
        f"A plan is locked once: run it as it is (aegis study run {locked.path.parent}), or lock "
        "another one (name=ANOTHER)."
    )


def _describe_seeds(study: PreparedStudy, test: tuple[EpisodeKey, ...]) -> dict[str, object]:
    """Returns the ranges of start states per split, for people; splits never share one."""
    training = get_split_indices(test[0].start, Split.TRAINING)
    spans = {"calibration": study.list_calibration_units(), "test": test}
    ranges = {
        name: {
            "units": len(keys),
            "first": min(key.index for key in keys),
            "last": max(key.index for key in keys),
        }
        for name, keys in spans.items()
    }
    training_range = {"first": training.start, "last": training.stop - 1}
    return {"root": test[0].root, "family": test[0].start, "training": training_range, **ranges}
