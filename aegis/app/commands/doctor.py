"""`aegis doctor`: what this machine has, what it lacks, and how to fix that."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial

from rich.text import Text

from aegis.app import diagnosis
from aegis.app.command import Command
from aegis.app.config.composition import build_target, compose_config
from aegis.app.config.folders import find_config_folders
from aegis.app.config.lab import build_policy
from aegis.app.config.settings import Settings
from aegis.app.diagnosis import Finding, FindingState
from aegis.app.screen import Json, Screen
from aegis.core.capabilities import Calibrated, SpecChecker
from aegis.core.errors import AegisError, MachineError
from aegis.core.types import PolicyId

_EXIT_MACHINE_LACKING = 3
_STATE_MARKS = {
    FindingState.OK: ("ok", "green"),
    FindingState.WARN: ("warn", "yellow"),
    FindingState.FAIL: ("FAIL", "red"),
}


def _run_doctor(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    given = options.config_dir
    find_config_folders("run", given)  # A wrong folder is the user's mistake, not the machine's.
    findings = []
    extra = (
        partial(_check_assets, given),
        *(partial(_check_policy, given, p) for p in ("weak", "strong")),
    )
    with screen.err.status("looking at this machine"):
        for finding in diagnosis.examine_machine((*extra, partial(_check_probe, given))):
            findings.append(finding)
            _print_finding(finding, screen)
    failed = [finding for finding in findings if finding.state is FindingState.FAIL]
    screen.print_line()
    if failed:
        screen.print_line(f"{len(failed)} to fix: {', '.join(finding.name for finding in failed)}")
    else:
        screen.print_line("all that AEGIS needs is here")
    return {
        "findings": [
            {"name": f.name, "state": f.state.value, "found": f.found, "mend": f.mend}
            for f in findings
        ],
        "ok": not failed,
        "exit_code": _EXIT_MACHINE_LACKING if failed else 0,
    }


def _print_finding(finding: Finding, screen: Screen) -> None:
    mark, color = _STATE_MARKS[finding.state]
    line = Text.assemble((f"{mark:>5}  ", color), f"{finding.name:<16} {finding.found}")
    screen.out.print(line, soft_wrap=True)
    if finding.mend:
        screen.print_line(f"{'':>24}-> {finding.mend}")


def _check_assets(given: str | None) -> Finding:
    def describe_assets() -> str:
        composed = compose_config("assets", [], *find_config_folders("assets", given))
        return str(build_target(composed, "resolve", Settings(composed.tree).node("resolve")))

    return _run_check("assets", describe_assets, "run with assets=builtin, or name their folder")


def _check_policy(given: str | None, part: PolicyId) -> Finding:
    def describe_policy() -> str:
        composed = compose_config("run", [], *find_config_folders("run", given))
        policy = build_policy(composed, part, Settings(composed.tree).node(part))
        policy.close()
        return f"{policy.spec.digest[:16]}, taps: {', '.join(policy.spec.taps) or 'none'}"

    return _run_check(
        f"{part} policy", describe_policy, "git checkout the file, or make it with aegis train"
    )


def _check_probe(given: str | None) -> Finding:
    def describe_probe() -> str:
        composed = compose_config("run", [], *find_config_folders("run", given))
        settings = Settings(composed.tree)
        detector = build_target(composed, "detector", settings.node("detector"))
        policy = build_policy(composed, "weak", settings.node("weak"))
        if isinstance(detector, SpecChecker):
            detector.check(policy.spec)
        policy.close()
        known = detector.calibration if isinstance(detector, Calibrated) else {}
        return ", ".join(f"{name} {value:.3g}" for name, value in known.items()) or "built"

    return _run_check("probe", describe_probe, "git checkout the file, or make it with aegis fit")


def _run_check(name: str, look: Callable[[], str], mend: str) -> Finding:
    try:
        return Finding(name, FindingState.OK, look())
    except MachineError as error:  # It says what to install.
        return Finding(name, FindingState.FAIL, str(error))
    except AegisError as error:
        return Finding(name, FindingState.FAIL, str(error), mend)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config-dir", metavar="PATH", help="folder of configurations")


COMMAND = Command(
    name="doctor",
    details="""
        Looks at Python, torch, MuJoCo, rendering without a display (it really renders, in a process
        of its own), LIBERO, assets, checkpoints, cores, memory and disk, and says how to fix what
        is missing.
    """,
    examples=(
        ("aegis doctor", "a report; exit code 3 if something needed is missing"),
        (
            "MUJOCO_GL=osmesa aegis doctor",
            "the same, in the environment of `MUJOCO_GL=osmesa aegis run`",
        ),
        ("aegis doctor --json", "the report for machines"),
    ),
    configured=False,
    options=_add_options,
    run=_run_doctor,
)
