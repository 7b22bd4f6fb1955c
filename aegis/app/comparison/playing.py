"""Playing: a paired run of a few arms into a folder that is resumed, reported and sealed."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

from aegis.app.comparison.metering import MeteredPolicy, meter_policies, write_meters
from aegis.app.comparison.stored_run import (
    CONFIG_FILE,
    PAGE_FILE,
    REPORT_FILE,
    Report,
    StoredRun,
    check_run,
    renew_seal,
    write_report,
)
from aegis.app.comparison.typed_names import read_words
from aegis.app.config.composition import ComposedConfig
from aegis.app.config.lab import Lab, open_lab
from aegis.app.config.settings import Settings
from aegis.app.experiment import (
    build_run_plan,
    compose_or_show,
    find_run_folder,
    make_run_sink,
    resolve_run_folder,
)
from aegis.app.screen import Json, Screen
from aegis.app.study.printing import print_checks
from aegis.app.study.verbs import EXIT_VERIFICATION_FAILED
from aegis.core.errors import ConfigError
from aegis.core.types import PolicyId
from aegis.fleet.arm import Arm
from aegis.fleet.pool import WorkerPool
from aegis.fleet.progress import ProgressSink
from aegis.fleet.run_plan import RunPlan
from aegis.fleet.runner import play_plan
from aegis.records.files import write_atomic
from aegis.records.folder_lock import lock_folder
from aegis.records.manifest import SETTING_PREFIX
from aegis.records.store import RunStore, RunTables
from aegis.study.play.seal import SEAL_FILE


@dataclass(frozen=True, slots=True)
class PairedRun:
    """A command that plays a few arms on the same units and reports on them.

    Attributes:
        command: The command; its configuration has the same name.
        parts: The policies.
        check_settings: Refuses settings that make no sense, before anything is built.
        build_arms: Builds the arms.
        build_report: Makes the report of a played run.
        judging: Settings that judge rows and change none, besides those of every run; they may be
            changed when a run goes on, or is done.
        shares: Whether arms may share prefixes; ``sharing`` and ``audit`` are then settings.
    """

    command: str
    parts: tuple[PolicyId, ...]
    check_settings: Callable[[Settings], object]
    build_arms: Callable[[Lab], tuple[Arm, ...]]
    build_report: Callable[[StoredRun], Report]
    judging: tuple[str, ...]
    shares: bool


def run_or_check(
    kind: PairedRun, options: argparse.Namespace, screen: Screen
) -> Mapping[str, Json]:
    """Plays a paired run, or what is left of it, and reports; with ``--check``, checks one.

    Raises:
        ConfigError: If the words make no sense together.
        LockError: If a file of a finished run was edited.
        AegisError: If the run fails.
    """
    options.overrides = read_words(options, kind.parts)
    if options.check is not None:
        return _check_stored_run(kind, options, screen)
    composed = compose_or_show(kind.command, options, screen)
    if composed is None:
        return {}
    out = resolve_run_folder(Settings(composed.tree).text("name"))
    report = _play_and_report(kind, composed, out, screen)
    for line in report.lines:
        screen.print_line(line)
    screen.print_line(f"results in {out}: {PAGE_FILE}, {REPORT_FILE}")
    return {"out": str(out), **report.values}


def _play_and_report(
    kind: PairedRun, composed: ComposedConfig, out: Path, screen: Screen
) -> Report:
    settings = Settings(composed.tree)
    units, slots = settings.integer("units", 1), settings.integer("slots", 1)
    kind.check_settings(settings)
    with open_lab(composed, kind.parts) as lab:
        plan = _build_plan(kind, lab, units)
        sink = make_run_sink(screen, f"{kind.command} · {settings.text('name')}", out)
        policies = meter_policies(lab.policies)
        with lock_folder(out):
            finished = (out / SEAL_FILE).exists()
            with renew_seal(out):
                if finished:
                    _check_stored_units(kind, out, plan)
                _play_units(plan, policies, lab, out, sink, slots)
                # The run may have been begun with fewer units, or judged by other settings.
                write_atomic(out / CONFIG_FILE, composed.text.encode())
                report = kind.build_report(StoredRun.read_folder(out))
                write_report(out, report)
    return report


def _play_units(
    plan: RunPlan,
    policies: Mapping[PolicyId, MeteredPolicy],
    lab: Lab,
    out: Path,
    sink: ProgressSink,
    slots: int,
) -> None:
    """Plays what is left of a plan, and writes down what calls took, however it ends."""
    try:
        with WorkerPool(lab.world, lab.workers, lab.dispatch) as pool:
            play_plan(plan, policies, pool, out, sink, slots)
    finally:
        write_meters(RunStore(out), policies.items())


def _check_stored_units(kind: PairedRun, out: Path, plan: RunPlan) -> None:
    """Refuses a plan that leaves out units of the finished run in its folder.

    Raises:
        ConfigError: If tables and report of the run would be replaced by those of fewer units.
        TraceError: If its tables are damaged.
    """
    stored = {row.key for row in RunTables.read_folder(out).episodes}
    lost = stored - set(plan.units)
    if lost:
        raise ConfigError(
            f"{out} holds a finished run of {len(stored)} units, and this one, of "
            f"{len(plan.units)}, leaves out {len(lost)} of them: its report would be gone. Ask for "
            f"them again (units={len(stored)} or more, tasks, start and seed as before), give this "
            f"run another name (name=ANOTHER), or read it: aegis {kind.command} --check {out.name}."
        )


def _build_plan(kind: PairedRun, lab: Lab, count: int) -> RunPlan:
    """Returns the plan; what only judges its rows is no part of its identity."""
    units = lab.list_units(count)
    arms = kind.build_arms(lab)
    if kind.shares:
        plan = build_run_plan(lab, units, arms)
    else:
        plan = build_run_plan(lab, units, arms, sharing=False, audit=0.0)
    unused = {f"{SETTING_PREFIX}{name}" for name in kind.judging}
    identity = {name: value for name, value in plan.identity.items() if name not in unused}
    return replace(plan, identity=identity)


def _check_stored_run(
    kind: PairedRun, options: argparse.Namespace, screen: Screen
) -> Mapping[str, Json]:
    if options.overrides:
        raise ConfigError(
            f"--check takes the name or folder of a run and no settings. Got: "
            f"{' '.join(options.overrides)}."
        )
    root = find_run_folder(options.check, SEAL_FILE)
    checks = check_run(root, kind.build_report)
    print_checks(checks, screen)
    passed = all(check.passed for check in checks)
    verdict = "as it was played" if passed else "NOT AS IT WAS PLAYED"
    if not (root / SEAL_FILE).exists():
        verdict = f"not finished; `aegis {kind.command}` with the settings of before goes on"
    screen.print_line(f"{root}: {verdict}")
    answer: dict[str, Json] = {
        "out": str(root),
        "verified": passed,
        "checks": [cast("dict[str, Json]", asdict(check)) for check in checks],
    }
    return answer if passed else {**answer, "exit_code": EXIT_VERIFICATION_FAILED}
