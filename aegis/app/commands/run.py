"""`aegis run`: runs gated episodes of one arm."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from aegis.app.command import Command, add_no_options
from aegis.app.config.arm_builder import build_run_arm
from aegis.app.config.lab import open_lab
from aegis.app.config.settings import Settings
from aegis.app.experiment import build_run_plan, compose_or_show, make_run_sink, resolve_run_folder
from aegis.app.screen import Json, Screen
from aegis.fleet.pool import WorkerPool
from aegis.fleet.runner import play_plan
from aegis.stats.intervals import wilson_interval


def _run_episodes(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = compose_or_show("run", options, screen)
    if composed is None:
        return {}
    settings = Settings(composed.tree)
    out = resolve_run_folder(settings.text("name"))
    with open_lab(composed, ("weak", "strong")) as lab:
        arm = build_run_arm(lab)
        plan = build_run_plan(lab, lab.list_units(settings.integer("units", 1)), [arm])
        sink = make_run_sink(screen, f"run · {settings.text('name')}", out)
        with WorkerPool(lab.world, lab.workers, lab.dispatch) as pool:
            tables = play_plan(plan, lab.policies, pool, out, sink, settings.integer("slots", 1))
    rows = tables.episodes
    won = sum(row.success for row in rows)
    interval = wilson_interval(won, len(rows))
    duty = sum(row.strong_steps for row in rows) / max(1, sum(row.steps for row in rows))
    fires = sum(row.fires for row in rows) / len(rows)
    screen.print_line(
        f"{won}/{len(rows)} successes ({100 * won / len(rows):.1f} %, 95 % interval {interval}); "
        f"strong policy on {100 * duty:.1f} % of steps; {fires:.2f} hand-overs per episode"
    )
    screen.print_line(f"results in {out}")
    return {
        "out": str(out),
        "episodes": len(rows),
        "successes": won,
        "interval": [interval.low, interval.high],
        "duty": duty,
        "fires_per_episode": fires,
    }


COMMAND = Command(
    name="run",
    details="""
        Plays episodes in which the weak policy drives, the detector watches it, and the gate hands
        over to the strong policy. Results go to runs/<name>; the same command resumes an
        interrupted run.
    """,
    examples=(
        ("aegis run", "20 episodes with the published gate, live on the terminal"),
        ("aegis run name=blind gate=blind gate.start_tick=80 units=50", "on a schedule"),
        ("aegis run name=first strong=expert tasks=[3] seed=7", "the expert helps, on task 3"),
        ("aegis run detector.path=runs/fit/probe.safetensors", "with a probe of your own"),
    ),
    configured=True,
    options=add_no_options,
    run=_run_episodes,
)
