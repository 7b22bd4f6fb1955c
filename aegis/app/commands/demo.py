"""`aegis demo`: the whole of AEGIS in a few minutes."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from aegis.app.command import Command, add_no_options
from aegis.app.config.arm_builder import build_arms
from aegis.app.config.lab import Lab, open_lab
from aegis.app.config.settings import Settings
from aegis.app.experiment import build_run_plan, compose_or_show, make_run_sink, resolve_run_folder
from aegis.app.film import choose_episode, film_episode
from aegis.app.paired_summary import format_study, summarise
from aegis.app.screen import Json, Screen
from aegis.fleet.runner import play_plan
from aegis.records.store import RunTables

REFERENCE, TREATED = "weak", "aegis"


def _run_demo(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = compose_or_show("demo", options, screen)
    if composed is None:
        return {}
    settings = Settings(composed.tree)
    out = resolve_run_folder(settings.text("name"))
    count = settings.integer("units", 1)
    screen.print_note(
        f"{count} start states, each played twice with the same noise: once by the weak policy "
        "alone, once with AEGIS, which hands over to the strong policy when the probe sees trouble"
    )
    with open_lab(composed, ("weak", "strong")) as lab:
        arms = build_arms(lab, settings.level("arms"))
        tables = play_plan(
            build_run_plan(lab, lab.list_units(count), arms),
            lab.policies,
            lab.world,
            out,
            make_run_sink(screen, "demo", out),
            lab.workers,
            settings.integer("slots", 1),
        )
        names = [arm.name for arm in arms]
        study = summarise(tables.episodes, names, {}, REFERENCE, TREATED, (REFERENCE,))
        study.save(out / "study.json")
        screen.print_line(format_study(study))
        threshold = next(arm.threshold for arm in arms if arm.name == TREATED)
        film = _film_recovery(lab, settings, tables, threshold, screen)
    screen.print_line(f"\nresults in {out}; a real study: aegis study")
    saved = cast("dict[str, Json]", json.loads((out / "study.json").read_text()))
    return {"out": str(out), "film": None if film is None else str(film), **saved}


def _film_recovery(
    lab: Lab, settings: Settings, tables: RunTables, threshold: float, screen: Screen
) -> Path | None:
    """Films a recovered episode, if there is one."""
    row = choose_episode(tables.episodes, TREATED, REFERENCE)
    cameras = list(lab.policies[REFERENCE].spec.cameras)
    if row is None or not cameras:
        screen.print_line("\nno hand-over to film; try another seed: aegis demo seed=1 name=demo1")
        return None
    level = settings.level("film")
    world = lab.world()
    try:
        with screen.show_progress("filming", row.steps) as tell:
            path = film_episode(
                tables.root,
                row,
                world,
                cameras,
                tables.root / "recovered.mp4",
                lab.horizon,
                threshold,
                level.integer("size", 32),
                level.integer("fps", 1),
                tell,
            )
    finally:
        world.close()
    what = "recovered" if row.success else "not recovered"
    screen.print_line(
        f"\nfilm: {path} (task {row.task}, {what}, {row.strong_steps} of {row.steps} steps)"
    )
    return path


COMMAND = Command(
    name="demo",
    details="""
        Plays a few LIBERO-Spatial episodes twice, with the same start states and noise: once with
        the weak policy alone and once with AEGIS, live on the terminal. Prints what that was worth
        and films one recovered episode. Real physics, learned policies, a calibrated probe.
    """,
    examples=(
        ("aegis demo", "some minutes on two cores"),
        ("aegis demo seed=5 name=again", "other start states"),
        ("aegis demo units=4 tasks=[0,1] name=short", "shorter"),
    ),
    configured=True,
    options=add_no_options,
    run=_run_demo,
)
