"""`aegis study`: a pre-registered paired experiment, from its plan to its verification."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

from aegis.app.command import Command, Verb, add_no_options
from aegis.app.config.plan_reader import read_plan
from aegis.app.config.settings import Settings
from aegis.app.experiment import RUNS_FOLDER, compose_or_show, resolve_run_folder
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

SAMPLE_SETTINGS = ("sample", "pick")
EXIT_VERIFICATION_FAILED = 4
"""Exit code of a verification that failed."""


def _run_whole_study(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    """Locks, runs and reports."""
    composed = compose_or_show("study", options, screen)
    if composed is None:
        return {}
    locked = lock_study(composed, screen)
    print_lock(locked, screen)
    settings = Settings(composed.tree)
    run_locked_study(
        locked.path.parent, {name: settings.value(name) for name in MACHINE_SETTINGS}, screen
    )
    return _report_study(locked.path.parent, screen)


def _lock_study(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = compose_or_show("study", options, screen)
    if composed is None:
        return {}
    locked = lock_study(composed, screen)
    print_lock(locked, screen)
    return {"out": str(locked.path.parent), "plan": str(locked.path), "lock": locked.digest}


def _run_study(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    root = _require_locked_folder(options)
    machine = _read_numbers(options.overrides, MACHINE_SETTINGS, "run")
    if _show_plan(root, options, screen):
        return {}
    seal = run_locked_study(root, machine, screen)
    screen.print_line(f"sealed: {root}; next: aegis study report {root}")
    return {"out": str(root), "lock": seal.lock, "tables": dict(seal.tables)}


def _report_stored_study(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    root = _require_locked_folder(options)
    otherwise = [word for word in options.overrides if word.startswith("plan.")]
    _read_numbers(
        [word for word in options.overrides if word not in otherwise], MACHINE_SETTINGS, "report"
    )
    return {} if _show_plan(root, options, screen) else _report_study(root, screen, otherwise)


def _verify_study(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    root = _require_locked_folder(options)
    numbers = _read_numbers(options.overrides, (*MACHINE_SETTINGS, *SAMPLE_SETTINGS), "verify")
    if _show_plan(root, options, screen):
        return {}
    count, pick = numbers.pop("sample", 10), numbers.pop("pick", 0)
    checks = verify_study(root, count, pick, numbers, screen)
    print_checks(checks, screen)
    passed = all(check.passed for check in checks)
    said = "verified" if passed else "NOT VERIFIED"
    screen.print_line(
        f"{root}: {said}, {sum(c.passed for c in checks)} of {len(checks)} checks hold"
    )
    found: dict[str, Json] = {"out": str(root), "verified": passed}
    found["checks"] = [cast("dict[str, Json]", asdict(check)) for check in checks]
    return found if passed else {**found, "exit_code": EXIT_VERIFICATION_FAILED}


def _size_study(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
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


def _read_numbers(words: Sequence[str], allowed: Sequence[str], verb: str) -> dict[str, int]:
    """Reads the settings that a locked plan may be used with."""
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        if name == "name":
            continue
        if name not in allowed:
            raise UnknownNameError("setting", name, allowed, f"aegis study {verb}: a locked plan")
        if not (value.isascii() and value.isdecimal()) or (
            name in MACHINE_SETTINGS and int(value) < 1
        ):
            raise ConfigError(f"'{name}' must be a whole number. Got: '{value}'.")
        found[name] = int(value)
    return found


_STUDY_HELP = "name of a study, or its folder; 'study' if none is named"
_MACHINE_HELP = (
    f"{' and '.join(f'{name}=N' for name in MACHINE_SETTINGS)}; no result depends on them."
)
_VERBS = (
    Verb(
        name="lock",
        summary="sets the dials of all arms on calibration units and writes the plan, with digests "
        "of all that it depends on",
        examples=(
            ("aegis study lock name=big units=1500", "a plan, to commit before it is run"),
            ("aegis study lock regime=tenth name=tenth", "with the weaker of the weak policies"),
        ),
        run=_lock_study,
    ),
    Verb(
        name="run",
        summary="plays what a locked plan says, or what is left of it, and seals the tables",
        examples=(
            ("aegis study run big", "plays runs/big; stopped, the same line goes on with it"),
            ("aegis study run big workers=8 slots=4", "with eight simulator processes"),
        ),
        run=_run_study,
        place="STUDY",
        place_help=_STUDY_HELP,
        settings=_MACHINE_HELP,
    ),
    Verb(
        name="report",
        summary="computes the result from sealed tables, draws and writes it",
        examples=(
            ("aegis study report big", "report.json, report.md, report.html"),
            ("aegis study report big plan.early=0.2", "another plan: exploratory, marked so"),
        ),
        run=_report_stored_study,
        place="STUDY",
        place_help=_STUDY_HELP,
        settings="keys of the plan, plan.KEY=VALUE; the report is then exploratory.",
    ),
    Verb(
        name="verify",
        summary="checks lock, seal, tables and report, and plays a sample of units again, bit for "
        "bit; exit code 4 if something does not hold",
        examples=(
            ("aegis study verify runs/reference sample=20", "plays 20 units again"),
            ("aegis study verify big sample=0", "checks files and numbers only"),
        ),
        run=_verify_study,
        place="STUDY",
        place_help=_STUDY_HELP,
        settings="sample=N, the units that are played again; pick=N, another sample; "
        f"{_MACHINE_HELP}",
    ),
    Verb(
        name="power",
        summary="sizes a study from a pilot: the units that each contrast needs",
        examples=(
            ("aegis study power big", "from the rows of a study, for its own plan"),
            ("aegis study power pilot plan.alpha=0.01", "from those of a run, for another plan"),
        ),
        run=_size_study,
        place="PILOT",
        place_help="name of a study or run, or its folder",
    ),
)

COMMAND = Command(
    name="study",
    details="""
        Plays every arm on the same units with common random numbers, under a plan that was
        locked before. Without a verb: lock, run and report, one after the other. What was stopped
        goes on where it was.
    """,
    examples=(
        ("aegis study", "all of it: every arm on 200 units"),
        ("aegis study name=fresh seed=11 start.offset=500", "on start states not used before"),
        ("aegis study lock name=big units=1500", "a plan, to commit before it is run"),
        ("aegis study run big workers=8", "plays it, or what is left of it"),
        ("aegis study report big", "report.json, report.md, report.html"),
        ("aegis study verify runs/reference sample=20", "plays 20 units again; exit code 4 if not"),
        ("aegis study verify --help", "explains one verb"),
    ),
    configured=True,
    options=add_no_options,
    run=_run_whole_study,
    verbs=_VERBS,
)
