"""`aegis doctor`: checks this machine and says how to fix what is missing."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial

from rich.text import Text

from aegis.app import diagnosis
from aegis.app.command import Command, Verb, add_no_options
from aegis.app.config.composition import build_target, compose_config
from aegis.app.config.folders import find_config_folders
from aegis.app.config.part_builder import build_policy
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
    config_dir = options.config_dir
    # Raises for a wrong folder: that is the user's mistake, not the machine's.
    find_config_folders("run", config_dir)
    findings = []
    further_checks = (
        partial(_check_assets, config_dir),
        *(partial(_check_policy, config_dir, p) for p in ("weak", "strong")),
    )
    with screen.err.status("checking this machine"):
        for finding in diagnosis.examine_machine(
            (*further_checks, partial(_check_probe, config_dir))
        ):
            findings.append(finding)
            _print_finding(finding, screen)
    failed = [finding for finding in findings if finding.state is FindingState.FAIL]
    screen.print_line()
    if failed:
        screen.print_line(f"{len(failed)} to fix: {', '.join(finding.name for finding in failed)}")
    else:
        screen.print_line("this machine has everything that AEGIS needs")
    return {
        "findings": [
            {"name": f.name, "state": f.state.value, "found": f.found, "fix": f.fix}
            for f in findings
        ],
        "ok": not failed,
        "exit_code": _EXIT_MACHINE_LACKING if failed else 0,
    }


def _print_finding(finding: Finding, screen: Screen) -> None:
    mark, color = _STATE_MARKS[finding.state]
    line = Text.assemble((f"{mark:>5}  ", color), f"{finding.name:<16} {finding.found}")
    screen.out.print(line, soft_wrap=True)
    if finding.fix:
        screen.print_line(f"{'':>24}-> {finding.fix}")


def _check_assets(config_dir: str | None) -> Finding:
    def describe_assets() -> str:
        composed = compose_config("assets", [], *find_config_folders("assets", config_dir))
        return str(build_target(composed, "resolve", Settings(composed.tree).node("resolve")))

    return _run_check(
        "assets", describe_assets, "use assets=builtin, or give the folder: assets=PATH"
    )


def _check_policy(config_dir: str | None, part: PolicyId) -> Finding:
    def describe_policy() -> str:
        composed = compose_config("run", [], *find_config_folders("run", config_dir))
        policy = build_policy(composed, part, Settings(composed.tree).node(part))
        policy.close()
        return f"{policy.spec.digest[:16]}, taps: {', '.join(policy.spec.taps) or 'none'}"

    return _run_check(
        f"{part} policy",
        describe_policy,
        "restore the file (git checkout) or train one (aegis train)",
    )


def _check_probe(config_dir: str | None) -> Finding:
    def describe_probe() -> str:
        composed = compose_config("run", [], *find_config_folders("run", config_dir))
        settings = Settings(composed.tree)
        detector = build_target(composed, "detector", settings.node("detector"))
        policy = build_policy(composed, "weak", settings.node("weak"))
        if isinstance(detector, SpecChecker):
            detector.check(policy.spec)
        policy.close()
        calibration = detector.calibration if isinstance(detector, Calibrated) else {}
        return ", ".join(f"{name} {value:.3g}" for name, value in calibration.items()) or "built"

    return _run_check(
        "probe", describe_probe, "restore the file (git checkout) or fit one (aegis fit)"
    )


def _run_check(name: str, describe: Callable[[], str], fix: str) -> Finding:
    try:
        return Finding(name, FindingState.OK, describe())
    except MachineError as error:  # Its message says what to install.
        return Finding(name, FindingState.FAIL, str(error))
    except AegisError as error:
        return Finding(name, FindingState.FAIL, str(error), fix)


def _play_course(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    from aegis.app.determinism.verb import play_course  # Not needed for help, and takes a second.

    return play_course(options, screen)


_DETERMINISM = Verb(
    name="determinism",
    summary="plays a short fixed course, stage by stage, beside the digests of other machines; "
    "exit code 4 if one differs",
    examples=(
        ("aegis doctor determinism", "what portable=true promises, on this machine"),
        ("aegis doctor determinism portable=false", "what its libraries choose when left alone"),
        ("aegis doctor determinism stages=[world]", "start states, physics and pictures alone"),
        ("aegis doctor determinism weak=mine record=/tmp/course", "a course of your own"),
        ("aegis doctor determinism weak=mine course=/tmp/course", "the same, elsewhere"),
    ),
    run=_play_course,
    root="determinism",
)


def _diagnose_server(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    # Not needed for help; needs scipy.
    from aegis.app.wire_diagnosis.server_diagnosis import diagnose_server

    return diagnose_server(options, screen)


_WIRE = Verb(
    name="wire",
    summary="says what a server of openpi's protocol gives, how fast, whether the conventions that "
    "it names are the world's, and whether pictures and gripper are the right way round; exit code "
    "0 if all fits, 3 if it cannot be reached or read, 4 if a convention differs",
    examples=(
        ("aegis doctor wire ws://127.0.0.1:8000", "its first actions beside those of the expert"),
        ("aegis doctor wire ws://127.0.0.1:8000 units=0", "what it says, and its latency"),
        ("aegis doctor wire wss://gpu:8000 policy.token_file=~/token", "on another machine"),
    ),
    run=_diagnose_server,
    place="URL",
    place_help="address of the server; by default, policy.url of the configuration",
    root="wire",
)


COMMAND = Command(
    name="doctor",
    details="""
        Checks Python, torch, MuJoCo, rendering without a display (by rendering a picture in a
        separate process), LIBERO, assets, checkpoints, cores, memory and disk, and says how to fix
        what is missing. 'aegis doctor determinism' finds out which stages of a run have the same
        bits here as elsewhere, 'aegis doctor wire' what a server gives.
    """,
    examples=(
        ("aegis doctor", "a report; exit code 3 if something required is missing"),
        (
            "MUJOCO_GL=osmesa aegis doctor",
            "the same, in the environment of `MUJOCO_GL=osmesa aegis run`",
        ),
        ("aegis doctor --json", "the report as JSON"),
        ("aegis doctor determinism", "stages of a run beside reference digests"),
        ("aegis doctor wire ws://127.0.0.1:8000", "what a server of openpi's protocol gives"),
    ),
    configured=False,
    options=add_no_options,
    run=_run_doctor,
    verbs=(_DETERMINISM, _WIRE),
    folder_option=True,
)
