"""`aegis collect`: rolls a policy and logs its activations and outcomes."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence

from aegis.app.collection import (
    ALONE_ARM,
    alias_policies,
    build_collection_arms,
    list_needed_policies,
)
from aegis.app.command import Command, add_no_options
from aegis.app.config.lab import open_lab
from aegis.app.config.settings import Settings
from aegis.app.experiment import build_run_plan, compose_or_show, make_run_sink, resolve_run_folder
from aegis.app.screen import Json, Screen
from aegis.fleet.runner import play_plan
from aegis.records.rows import EpisodeRow
from aegis.stats.intervals import wilson_interval


def _run_collect(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = compose_or_show("collect", options, screen)
    if composed is None:
        return {}
    settings = Settings(composed.tree)
    out = resolve_run_folder(settings.text("name"))
    with open_lab(composed, list_needed_policies(settings)) as lab:
        arms, units = build_collection_arms(lab), lab.list_units(settings.integer("units", 1))
        # Arms of one unit share what comes before they part; that is audited where arms compete.
        plan = build_run_plan(lab, units, arms, sharing=len(arms) > 1, audit=0.0)
        tables = play_plan(
            plan,
            alias_policies(lab),
            lab.world,
            out,
            make_run_sink(screen, f"collect · {settings.text('name')}", out),
            lab.workers,
            settings.integer("slots", 1),
        )
        taps = list(lab.policies["weak"].spec.taps)
    alone = [row for row in tables.episodes if row.arm == ALONE_ARM]
    won, n = sum(row.success for row in alone), len(alone)
    interval = wilson_interval(won, n)
    screen.print_line(
        f"{won}/{n} successes, {n - won} failures (95 % interval of success {interval})"
    )
    per_task = _count_by_task([(row.task, row.success) for row in alone])
    for task, (of_task, tried) in per_task.items():
        screen.print_line(f"  task {task}: {of_task}/{tried} {wilson_interval(of_task, tried)}")
    per_arm = _count_by_arm(tables.episodes)
    for arm, (of_arm, tried) in per_arm.items():
        if arm != ALONE_ARM:
            screen.print_line(f"  arm {arm}: {of_arm}/{tried} {wilson_interval(of_arm, tried)}")
    screen.print_line(f"activations of {', '.join(taps) or 'no layer'} in {out}; next: aegis fit")
    return {
        "out": str(out),
        "episodes": n,
        "successes": won,
        "interval": [interval.low, interval.high],
        "per_task": {str(task): list(counts) for task, counts in per_task.items()},
        "per_arm": {arm: list(counts) for arm, counts in per_arm.items()},
        "layers": taps,
    }


def _count_by_task(outcomes: list[tuple[int, bool]]) -> dict[int, tuple[int, int]]:
    """Returns successes and episodes of each task."""
    return {
        task: (
            sum(won for other, won in outcomes if other == task),
            sum(other == task for other, _ in outcomes),
        )
        for task in sorted({task for task, _ in outcomes})
    }


def _count_by_arm(rows: Sequence[EpisodeRow]) -> dict[str, tuple[int, int]]:
    """Returns successes and episodes of each arm."""
    won, tried = Counter(row.arm for row in rows if row.success), Counter(row.arm for row in rows)
    return {arm: (won[arm], tried[arm]) for arm in sorted(tried)}


COMMAND = Command(
    name="collect",
    details="""
        Lets one policy drive alone and writes down, per chunk, the activations of its tapped
        layers, and per episode whether it reached its goal: what `aegis fit` needs. With
        stints=true the same start states are also played with one stay of the strong policy, at a
        random time for a random length: what comes after shows when control can be given back. With
        forks=[...] everything is handed over at these ticks, to the strong policy and to the weak
        one with fresh noise. The start states are those of the training split unless told
        otherwise.
    """,
    examples=(
        ("aegis collect", "200 episodes of the weak policy"),
        ("aegis collect units=600 weak.taps=[trunk.last,head.hidden]", "more, and two layers"),
        ("aegis collect stints=true name=stints", "after stays of the strong policy, too"),
        ("aegis collect forks=[0,25,50,75,100] name=forks", "what a hand-over is worth, by tick"),
        ("aegis collect name=check weak=nano_strong start=official", "the strong policy's figures"),
        ("aegis collect weak.paraphrase=held_out name=words", "with words it was never told"),
    ),
    configured=True,
    options=add_no_options,
    run=_run_collect,
)
