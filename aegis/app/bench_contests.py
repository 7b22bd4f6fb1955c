"""Benches: the contests of a benchmark, built from its configuration."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, cast

from aegis.app.config.arm_builder import build_arms
from aegis.app.config.composition import ComposedConfig, call_target, make_target_factory
from aegis.app.config.lab import Lab, open_lab
from aegis.app.config.part_builder import PORTABLE
from aegis.app.config.settings import Settings
from aegis.app.experiment import build_run_plan
from aegis.bench.contest import Contest
from aegis.bench.portable_contest import PortableContest
from aegis.bench.profile_contest import ProfileContest
from aegis.bench.rollout_contest import RolloutContest, VectorPart
from aegis.bench.study_contests import PlanPlayer, PlayContest, SharingContest, WarmStartContest
from aegis.bench.tick_contest import FeedContest, record_ticks
from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.protocols import ForkableWorld
from aegis.fleet.arm import Arm
from aegis.fleet.run_plan import RunPlan

RepeatedContest = tuple[Contest, int]
"""A contest, and the number of its measurements."""

BENCHES = {
    "step": "a control step against robosuite's env.step and bare mj_step",
    "render": "two pictures against LIBERO's own renderer",
    "rollout": "episodes against a loop like LeRobot's; scaling; start of a worker",
    "study": "five arms with shared prefixes against each alone; a study at paper scale",
    "portable": "episodes whose bits no machine changes against portable=false",
    "gate": "one tick of the controller against the control period",
    "realtime": "the real-time driver beside policies that think: holds, misses, late wake-ups",
    "inference": "batched inference against the bare batched forward",
    "vla": "a policy of LeRobot: a chunk, its taps, further samples; in LeRobot's environment",
}


def build_contests(name: str, composed: ComposedConfig) -> Iterator[RepeatedContest]:
    """Builds the contests of a benchmark, one after the other.

    Raises:
        UnknownNameError: If there is no such benchmark.
    """
    if name not in BENCHES:
        raise UnknownNameError("benchmark", name, BENCHES, "aegis bench")
    settings = Settings(composed.tree)
    if name in ("step", "render", "inference", "realtime", "vla"):
        contests = cast("Sequence[Contest]", call_target(composed, "bench", settings.node("bench")))
        for contest in contests:
            yield contest, settings.integer("repeats", 1)
        return
    if name == "portable":
        yield from _build_portable_contests(composed)
        return
    makers: dict[str, Callable[[_BenchSetup], Iterator[RepeatedContest]]]
    makers = {
        "gate": _build_gate_contests,
        "study": _build_study_contests,
        "rollout": _build_rollout_contests,
    }
    with open_lab(composed, ("weak", "strong")) as lab:
        setup = _BenchSetup(lab, settings, settings.level("bench"))
        yield from makers[name](setup)


class _BenchSetup:
    """Lab, arms and settings of a benchmark that plays episodes."""

    def __init__(self, lab: Lab, settings: Settings, bench: Settings) -> None:
        self.lab, self.settings, self.bench = lab, settings, bench
        self.arms = {arm.name: arm for arm in build_arms(lab, settings.level("arms"))}
        self.repeats = settings.integer("repeats", 1)
        self.slots = settings.integer("slots", 1)

    def find_arm(self, name: str) -> Arm:
        """Returns an arm by name."""
        if name not in self.arms:
            raise UnknownNameError("arm", name, self.arms, "bench.arm")
        return self.arms[name]

    def create_workers(self, workers: int | None = None, slots: int | None = None) -> PlanPlayer:
        """Returns fresh workers."""
        lab = self.lab
        counts = workers or lab.workers, slots or self.slots
        return PlanPlayer(lab.policies, lab.world, *counts, lab.dispatch)

    def build_plan(self, count: int, arms: Sequence[Arm]) -> RunPlan:
        """Returns a plan of some arms on the first units; not audited."""
        plan = build_run_plan(self.lab, self.lab.list_units(count), arms, sharing=True, audit=0.0)
        return replace(plan, config="")


def _build_portable_contests(composed: ComposedConfig) -> Iterator[RepeatedContest]:
    """Yields a contest per arm, between two labs that differ in ``portable`` alone."""
    with ExitStack() as stack:
        setups = []
        for portable in (True, False):
            mine = replace(composed, tree={**composed.tree, PORTABLE: portable})
            lab, settings = (
                stack.enter_context(open_lab(mine, ("weak", "strong"))),
                Settings(mine.tree),
            )
            setups.append(_BenchSetup(lab, settings, settings.level("bench")))
        units = setups[0].bench.integer("units", 1)
        for arm in setups[0].bench.texts("compared"):
            plans = [setup.build_plan(units, [setup.find_arm(arm)]) for setup in setups]
            players = [setup.create_workers() for setup in setups]
            contest = PortableContest(arm, players[0], plans[0], players[1], plans[1])
            yield contest, setups[0].repeats


def _build_gate_contests(setup: _BenchSetup) -> Iterator[RepeatedContest]:
    controller = setup.find_arm(setup.bench.text("arm")).controller
    lab = setup.lab
    world = lab.world()
    try:
        keys = lab.list_units(setup.bench.integer("units", 1))
        episodes = record_ticks(world, controller, lab.policies, keys)
    finally:
        world.close()
    yield FeedContest(controller, episodes, lab.embodiment.dt), setup.repeats


def _build_study_contests(setup: _BenchSetup) -> Iterator[RepeatedContest]:
    bench, arms = setup.bench, tuple(setup.arms.values())
    plan = setup.build_plan(bench.integer("sharing_units", 1), arms)
    yield SharingContest(setup.create_workers(), plan), bench.integer("sharing_repeats", 1)
    yield _build_profile_contest(setup), 1
    for count in bench.integers("growth"):
        plan = setup.build_plan(bench.integer("growth_units", 1), arms[:count])
        yield PlayContest(f"arms_{count}", setup.create_workers(), plan, warm=True), 1
    if units := bench.integer("units", 0):
        yield (
            PlayContest(
                "paper_scale", setup.create_workers(), setup.build_plan(units, arms), warm=False
            ),
            1,
        )


def _build_profile_contest(setup: _BenchSetup) -> Contest:
    world = setup.lab.world()
    if not isinstance(world, ForkableWorld):
        raise ConfigError("`aegis bench study` needs a world with snapshot and restore.")
    keys = setup.lab.list_units(setup.bench.integer("growth_units", 1))
    return ProfileContest(world, setup.lab.policies, tuple(setup.arms.values()), keys)


def _build_rollout_contests(setup: _BenchSetup) -> Iterator[RepeatedContest]:
    yield from _build_reference_contests(setup)
    bench, arm = setup.bench, setup.find_arm("weak")
    plan = setup.build_plan(bench.integer("units", 1), [arm])
    yield WarmStartContest(setup.lab.world, plan, setup.lab.policies), setup.repeats
    growth = bench.level("growth")
    for workers in growth.integers("workers"):
        yield PlayContest(f"workers_{workers}", setup.create_workers(workers), plan, warm=True), 1
    for slots in growth.integers("slots"):
        yield PlayContest(f"slots_{slots}", setup.create_workers(slots=slots), plan, warm=True), 1
    for horizon in growth.integers("horizon"):
        shorter_arm = replace(arm, controller=replace(arm.controller, horizon=horizon))
        shorter_plan = replace(plan, arms=(shorter_arm,))
        yield PlayContest(f"horizon_{horizon}", setup.create_workers(), shorter_plan, warm=True), 1


def _build_reference_contests(setup: _BenchSetup) -> Iterator[RepeatedContest]:
    """Yields our episodes against the reference's, at our picture size and at its own."""
    lab, bench = setup.lab, setup.bench
    units = bench.integer("units", 1)
    compared_units = min(bench.integer("reference_units", 1), units)
    plan = setup.build_plan(units, [setup.find_arm("weak")])
    node, repeats = bench.node("reference"), bench.integer("reference_repeats", 1)
    size, horizon = bench.integer("reference_size", 1), bench.integer("reference_horizon", 1)
    settings = {
        "same_pictures": (node, lab.horizon),
        "same_pictures_soft_reset": ({**node, "hard_reset": False}, lab.horizon),
        "defaults": ({**node, "size": size}, horizon),
    }
    batch = bench.integer("batch", 1)
    for name, (reference, max_steps) in settings.items():
        make = make_target_factory(lab.composed, "bench.reference", reference)
        facts: dict[str, Any] = {"batch": batch, "reference_horizon": max_steps, **reference}
        del facts["_target_"]
        yield (
            RolloutContest(
                name,
                setup.create_workers(),
                plan,
                lab.policies["weak"],
                cast("Callable[[], VectorPart]", make),
                batch,
                max_steps,
                lab.embodiment,
                lab.list_units(compared_units),
                facts,
            ),
            repeats,
        )


def format_value(value: object) -> str:
    """Returns a value as text for people."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.3g}"
    return str(value)


@contextmanager
def closing_contests(items: Iterator[RepeatedContest]) -> Iterator[Iterator[RepeatedContest]]:
    """Closes a generator of contests, so that its resources are freed."""
    try:
        yield items
    finally:
        if isinstance(items, Generator):
            items.close()
