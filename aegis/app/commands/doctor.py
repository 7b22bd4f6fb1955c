"""`aegis doctor`: what this machine has, what it lacks, and how to mend that."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from rich.text import Text

from aegis.app import doctor
from aegis.app.command import Command
from aegis.app.config.build import build, compose, config_dir
from aegis.app.config.lab import build_policy
from aegis.app.config.settings import Settings
from aegis.app.doctor import Finding, State
from aegis.app.screen import Json, Screen
from aegis.core.errors import AegisError
from aegis.core.types import PolicyId

_LACKS = 3
_MARKS = {State.OK: ("ok", "green"), State.WARN: ("warn", "yellow"), State.FAIL: ("FAIL", "red")}


def _run(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    folder = config_dir(options.config_dir)
    findings = []
    extra = (partial(_assets, folder), *(partial(_policy, folder, p) for p in ("weak", "strong")))
    with screen.err.status("looking at this machine"):
        for finding in doctor.examine((*extra, partial(_probe, folder))):
            findings.append(finding)
            _show(finding, screen)
    failed = [finding for finding in findings if finding.state is State.FAIL]
    screen.say()
    if failed:
        screen.say(f"{len(failed)} to mend: {', '.join(finding.name for finding in failed)}")
    else:
        screen.say("all that AEGIS needs is here")
    return {
        "findings": [
            {"name": f.name, "state": f.state.value, "found": f.found, "mend": f.mend}
            for f in findings
        ],
        "ok": not failed,
        "exit_code": _LACKS if failed else 0,
    }


def _show(finding: Finding, screen: Screen) -> None:
    mark, color = _MARKS[finding.state]
    line = Text.assemble((f"{mark:>5}  ", color), f"{finding.name:<16} {finding.found}")
    screen.out.print(line, soft_wrap=True)
    if finding.mend:
        screen.say(f"{'':>24}-> {finding.mend}")


def _assets(folder: Path) -> Finding:
    def look() -> str:
        composed = compose("assets", [], folder)
        return str(build(composed, "resolve", Settings(composed.tree).node("resolve")))

    return _try("assets", look, "run with assets=builtin, or name their folder")


def _policy(folder: Path, part: PolicyId) -> Finding:
    def look() -> str:
        composed = compose("run", [], folder)
        policy = build_policy(composed, part, Settings(composed.tree).node(part))
        policy.close()
        return f"{policy.spec.digest[:16]}, taps: {', '.join(policy.spec.taps) or 'none'}"

    return _try(f"{part} policy", look, "git checkout the file, or make it with aegis train")


def _probe(folder: Path) -> Finding:
    def look() -> str:
        composed = compose("run", [], folder)
        settings = Settings(composed.tree)
        detector = build(composed, "detector", settings.node("detector"))
        policy = build_policy(composed, "weak", settings.node("weak"))
        check = getattr(detector, "check", None)
        if callable(check):
            check(policy.spec)
        policy.close()
        probe = getattr(detector, "probe", None)
        return f"on {probe.layer}, threshold {probe.threshold:.3f}" if probe else "built"

    return _try("probe", look, "git checkout the file, or make it with aegis fit")


def _try(name: str, look: Callable[[], str], mend: str) -> Finding:
    try:
        return Finding(name, State.OK, look())
    except AegisError as error:
        return Finding(name, State.FAIL, str(error), mend)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config-dir", metavar="PATH", help="folder of configurations")


COMMAND = Command(
    name="doctor",
    details="""
        Looks at Python, torch, MuJoCo, rendering without a display (it really renders, in a process
        of its own), LIBERO, assets, checkpoints, cores, memory and disk, and says how to mend what
        is missing.
    """,
    examples=(
        ("aegis doctor", "a report; exit code 3 if something needed is missing"),
        ("MUJOCO_GL=osmesa aegis doctor", "the same with another way to render"),
        ("aegis doctor --json", "the report for machines"),
    ),
    configured=False,
    options=_options,
    run=_run,
)
