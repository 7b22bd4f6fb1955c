"""`aegis collect`: rolls out a policy and logs its activations and outcomes."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from aegis.app.collection import (
    ALONE_ARM,
    build_collection_arms,
    list_needed_policies,
)
from aegis.app.command import Command, add_no_options
from aegis.app.config.lab import Lab, open_lab
from aegis.app.config.settings import Settings
from aegis.app.experiment import build_run_plan, compose_or_show, make_run_sink, resolve_run_folder
from aegis.app.screen import Json, Screen
from aegis.fleet.pool import WorkerPool
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
        episodes = _play_collection(lab, out, screen)
        taps = list(lab.policies["weak"].spec.taps)
    counts = _count_successes(episodes)
    _print_counts(counts, screen)
    screen.print_line(f"activations of {', '.join(taps) or 'no layer'} in {out}; next: aegis fit")
    return {"out": str(out), **counts.as_dict(), "layers": taps}


def _play_collection(lab: Lab, out: Path, screen: Screen) -> Sequence[EpisodeRow]:
    settings, arms = lab.settings, build_collection_arms(lab)
    # Arms of one unit share their common prefix; studies audit that, collections need not.
    plan = build_run_plan(
        lab,
        lab.list_units(settings.integer("units", 1)),
        arms,
        sharing=len(arms) > 1,
        audit=0.0,
    )
    sink = make_run_sink(screen, f"collect · {settings.text('name')}", out)
    with WorkerPool(lab.world, lab.workers, lab.dispatch) as pool:
        return play_plan(plan, lab.policies, pool, out, sink, settings.integer("slots", 1)).episodes


@dataclass(frozen=True, slots=True)
class _SuccessCounts:
    """Successes and episodes: of the policy alone, in all and by task; and of every arm."""

    alone: tuple[int, int]
    per_task: Mapping[int, tuple[int, int]]
    per_arm: Mapping[str, tuple[int, int]]

    def as_dict(self) -> dict[str, Json]:
        """Returns plain values, for JSON."""
        successes, episodes = self.alone
        interval = wilson_interval(successes, episodes)
        return {
            "episodes": episodes,
            "successes": successes,
            "interval": [interval.low, interval.high],
            "per_task": {str(task): list(counts) for task, counts in self.per_task.items()},
            "per_arm": {arm: list(counts) for arm, counts in self.per_arm.items()},
        }


def _count_successes(episodes: Sequence[EpisodeRow]) -> _SuccessCounts:
    alone = [row for row in episodes if row.arm == ALONE_ARM]
    return _SuccessCounts(
        alone=(sum(row.success for row in alone), len(alone)),
        per_task=_count_by((row.task, row.success) for row in alone),
        per_arm=_count_by((row.arm, row.success) for row in episodes),
    )


_Group = TypeVar("_Group", int, str)


def _count_by(outcomes: Iterable[tuple[_Group, bool]]) -> dict[_Group, tuple[int, int]]:
    """Returns successes and episodes of each group."""
    pairs = list(outcomes)
    episodes = Counter(group for group, _ in pairs)
    successes = Counter(group for group, success in pairs if success)
    return {group: (successes[group], episodes[group]) for group in sorted(episodes)}


def _print_counts(counts: _SuccessCounts, screen: Screen) -> None:
    successes, episodes = counts.alone
    screen.print_line(
        f"{successes}/{episodes} successes, {episodes - successes} failures (95 % interval of "
        f"success {wilson_interval(successes, episodes)})"
    )
    lines = [(f"task {task}", pair) for task, pair in counts.per_task.items()]
    lines += [(f"arm {arm}", pair) for arm, pair in counts.per_arm.items() if arm != ALONE_ARM]
    for name, (n_successes, n_episodes) in lines:
        screen.print_line(
            f"  {name}: {n_successes}/{n_episodes} {wilson_interval(n_successes, n_episodes)}"
        )


COMMAND = Command(
    name="collect",
    details="""
        Lets one policy drive alone and logs the activations of its tapped layers per chunk, and
        success per episode, as input of `aegis fit`. With stints=true the same start states are
        also played with one stay of the strong policy, at a random time for a random length; the
        remaining steps show when control can be given back. With forks=[...] control is handed over
        for good at these ticks, to the strong policy and to the weak one with fresh noise. The
        start states come from the training split by default.
    """,
    examples=(
        ("aegis collect", "200 episodes of the weak policy"),
        (
            "aegis collect units=600 weak.taps=[trunk.last,head.hidden]",
            "more, and two layers",
        ),
        ("aegis collect stints=true name=stints", "also with stays of the strong policy"),
        ("aegis collect forks=[0,25,50,75,100] name=forks", "the effect of a hand-over, by tick"),
        (
            "aegis collect name=check weak=nano_strong start=official",
            "the strong policy's success",
        ),
        (
            "aegis collect weak.paraphrase=held_out name=words",
            "with unseen instructions",
        ),
    ),
    configured=True,
    options=add_no_options,
    run=_run_collect,
)
