"""Locking: sets the dials of a study on calibration units and writes its plan."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aegis.app.config.arm_builder import fill_in
from aegis.app.config.build import Composed
from aegis.app.config.settings import Settings
from aegis.app.experiment import run_folder
from aegis.app.screen import Screen
from aegis.app.study.prepared import ADDED, MACHINE, Stand, open_stand, outer_digests
from aegis.core.errors import LockError
from aegis.core.protocols import Detector
from aegis.core.types import EpisodeKey
from aegis.fleet.pool import Pool
from aegis.fleet.units import Split, split_range
from aegis.records.store import RunTables
from aegis.study.plan.calibration import Arms, Calibrator
from aegis.study.plan.calibration_table import write_tried
from aegis.study.plan.dials import Node
from aegis.study.plan.digests import PACKAGES, code_digests
from aegis.study.plan.lockfile import NAME, Locked, read_lock, write_lock

REQUEST = "request"
"""Name of the digest of the settings that were asked for, before dials were set."""


def lock(composed: Composed, screen: Screen) -> Locked:
    """Locks a study, or returns the lock that it has.

    Raises:
        LockError: If the folder holds a plan from other settings, or test units were played.
        AegisError: Whatever prevents calibration.
    """
    out = run_folder(Settings(composed.tree).text("name"))
    if (out / NAME).exists():
        return _same(composed, read_lock(out))
    if (out / "manifest.json").exists():
        raise LockError(
            f"{out} holds episodes that were played before any plan was locked. Choose another "
            "name, and start states that were not used (start.offset)."
        )
    with open_stand(composed) as stand:
        test, _ = stand.test(), stand.keep()
        screen.note(
            f"locking {out}: dials are set on {len(stand.calibration())} calibration units; none "
            f"of the {len(test)} test units is played"
        )
        with Pool(stand.lab.world, stand.lab.workers) as pool:
            calibrator = _calibrator(stand, out, screen, pool)
            nodes = calibrator.run()
        write_tried(out, calibrator.played)
        tree = {
            **{name: composed.tree[name] for name in ("name", "plan")},
            **composed.tree,
            "arms": {name: dict(node) for name, node in nodes.items()},
            "calibrated": {
                "dials": {name: one.plain() for name, one in calibrator.reached.items()},
                "detectors": {one.name: _calibration_of(one) for one in stand.lab.detectors},
                "horizon": stand.lab.horizon,
            },
            "seeds": _seeds(stand, test),
        }
        digests = {
            REQUEST: request_digest(composed),
            **outer_digests(out, composed.trusted),
            **stand.digests(),
        }
    return write_lock(out, tree, digests)


def request_digest(composed: Composed) -> str:
    """Returns the digest of what was asked for, machine settings left out."""
    asked = {name: value for name, value in composed.tree.items() if name not in MACHINE}
    return hashlib.sha256(repr(asked).encode()).hexdigest()


def _calibrator(stand: Stand, out: Path, screen: Screen, pool: Pool) -> Calibrator:
    """Returns who sets the dials; every run of a setting has a folder, so it can be resumed."""
    nodes = {
        name: fill_in(name, node, stand.lab.detectors) for name, node in stand.arms.nodes.items()
    }
    now = code_digests((*PACKAGES, *stand.lab.composed.trusted))
    code = hashlib.sha256(repr(sorted(now.items())).encode()).hexdigest()
    units, weak = stand.calibration(), stand.lab.policies["weak"]

    def play(name: str, node: Node, folder: str) -> RunTables:
        plan = stand.to_play(units, [stand.arm(name, node)], {"code": code})
        place = out / "calibration" / folder
        machine = stand.machine(screen, f"calibration · {name}", place)
        return machine.run(plan, place, pool)

    return Calibrator(
        plan=stand.plan,
        arms=Arms(nodes, stand.arms.dials, stand.arms.likes),
        play=play,
        chunk=weak.spec.execute,
        horizon=stand.lab.horizon,
        tries=stand.settings.level("calibration").integer("tries", 1),
        tell=screen.note,
        build=lambda name, node: stand.arm(name, node).controller,
    )


def _calibration_of(detector: Detector[Any]) -> dict[str, float]:
    """Returns the numbers that a detector was calibrated to, as far as it has any."""
    probe = getattr(detector, "probe", detector)
    found = {name: getattr(probe, name, None) for name in ("threshold", "alpha", "guard")}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}


def _same(composed: Composed, locked: Locked) -> Locked:
    """Returns the lock if it came from the same settings.

    Raises:
        LockError: If it did not; names what differs.
    """
    if locked.digests.get(REQUEST) == request_digest(composed):
        return locked
    skipped = (*ADDED, "arms", *MACHINE)
    mine, theirs = leaves(composed.tree, skipped), leaves(locked.tree, skipped)
    other = sorted(key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key))
    raise LockError(
        f"{locked.path} was locked with other settings: {', '.join(other[:8]) or 'arms'} differ. A "
        f"plan is locked once: run it as it is (aegis study run {locked.path.parent}), or lock "
        "another one (name=ANOTHER)."
    )


def leaves(node: object, skipped: tuple[str, ...] = (), where: str = "") -> dict[str, str]:
    """Returns key path to value of a configuration.

    Args:
        node: The configuration.
        skipped: Keys of the root to leave out.
        where: Key path of the node.
    """
    if not isinstance(node, Mapping):
        return {where: repr(node)}
    found: dict[str, str] = {}
    for name, child in node.items():
        if name not in skipped:
            found |= leaves(child, (), f"{where}.{name}" if where else str(name))
    return found


def _seeds(stand: Stand, test: tuple[EpisodeKey, ...]) -> dict[str, object]:
    """Returns which start states are for what, for people; splits never share one."""
    training = split_range(test[0].start, Split.TRAINING)
    spans = {"calibration": stand.calibration(), "test": test}
    said = {
        name: {
            "units": len(keys),
            "first": min(key.index for key in keys),
            "last": max(key.index for key in keys),
        }
        for name, keys in spans.items()
    }
    whole = {"first": training.start, "last": training.stop - 1}
    return {"root": test[0].root, "family": test[0].start, "training": whole, **said}
