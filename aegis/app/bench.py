"""Benches: which contests a benchmark is made of, from its configuration."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from aegis.app.config.arm_builder import arms_of
from aegis.app.config.build import Composed, build_later, call
from aegis.app.config.lab import Lab, open_lab
from aegis.app.config.settings import Settings
from aegis.app.experiment import plan_of
from aegis.bench.contest import Contest
from aegis.bench.gate import FeedContest, record
from aegis.bench.profile import ProfileContest
from aegis.bench.rollout import RolloutContest, VectorPart
from aegis.bench.study import PlayContest, SharingContest, Track, WarmStartContest
from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.protocols import ForkableWorld
from aegis.fleet.arm import Arm
from aegis.fleet.run_plan import Plan

Timed = tuple[Contest, int]
"""A contest, and how often it is measured."""

BENCHES = {
    "step": "a control step against robosuite's env.step and bare mj_step",
    "render": "two pictures against LIBERO's own renderer",
    "rollout": "episodes against an evaluation loop as LeRobot's; growth; start of a worker",
    "study": "five arms with shared prefixes against each alone; a study at paper scale",
    "gate": "one tick of the controller against the control period",
    "inference": "batched inference against the bare batched forward",
}


def contests(name: str, composed: Composed) -> Iterator[Timed]:
    """Builds the contests of a benchmark, one after the other.

    Raises:
        UnknownNameError: If there is no such benchmark.
    """
    if name not in BENCHES:
        raise UnknownNameError("benchmark", name, BENCHES, "aegis bench")
    settings = Settings(composed.tree)
    if name in ("step", "render", "inference"):
        found = cast("Sequence[Contest]", call(composed, "bench", settings.node("bench")))
        for contest in found:
            yield contest, settings.integer("repeats", 1)
        return
    makers: dict[str, Callable[[_Stand], Iterator[Timed]]]
    makers = {"gate": _gate, "study": _study, "rollout": _rollout}
    with open_lab(composed, ("weak", "strong")) as lab:
        stand = _Stand(lab, settings, settings.level("bench"))
        yield from makers[name](stand)


class _Stand:
    """What benches that play episodes share."""

    def __init__(self, lab: Lab, settings: Settings, bench: Settings) -> None:
        self.lab, self.settings, self.bench = lab, settings, bench
        self.arms = {arm.name: arm for arm in arms_of(lab, settings.level("arms"))}
        self.repeats = settings.integer("repeats", 1)
        self.slots = settings.integer("slots", 1)

    def arm(self, name: str) -> Arm:
        """Returns an arm by name."""
        if name not in self.arms:
            raise UnknownNameError("arm", name, self.arms, "bench.arm")
        return self.arms[name]

    def track(self, workers: int | None = None, slots: int | None = None) -> Track:
        """Returns fresh workers."""
        lab = self.lab
        return Track(lab.policies, lab.world, workers or lab.workers, slots or self.slots)

    def plan(self, count: int, arms: Sequence[Arm]) -> Plan:
        """Returns a plan of some arms on the first units; not audited."""
        plan = plan_of(self.lab, self.lab.units(count), arms, sharing=True, audit=0.0)
        return replace(plan, config="")


def _gate(stand: _Stand) -> Iterator[Timed]:
    controller = stand.arm(stand.bench.text("arm")).controller
    lab = stand.lab
    world = lab.world()
    if not isinstance(world, ForkableWorld):
        raise ConfigError("`aegis bench gate` needs a world with snapshot and restore.")
    try:
        keys = lab.units(stand.bench.integer("units", 1))
        courses = record(world, controller, lab.policies, keys)
    finally:
        world.close()
    yield FeedContest(controller, courses, lab.embodiment.dt), stand.repeats


def _study(stand: _Stand) -> Iterator[Timed]:
    bench, arms = stand.bench, tuple(stand.arms.values())
    plan = stand.plan(bench.integer("sharing_units", 1), arms)
    yield SharingContest(stand.track(), plan), bench.integer("sharing_repeats", 1)
    yield _profile(stand), 1
    for count in bench.integers("growth"):
        plan = stand.plan(bench.integer("growth_units", 1), arms[:count])
        yield PlayContest(f"arms_{count}", stand.track(), plan, warm=True), 1
    if units := bench.integer("units", 0):
        yield PlayContest("paper_scale", stand.track(), stand.plan(units, arms), warm=False), 1


def _profile(stand: _Stand) -> Contest:
    world = stand.lab.world()
    if not isinstance(world, ForkableWorld):
        raise ConfigError("`aegis bench study` needs a world with snapshot and restore.")
    keys = stand.lab.units(stand.bench.integer("growth_units", 1))
    return ProfileContest(world, stand.lab.policies, tuple(stand.arms.values()), keys)


def _rollout(stand: _Stand) -> Iterator[Timed]:
    yield from _against(stand)
    bench, arm = stand.bench, stand.arm("weak")
    plan = stand.plan(bench.integer("units", 1), [arm])
    yield WarmStartContest(stand.lab.world, plan, stand.lab.policies), stand.repeats
    growth = bench.level("growth")
    for workers in growth.integers("workers"):
        yield PlayContest(f"workers_{workers}", stand.track(workers), plan, warm=True), 1
    for slots in growth.integers("slots"):
        yield PlayContest(f"slots_{slots}", stand.track(slots=slots), plan, warm=True), 1
    for horizon in growth.integers("horizon"):
        short = replace(arm, controller=replace(arm.controller, horizon=horizon))
        some = replace(plan, arms=(short,))
        yield PlayContest(f"horizon_{horizon}", stand.track(), some, warm=True), 1


def _against(stand: _Stand) -> Iterator[Timed]:
    """Yields our episodes against the reference's, at our picture size and at its own."""
    lab, bench = stand.lab, stand.bench
    units = bench.integer("units", 1)
    played = min(bench.integer("reference_units", 1), units)
    plan = stand.plan(units, [stand.arm("weak")])
    node, repeats = bench.node("reference"), bench.integer("reference_repeats", 1)
    size, horizon = bench.integer("reference_size", 1), bench.integer("reference_horizon", 1)
    settings = {
        "same_pictures": (node, lab.horizon),
        "same_pictures_soft_reset": ({**node, "hard_reset": False}, lab.horizon),
        "defaults": ({**node, "size": size}, horizon),
    }
    batch = bench.integer("batch", 1)
    for name, (chosen, longest) in settings.items():
        make = build_later(lab.composed, "bench.reference", chosen)
        facts: dict[str, Any] = {"batch": batch, "reference_horizon": longest, **chosen}
        del facts["_target_"]
        yield (
            RolloutContest(
                name,
                stand.track(),
                plan,
                lab.policies["weak"],
                cast("Callable[[], VectorPart]", make),
                batch,
                longest,
                lab.units(played),
                facts,
            ),
            repeats,
        )


def figure(value: object) -> str:
    """Returns a number as people read it."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.3g}"
    return str(value)


@contextmanager
def closing(items: Iterator[Timed]) -> Iterator[Iterator[Timed]]:
    """Closes a generator of contests, so that what it holds open is freed."""
    try:
        yield items
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()
