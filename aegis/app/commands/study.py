"""`aegis study`: a pre-registered paired experiment, from its plan to its verification."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

from aegis.app.command import Command
from aegis.app.config.composition import ComposedConfig
from aegis.app.config.plan_reader import read_plan
from aegis.app.config.settings import Settings
from aegis.app.experiment import compose_or_show, resolve_run_folder
from aegis.app.screen import Json, Screen
from aegis.app.study.locking import lock_study
from aegis.app.study.prepared_study import MACHINE_SETTINGS
from aegis.app.study.printing import print_checks, print_lock, print_result, print_sizes
from aegis.app.study.reporting import StoredStudy, write_study_report
from aegis.app.study.running import run_locked_study
from aegis.app.study.verifying import verify_study
from aegis.core.errors import ConfigError, UnknownNameError
from aegis.records.store import RunTables
from aegis.study.analysis.sizing import size_contrasts
from aegis.study.plan.lockfile import PLAN_FILE

VERBS = ("lock", "run", "report", "verify", "power")
EXIT_VERIFICATION_FAILED = 4
"""Exit code of a verification that failed."""


def _run_study(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    words = list(options.overrides)
    verb = words.pop(0) if words and words[0] in VERBS else ""
    if words and "=" not in words[0] and not verb:
        raise UnknownNameError("verb", words[0], VERBS, "aegis study")
    place = words.pop(0) if words and "=" not in words[0] and verb not in ("", "lock") else ""
    options.overrides = words
    if verb in ("", "lock", "power") and not (
        verb == "power" and _find_locked_folder(place) is not None
    ):
        composed = compose_or_show("study", options, screen)
        return {} if composed is None else _run_configured_verb(verb, place, composed, screen)
    otherwise = [word for word in words if verb == "report" and word.startswith("plan.")]
    words = [word for word in words if word not in otherwise]
    root = _require_locked_folder(place, words)
    if options.show:
        screen.print_line((root / PLAN_FILE).read_text().rstrip())
        return {}
    machine = _read_machine_settings(words, verb)
    if verb == "report":
        return _report_study(root, screen, otherwise)
    return _run_stored_verb(verb, root, machine, screen)


def _run_configured_verb(
    verb: str, place: str, composed: ComposedConfig, screen: Screen
) -> Mapping[str, Json]:
    """Does what starts from a configuration: lock, power, or everything."""
    settings = Settings(composed.tree)
    if verb == "power":
        rows = _load_pilot(place or settings.text("name"))
        return _report_power(settings, rows, screen)
    locked = lock_study(composed, screen)
    root = locked.path.parent
    print_lock(locked, screen)
    if verb == "lock":
        return {"out": str(root), "plan": str(locked.path), "lock": locked.digest}
    machine = {name: settings.value(name) for name in MACHINE_SETTINGS}
    run_locked_study(root, machine, screen)
    return _report_study(root, screen)


def _run_stored_verb(
    verb: str, root: Path, machine: Mapping[str, int], screen: Screen
) -> Mapping[str, Json]:
    """Does what starts from a run folder."""
    count, pick = machine.get("sample", 10), machine.get("pick", 0)
    used = {name: value for name, value in machine.items() if name in MACHINE_SETTINGS}
    if verb == "run":
        seal = run_locked_study(root, used, screen)
        screen.print_line(f"sealed: {root}; next: aegis study report {root}")
        return {"out": str(root), "lock": seal.lock, "tables": dict(seal.tables)}
    if verb == "power":
        return _report_power(
            Settings(StoredStudy.read_folder(root).locked.tree), _load_pilot(str(root)), screen
        )
    checks = verify_study(root, count, pick, used, screen)
    print_checks(checks, screen)
    passed = all(check.passed for check in checks)
    said = "verified" if passed else "NOT VERIFIED"
    screen.print_line(
        f"{root}: {said}, {sum(c.passed for c in checks)} of {len(checks)} checks hold"
    )
    found: dict[str, Json] = {"out": str(root), "verified": passed}
    found["checks"] = [cast("dict[str, Json]", asdict(check)) for check in checks]
    return found if passed else {**found, "exit_code": EXIT_VERIFICATION_FAILED}


def _report_study(root: Path, screen: Screen, otherwise: Sequence[str] = ()) -> Mapping[str, Json]:
    result, files, changes = write_study_report(root, screen, otherwise)
    print_result(result, screen)
    for change in changes:
        screen.print_line(f"not as locked: {change}")
    out = files[0].parent
    screen.print_line(f"\nresults in {out}: {', '.join(path.name for path in files[:3])}")
    saved = cast("dict[str, Json]", json.loads(files[0].read_text()))
    return {"out": str(out), **saved}


def _report_power(settings: Settings, pilot: RunTables, screen: Screen) -> Mapping[str, Json]:
    plan = read_plan(settings)
    found = size_contrasts(plan, pilot.episodes, settings.integer("units", 1))
    if not found:
        raise ConfigError(
            f"{pilot.root} has none of the planned contrasts: it was played with the arms "
            f"{', '.join(sorted({row.arm for row in pilot.episodes}))}."
        )
    print_sizes(found, plan.alpha, screen)
    return {
        "pilot": str(pilot.root),
        "alpha": plan.alpha,
        "contrasts": [cast("dict[str, Json]", asdict(size)) for size in found],
    }


def _load_pilot(place: str) -> RunTables:
    return RunTables.read_folder(Path(place) if Path(place).is_dir() else resolve_run_folder(place))


def _find_locked_folder(place: str) -> Path | None:
    """Returns the run folder of a locked study, from its name or path; None if there is none."""
    if not place:
        return None
    for path in (
        Path(place),
        resolve_run_folder(place) if not Path(place).is_absolute() else Path(place),
    ):
        if (path / PLAN_FILE).is_file():
            return path
    return None


def _require_locked_folder(place: str, words: Sequence[str]) -> Path:
    """Returns the run folder that is named first, or by name=; ``study`` without either."""
    named = [word.partition("=")[2] for word in words if word.startswith("name=")]
    wanted = place or (named[-1] if named else "study")
    found = _find_locked_folder(wanted)
    if found is None:
        locked = sorted(path.parent.name for path in Path("runs").glob(f"*/{PLAN_FILE}"))
        raise UnknownNameError("study", wanted, locked or ["none yet: aegis study lock"], "runs/")
    return found


def _read_machine_settings(words: Sequence[str], verb: str) -> dict[str, int]:
    """Reads the settings that a locked plan may be run with."""
    allowed = (*MACHINE_SETTINGS, *(("sample", "pick") if verb == "verify" else ()))
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        if name == "name":
            continue
        if name not in allowed:
            raise UnknownNameError("setting", name, allowed, f"aegis study {verb}: a locked plan")
        if not value.isdecimal() or (name in MACHINE_SETTINGS and int(value) < 1):
            raise ConfigError(f"'{name}' must be a whole number. Got: '{value}'.")
        found[name] = int(value)
    return found


def _add_options(parser: argparse.ArgumentParser) -> None:
    del parser  # None of its own.


COMMAND = Command(
    name="study",
    details="""
        Plays every arm on the same units with common random numbers, under a plan that was
        locked before. lock sets the dials of all arms on calibration units and writes the plan
        with digests of all that it depends on; run plays and seals; report computes, draws and
        writes; verify checks all of that and plays a sample of units again, bit for bit; power
        sizes a study from a pilot. Without a verb: lock, run and report. What was stopped goes
        on where it was.
    """,
    examples=(
        ("aegis study", "all of it: every arm on 200 units"),
        ("aegis study name=fresh seed=11 start.offset=500", "on start states not used before"),
        ("aegis study lock name=big units=1500", "a plan, to commit before it is run"),
        ("aegis study run big workers=8", "plays it, or what is left of it"),
        ("aegis study report big", "report.json, report.md, report.html"),
        (
            "aegis study report big plan.early=0.2",
            "another plan: exploratory, marked so",
        ),
        ("aegis study verify runs/reference sample=20", "plays 20 units again; exit code 4 if not"),
        ("aegis study power big", "units that each contrast needs, from the rows of a run"),
    ),
    configured=True,
    options=_add_options,
    run=_run_study,
)
