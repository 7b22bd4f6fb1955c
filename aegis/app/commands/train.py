"""`aegis train`: collects demonstrations and trains a policy from them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from aegis.app.command import Command
from aegis.app.config.build import Composed, build_later, call
from aegis.app.config.lab import choose_units, suite_of, workers_of
from aegis.app.config.settings import Settings
from aegis.app.experiment import composed_for, versions
from aegis.app.screen import Json, Screen
from aegis.core.errors import ConfigError
from aegis.core.protocols import Policy, World
from aegis.demos.collection import Recipe, collect_demos
from aegis.demos.episode import ActionNoise


def _run(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = composed_for("train", options, screen)
    if composed is None:
        return {}
    settings = Settings(composed.tree)
    folder = settings.level("demos").text("out")
    kept = _collect(composed, settings, Path(folder), screen)
    screen.say(f"{kept} demonstrations in {folder}")
    if options.demos_only:
        return {"demonstrations": kept, "folder": folder}
    node = settings.node("model")
    steps = settings.level("model").level("training").integer("steps", 1)
    with screen.bar("training", steps) as tell:
        out = call(composed, "model", node, progress=_reporter(tell))
    screen.say(f"written to {out}; next: aegis collect weak.checkpoint={out}")
    return {"demonstrations": kept, "folder": folder, "checkpoint": str(out)}


def _collect(composed: Composed, settings: Settings, folder: Path, screen: Screen) -> int:
    """Makes the demonstrations that are not there yet."""
    demos = settings.level("demos")
    start = settings.level("start")
    world = cast("Callable[[], World]", build_later(composed, "env", settings.node("env")))
    expert = {**settings.node("expert"), "name": "expert"}
    recipe = Recipe(
        world=world,
        expert=cast("Callable[[], Policy]", build_later(composed, "expert", expert)),
        noise=ActionNoise(demos.number("rho", 0.0, 1.0), demos.numbers("noise")),
        cameras=_cameras(demos.node("cameras")),
        every=demos.integer("every", 1),
        **_lead(composed, settings, demos),
    )
    count = demos.integer("units", 1)
    units = choose_units(settings, start, suite_of(composed), count, None, None)
    sample = world()
    identity = {"assets": str(getattr(sample, "assets_digest", ""))}
    sample.close()
    with screen.bar("demonstrations", len(units)) as tell:
        return collect_demos(
            recipe,
            units,
            folder,
            workers_of(settings),
            identity,
            versions(),
            lambda done, total, kept: tell(done, f"{kept} successes"),
        )


def _lead(composed: Composed, settings: Settings, demos: Settings) -> dict[str, Any]:
    """Reads who drives before the expert takes over, if anybody."""
    if demos.value("lead_ticks") is None:
        return {}
    first, last = demos.integers("lead_ticks")
    lead = build_later(composed, "lead", {**settings.node("lead"), "name": "lead"})
    return {"lead": cast("Callable[[], Policy]", lead), "lead_ticks": (first, last)}


def _reporter(tell: Callable[[int, str], None]) -> Callable[[object], None]:
    """Turns what a trainer reports (step, loss) into a progress bar."""

    def report(progress: object) -> None:
        loss = getattr(progress, "loss", float("nan"))
        tell(int(getattr(progress, "step", 0)), f"loss {loss:.4f}")

    return report


def _cameras(node: Mapping[str, object]) -> dict[str, tuple[int, int]]:
    sizes: dict[str, tuple[int, int]] = {}
    for name, side in node.items():
        if not isinstance(side, int) or side < 1:
            raise ConfigError(f"'demos.cameras.{name}' must be a side in pixels. Got: {side!r}.")
        sizes[str(name)] = (side, side)
    return sizes


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--demos-only", action="store_true", help="collect demonstrations, do not train"
    )


COMMAND = Command(
    name="train",
    details="""
        Lets the scripted expert play with a shaken hand and writes down what it wanted to do
        (start states of the training split); then trains a policy to do the same. Demonstrations
        that are there already are not made again, and an interrupted training goes on: the same
        command resumes both.
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
    options=_options,
    run=_run,
)
