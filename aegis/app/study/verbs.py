"""Verbs of `aegis study`: what each does with what was typed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

from aegis.app.config.plan_reader import read_plan
from aegis.app.config.settings import MACHINE_SETTINGS, Settings
from aegis.app.experiment import RUNS_FOLDER, compose_or_show, resolve_run_folder
from aegis.app.screen import Json, Screen
from aegis.app.study.checks.publication import (
    PUBLICATION_SETTINGS,
    Publication,
    format_lock_line,
)
from aegis.app.study.levels import AUTOMATIC
from aegis.app.study.locking import lock_study
from aegis.app.study.printing import print_checks, print_lock, print_result, print_sizes
from aegis.app.study.replaying import Sample
from aegis.app.study.reporting import StoredStudy, write_study_report
from aegis.app.study.running import run_locked_study
from aegis.app.study.verifying import VerificationRequest, verify_study
from aegis.core.errors import ConfigError, UnknownNameError
from aegis.records.store import RunTables
from aegis.study.analysis.sizing import size_contrasts
from aegis.study.plan.lockfile import PLAN_FILE, LockedPlan, read_lock
from aegis.study.verification import EVERY_UNIT

SAMPLE_SETTINGS = ("sample", "pick")
LEVEL = "level"
EXIT_VERIFICATION_FAILED = 4
"""Exit code of a verification that failed."""


def run_whole_study(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    """Locks, runs and reports."""
    composed = compose_or_show("study", options, screen)
    if composed is None:
        return {}
    locked = lock_study(composed, screen)
    _print_locked(locked, screen)
    settings = Settings(composed.tree)
    run_locked_study(
        locked.path.parent, {name: settings.value(name) for name in MACHINE_SETTINGS}, screen
    )
    return _report_study(locked.path.parent, screen)


def lock_plan(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    """Sets the dials of all arms and writes the plan; of a locked study, prints its line again."""
    if options.place:
        root = _require_locked_folder(options)
        _read_numbers(options.overrides, (), "lock")
        return {} if _show_plan(root, options, screen) else _print_locked(read_lock(root), screen)
    composed = compose_or_show("study", options, screen)
    if composed is None:
        return {}
    return _print_locked(lock_study(composed, screen), screen)


def run_plan(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    """Plays what a locked plan says, or what is left of it, and seals the tables."""
    root = _require_locked_folder(options)
    machine = _read_numbers(options.overrides, MACHINE_SETTINGS, "run")
    if _show_plan(root, options, screen):
        return {}
    seal = run_locked_study(root, machine, screen)
    screen.print_line(f"sealed: {root}; next: aegis study report {root}")
    return {"out": str(root), "lock": seal.lock, "tables": dict(seal.tables)}


def report_tables(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    """Computes the result from sealed tables and writes the report."""
    root = _require_locked_folder(options)
    otherwise = [word for word in options.overrides if word.startswith("plan.")]
    _read_numbers(
        [word for word in options.overrides if word not in otherwise], MACHINE_SETTINGS, "report"
    )
    return {} if _show_plan(root, options, screen) else _report_study(root, screen, otherwise)


def verify_files(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    """Checks files and numbers, and plays a sample of units again."""
    root = _require_locked_folder(options)
    others = (LEVEL, *PUBLICATION_SETTINGS)
    texts = [word for word in options.overrides if word.partition("=")[0] in others]
    words = [word for word in options.overrides if word not in texts]
    numbers = _read_numbers(words, (*MACHINE_SETTINGS, *SAMPLE_SETTINGS), "verify", others)
    wanted = [word.partition("=")[2] for word in texts if word.startswith(f"{LEVEL}=")]
    given = Publication.read_words([word for word in texts if not word.startswith(f"{LEVEL}=")])
    if _show_plan(root, options, screen):
        return {}
    sample = Sample(numbers.pop("sample", None), numbers.pop("pick", 0))
    request = VerificationRequest(sample, wanted[-1] if wanted else AUTOMATIC, given)
    found = verify_study(root, request, numbers, screen)
    checks, level = found.checks, found.level
    print_checks(checks, screen)
    passed = all(check.passed for check in checks)
    said = "verified" if passed else "NOT VERIFIED"
    screen.print_line(
        f"{root}: {said} at level {level.name}, {sum(c.passed for c in checks)} of {len(checks)} "
        "checks hold"
    )
    answer: dict[str, Json] = {
        "out": str(root),
        "level": level.name,
        "why": level.reason,
        "verified": passed,
        "checks": [cast("dict[str, Json]", asdict(check)) for check in checks],
    }
    return answer if passed else {**answer, "exit_code": EXIT_VERIFICATION_FAILED}


def size_plan(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    """Sizes a study from the rows of a pilot."""
    root = _find_locked_folder(options.place)
    if root is not None:
        _read_numbers(options.overrides, MACHINE_SETTINGS, "power")
        if _show_plan(root, options, screen):
            return {}
        return _report_power(
            Settings(StoredStudy.read_folder(root).locked.tree), _load_pilot(str(root)), screen
        )
    composed = compose_or_show("study", options, screen)
    if composed is None:
        return {}
    settings = Settings(composed.tree)
    return _report_power(settings, _load_pilot(options.place or settings.text("name")), screen)


def _print_locked(locked: LockedPlan, screen: Screen) -> Mapping[str, Json]:
    line = format_lock_line(locked)
    print_lock(locked, line, screen)
    return {
        "out": str(locked.path.parent),
        "plan": str(locked.path),
        "lock": locked.digest,
        "line": line,
    }


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


def _find_locked_folder(place: str | None) -> Path | None:
    """Returns the run folder of a locked study, from its name or path; None if there is none."""
    if not place:
        return None
    for path in (Path(place), RUNS_FOLDER / place):
        if (path / PLAN_FILE).is_file():
            return path
    return None


def _require_locked_folder(options: argparse.Namespace) -> Path:
    """Returns the run folder that is named first, or by name=; ``study`` without either."""
    named = [word.partition("=")[2] for word in options.overrides if word.startswith("name=")]
    wanted = options.place or (named[-1] if named else "study")
    found = _find_locked_folder(wanted)
    if found is None:
        locked = sorted(path.parent.name for path in RUNS_FOLDER.glob(f"*/{PLAN_FILE}"))
        raise UnknownNameError(
            "study", wanted, locked or ["none yet: aegis study lock"], f"{RUNS_FOLDER}/"
        )
    return found


def _show_plan(root: Path, options: argparse.Namespace, screen: Screen) -> bool:
    """Prints the locked plan, if that was asked for."""
    if options.show:
        screen.print_line((root / PLAN_FILE).read_text().rstrip())
    return bool(options.show)


def _read_numbers(
    words: Sequence[str], allowed: Sequence[str], verb: str, others: Sequence[str] = ()
) -> dict[str, int]:
    """Reads the settings that a locked plan may be used with; ``others`` are no numbers."""
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        if name == "name":
            continue
        if name not in allowed:
            known = (*allowed, *others)
            raise UnknownNameError("setting", name, known, f"aegis study {verb}: a locked plan")
        if (name, value) == ("sample", "all"):
            found[name] = EVERY_UNIT
            continue
        if not (value.isascii() and value.isdecimal()) or (
            name in MACHINE_SETTINGS and int(value) < 1
        ):
            more = ", or 'all'" if name == "sample" else ""
            raise ConfigError(f"'{name}' must be a whole number{more}. Got: '{value}'.")
        found[name] = int(value)
    return found
