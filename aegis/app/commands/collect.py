"""`aegis collect`: rolls a policy and logs its activations and outcomes."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from aegis.app.command import Command
from aegis.app.experiment import composed_for, plan_of, run_folder, sink_of
from aegis.app.lab import Lab, open_lab
from aegis.app.screen import Json, Screen
from aegis.app.settings import Settings
from aegis.core.controller import Controller
from aegis.gates.constant import NeverGate
from aegis.gates.switch import HysteresisSwitch
from aegis.run.arm import Arm
from aegis.run.runner import run
from aegis.stats.intervals import wilson

_NOBODY = "nobody"  # A controller names two policies; this one is never asked.


def _run(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = composed_for("collect", options, screen)
    if composed is None:
        return {}
    settings = Settings(composed.tree)
    out = run_folder(settings.text("name"))
    with open_lab(composed, ("weak",)) as lab:
        plan = plan_of(lab, lab.units(settings.integer("units", 1)), [_alone(lab)])
        policy = lab.policies["weak"]
        tables = run(
            plan,
            {"weak": policy, _NOBODY: policy},
            lab.world,
            out,
            sink_of(screen, f"collect · {settings.text('name')}", out),
            lab.workers,
            settings.integer("slots", 1),
        )
        taps = list(policy.spec.taps)
    won = sum(row.success for row in tables.episodes)
    n = len(tables.episodes)
    interval = wilson(won, n)
    screen.say(f"{won}/{n} successes, {n - won} failures (95 % interval of success {interval})")
    per_task = _per_task([(row.task, row.success) for row in tables.episodes])
    for task, (of_task, tried) in per_task.items():
        screen.say(f"  task {task}: {of_task}/{tried} {wilson(of_task, tried)}")
    screen.say(f"activations of {', '.join(taps) or 'no layer'} in {out}; next: aegis fit")
    return {
        "out": str(out),
        "episodes": n,
        "successes": won,
        "interval": [interval.low, interval.high],
        "per_task": {str(task): list(counts) for task, counts in per_task.items()},
        "layers": taps,
    }


def _alone(lab: Lab) -> Arm:
    """The weak policy alone; the arm is named like it, as `aegis fit` expects."""
    controller = Controller(
        embodiment=lab.embodiment,
        weak="weak",
        strong=_NOBODY,
        execute={"weak": lab.policies["weak"].spec.execute, _NOBODY: 1},
        horizon=lab.horizon,
        detectors=(),
        gate=NeverGate(),
        switch=HysteresisSwitch(release=float("-inf")),
        patience=lab.settings.integer("patience", 0),
        first="weak",
    )
    return Arm("weak", controller, log_features=True)


def _per_task(outcomes: list[tuple[int, bool]]) -> dict[int, tuple[int, int]]:
    """Returns successes and episodes of each task."""
    return {
        task: (
            sum(won for other, won in outcomes if other == task),
            sum(other == task for other, _ in outcomes),
        )
        for task in sorted({task for task, _ in outcomes})
    }


def _options(parser: argparse.ArgumentParser) -> None:
    del parser  # None of its own.


COMMAND = Command(
    name="collect",
    details="""
        Lets one policy drive alone and writes down, per chunk, the activations of its tapped
        layers, and per episode whether it reached its goal: what `aegis fit` needs. The start
        states are those of the training split unless told otherwise.
    """,
    examples=(
        ("aegis collect", "200 episodes of the weak policy"),
        ("aegis collect units=600 weak.taps=[trunk.last,head.hidden]", "more, and two layers"),
        ("aegis collect name=check weak=nano_strong start=official", "the strong policy's figures"),
        ("aegis collect weak.paraphrase=held_out name=words", "with words it was never told"),
    ),
    configured=True,
    options=_options,
    run=_run,
)
