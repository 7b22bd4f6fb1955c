"""`aegis train`: collects demonstrations and trains a policy on them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from aegis.app.command import Command
from aegis.app.config.composition import ComposedConfig, call_target, make_target_factory
from aegis.app.config.identity import collect_identity
from aegis.app.config.lab import (
    check_starts,
    check_tasks,
    choose_units,
    count_workers,
    make_world_factory,
    read_suite_name,
)
from aegis.app.config.settings import Settings
from aegis.app.experiment import compose_or_show
from aegis.app.screen import Json, Screen
from aegis.core.capabilities import AssetBacked
from aegis.core.errors import ConfigError
from aegis.core.protocols import Policy
from aegis.demos.collector import DemoRecipe, collect_demos
from aegis.demos.demonstration import ActionNoise
from aegis.records.provenance import read_versions


def _run_train(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = compose_or_show("train", options, screen)
    if composed is None:
        return {}
    settings = Settings(composed.tree)
    folder = settings.level("demos").text("out")
    n_demos = _collect_missing_demos(composed, settings, Path(folder), screen)
    screen.print_line(f"{n_demos} demonstrations in {folder}")
    if options.demos_only:
        return {"demonstrations": n_demos, "folder": folder}
    node = settings.node("model")
    steps = settings.level("model").level("training").integer("steps", 1)
    with screen.show_progress("training", steps) as update_bar:
        out = call_target(composed, "model", node, progress=_make_reporter(update_bar))
    screen.print_line(f"written to {out}; next: aegis collect weak.checkpoint={out}")
    return {"demonstrations": n_demos, "folder": folder, "checkpoint": str(out)}


def _collect_missing_demos(
    composed: ComposedConfig, settings: Settings, folder: Path, screen: Screen
) -> int:
    """Collects the demonstrations that are still missing."""
    demos = settings.level("demos")
    start = settings.level("start")
    world = make_world_factory(composed)
    expert = {**settings.node("expert"), "name": "expert"}
    recipe = DemoRecipe(
        world=world,
        expert=cast("Callable[[], Policy]", make_target_factory(composed, "expert", expert)),
        noise=ActionNoise(demos.number("rho", 0.0, 1.0), demos.numbers("noise")),
        cameras=_read_cameras(demos.node("cameras")),
        every=demos.integer("every", 1),
        **_read_lead_policy(composed, settings, demos),
    )
    count = demos.integer("units", 1)
    units = choose_units(settings, start, read_suite_name(composed), count, None, None)
    sample = world()
    check_tasks(sample, settings, read_suite_name(composed))
    check_starts(sample, settings, read_suite_name(composed))
    identity = {"assets": sample.assets_digest if isinstance(sample, AssetBacked) else ""}
    sample.close()
    unused = () if recipe.lead is not None else ("lead",)
    identity |= collect_identity(composed, (), unused)
    with screen.show_progress("demonstrations", len(units)) as update_bar:
        return collect_demos(
            recipe,
            units,
            folder,
            count_workers(settings),
            identity,
            read_versions(),
            lambda completed, total, successes: update_bar(completed, f"{successes} successes"),
        )


def _read_lead_policy(
    composed: ComposedConfig, settings: Settings, demos: Settings
) -> dict[str, Any]:
    """Reads which policy drives before the expert takes over, if any."""
    if demos.value("lead_ticks") is None:
        return {}
    first, last = demos.integers("lead_ticks")
    lead = make_target_factory(composed, "lead", {**settings.node("lead"), "name": "lead"})
    return {"lead": cast("Callable[[], Policy]", lead), "lead_ticks": (first, last)}


class TrainingProgress(Protocol):
    """Progress that a trainer reports."""

    @property
    def step(self) -> int:
        """Optimiser steps so far."""
        ...

    @property
    def loss(self) -> float:
        """Loss of the latest step."""
        ...


def _make_reporter(update_bar: Callable[[int, str], None]) -> Callable[[TrainingProgress], None]:
    """Returns a callback of a trainer that moves a progress bar."""

    def report_progress(progress: TrainingProgress) -> None:
        update_bar(progress.step, f"loss {progress.loss:.4f}")

    return report_progress


def _read_cameras(node: Mapping[str, object]) -> dict[str, tuple[int, int]]:
    sizes: dict[str, tuple[int, int]] = {}
    for name, side in node.items():
        if not isinstance(side, int) or side < 1:
            raise ConfigError(f"'demos.cameras.{name}' must be a side in pixels. Got: {side!r}.")
        sizes[str(name)] = (side, side)
    return sizes


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--demos-only", action="store_true", help="collect demonstrations, do not train"
    )


COMMAND = Command(
    name="train",
    details="""
        Plays the scripted expert with noise on its actions and records the actions that it intended
        (start states of the training split), then trains a policy to imitate them. The same command
        resumes both steps: existing demonstrations are reused, and an interrupted training
        continues.
    """,
    examples=(
        ("aegis train", "1000 demonstrations, then the weak policy"),
        ("aegis train model=strong name=strong", "the strong policy, from the same demonstrations"),
        ("aegis train --demos-only demos.units=50 demos.out=runs/few", "demonstrations only"),
        ("aegis train model.training.steps=200 name=quick", "a short training"),
        (
            "aegis train --demos-only demos.lead_ticks=[20,120] demos.out=runs/recoveries "
            "demos.units=800 start.offset=200 env.horizon=300",
            "the weak policy drives first, the expert recovers",
        ),
    ),
    configured=True,
    options=_add_options,
    run=_run_train,
)
