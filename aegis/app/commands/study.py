"""`aegis study`: paired arms on the same units, and what the gate was worth."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import cast

from aegis.app.arms import arms_of
from aegis.app.command import Command
from aegis.app.experiment import composed_for, plan_of, run_folder, sink_of
from aegis.app.lab import Lab, open_lab
from aegis.app.screen import Json, Screen
from aegis.app.settings import Settings
from aegis.core.errors import ConfigError
from aegis.run.paired import Machine, Matching, run_study
from aegis.run.study import Study, format_study

ARMS = ("weak", "strong", "blind", "random", "aegis")


def _run(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = composed_for("study", options, screen)
    if composed is None:
        return {}
    settings = Settings(composed.tree)
    out = run_folder(settings.text("name"))
    with open_lab(composed, ("weak", "strong")) as lab:
        study = _study(lab, settings, screen)
    screen.say(format_study(study))
    screen.say(f"\nresults in {out}")
    saved = json.loads((out / "study.json").read_text())
    return {"out": str(out), **cast("dict[str, Json]", saved)}


def _study(lab: Lab, settings: Settings, screen: Screen) -> Study:
    arms = arms_of(lab, settings.level("arms"))
    missing = [name for name in ARMS if name not in {arm.name for arm in arms}]
    if missing:
        raise ConfigError(
            f"A study needs the arms {', '.join(ARMS)}. Missing: {', '.join(missing)}. Compare "
            "fewer of them with aegis run."
        )
    count = settings.integer("units", 1)
    level = settings.level("matching")
    matching = Matching(
        units=lab.units(level.integer("units", 1), split="calibration", offset=0),
        tolerance=level.number("tolerance", 0.0, 0.5),
        tries=level.integer("tries", 1),
    )
    out = run_folder(settings.text("name"))
    machine = Machine(
        policies=lab.policies,
        world=lab.world,
        sink=sink_of(screen, f"study · {settings.text('name')}", out),
        workers=lab.workers,
        slots=settings.integer("slots", 1),
    )
    screen.note(
        f"{len(matching.units)} calibration units to match the budgets of blind and random, then "
        f"{count} test units with {len(arms)} arms each"
    )
    return run_study(plan_of(lab, lab.units(count), arms), matching, machine, out)


def _options(parser: argparse.ArgumentParser) -> None:
    del parser  # None of its own.


COMMAND = Command(
    name="study",
    details="""
        Plays every arm on the same units with common random numbers: arms are bit-identical until
        their first hand-over, which is checked. Blind and random hand-overs are first matched to
        the duty and the lengths of stay of the gate, on calibration units. Prints success,
        recovered, disrupted and duty per arm, and one-sided exact McNemar tests with Holm's
        correction. A study that was stopped goes on where it was.
    """,
    examples=(
        ("aegis study", "200 units, five arms"),
        ("aegis study name=fresh seed=11 start.offset=500", "on start states not used before"),
        ("aegis study units=50 matching.units=20 name=small", "a quick look"),
        ("aegis study arms.aegis.gate.threshold=0.7 name=strict", "another threshold"),
    ),
    configured=True,
    options=_options,
    run=_run,
)
