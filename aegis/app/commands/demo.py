"""`aegis demo`: the whole of AEGIS in half a minute."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from aegis.app.command import Command, add_no_options
from aegis.app.config.arm_builder import build_arms
from aegis.app.config.lab import Lab, open_lab
from aegis.app.config.part_builder import is_portable
from aegis.app.config.settings import Settings
from aegis.app.demo_result import choose_episode, describe_outcome, print_demo, summarise_demo
from aegis.app.experiment import build_run_plan, compose_or_show, make_run_sink, resolve_run_folder
from aegis.app.screen import Json, Screen
from aegis.export.video import FilmStyle, film_recording
from aegis.fleet.arm import Arm
from aegis.fleet.pool import WorkerPool
from aegis.fleet.runner import play_plan
from aegis.gates.limits import scores_read_by
from aegis.host.child_process import call_in_child
from aegis.host.dispatch import find_shortcoming
from aegis.records.store import RunTables

REFERENCE_ARM = "weak"
RESULT_FILE = "demo.json"


def _run_demo(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = compose_or_show("demo", options, screen)
    if composed is None:
        return {}
    settings = Settings(composed.tree)
    out = resolve_run_folder(settings.text("name"))
    recommended = settings.choice("recommended", settings.level("arms").names())
    with open_lab(composed, ("weak", "strong")) as lab:
        arms = tuple(map(_drop_unread_detectors, build_arms(lab, settings.level("arms"))))
        tables = _play_arms(lab, arms, out, screen)
        result = summarise_demo(
            tables.episodes, [arm.name for arm in arms], REFERENCE_ARM, lab.horizon
        )
        print_demo(result, recommended, screen)
        treated = next(arm for arm in arms if arm.name == recommended)
        film = _film_recovery(lab, tables, treated, screen)
    saved = result.write_json(out / RESULT_FILE)
    screen.print_line(
        f"{result.units} start states only show how it works; to measure the effect: aegis study\n"
        f"results: {out}"
    )
    return {"out": str(out), "film": None if film is None else str(film), **saved}


def _drop_unread_detectors(arm: Arm) -> Arm:
    """Returns an arm without the detectors that neither its gate nor its switch reads.

    A study logs all scores of all arms to evaluate the detectors. A demo evaluates none, and
    networks on seven layers cost as much as the weak policy that they watch.
    """
    control = arm.controller
    gate, switch = scores_read_by(control.gate), scores_read_by(control.switch)
    if not gate or not switch:  # a rule that names no score may read them all
        return arm
    read_detectors = tuple(
        detector for detector in control.detectors if detector.name in {*gate, *switch}
    )
    return replace(arm, controller=replace(control, detectors=read_detectors))


def _play_arms(lab: Lab, arms: tuple[Arm, ...], out: Path, screen: Screen) -> RunTables:
    """Plays every arm on every unit."""
    units = lab.list_units(lab.settings.integer("units", 1))
    screen.print_note(
        f"{len(units)} start states, each played by {len(arms)} arms with the same noise: "
        f"{', '.join(arm.name for arm in arms)}"
    )
    if not is_portable(lab.settings):
        reason = find_shortcoming() or "told to with portable=false"
        screen.print_note(f"played natively ({reason}): other machines may count otherwise")
    plan, slots = build_run_plan(lab, units, arms), lab.settings.integer("slots", 1)
    sink = make_run_sink(screen, "demo", out)
    with WorkerPool(lab.world, lab.workers, lab.dispatch) as pool:
        return play_plan(plan, lab.policies, pool, out, sink, slots)


def _film_recovery(lab: Lab, tables: RunTables, arm: Arm, screen: Screen) -> Path | None:
    """Films an episode that the reference lost and the arm won, else another hand-over."""
    row = choose_episode(tables.episodes, arm.name, REFERENCE_ARM)
    style = _choose_film_style(lab, arm)
    if row is None or not style.cameras:
        screen.print_line(
            "no hand-over to film; try other start states: aegis demo seed=1 name=demo1"
        )
        return None
    outcome = describe_outcome(tables.episodes, row, REFERENCE_ARM)
    film = f"{outcome.replace(' ', '_')}.mp4"
    with screen.show_progress("filming", row.steps) as report_progress:
        path = tables.root / film
        recording = (lab.world, tables.root, row, path, style)
        if lab.dispatch:
            # Like the workers that played: here libraries are loaded and have chosen kernels, and
            # an episode played again would part from the recorded one.
            call_in_child(partial(film_recording, *recording), lab.dispatch)
            report_progress(row.steps, "")
        else:
            film_recording(*recording, report_progress)
    screen.print_line(
        f"film: {path} (task {row.task}, '{row.instruction}': {outcome}, the strong policy drove "
        f"{row.strong_steps} of {row.steps} steps)"
    )
    return path


def _choose_film_style(lab: Lab, arm: Arm) -> FilmStyle:
    level = lab.settings.level("film")
    return FilmStyle(
        cameras=tuple(lab.policies[arm.controller.weak].spec.cameras),
        size=level.integer("size", 32),
        fps=level.integer("fps", 1),
        arm=arm,
    )


COMMAND = Command(
    name="demo",
    details="""
        Plays a few LIBERO-Spatial episodes three times, with the same start states and noise: with
        the weak policy alone, with the published rule, and with the recommended rule, live on the
        terminal. Prints the benefit and the cost of help, and films an episode that the weak policy
        fails and the recommended rule recovers. Real physics, learned policies, calibrated
        probes.
    """,
    examples=(
        ("aegis demo", "half a minute on two cores"),
        ("aegis demo seed=5 name=again", "other start states"),
        ("aegis demo units=4 tasks=[0,1] name=short", "shorter"),
    ),
    configured=True,
    options=add_no_options,
    run=_run_demo,
)
