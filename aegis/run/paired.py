"""Paired run: matches the control arms on calibration units, then plays all arms on test units."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.protocols import Policy, World
from aegis.core.types import EpisodeKey, PolicyId
from aegis.gates.bernoulli import RandomGate
from aegis.gates.schedule import ScheduleGate
from aegis.run.arm import Arm
from aegis.run.match import Budget, Match, duty, match_random, match_schedule
from aegis.run.plan import Plan
from aegis.run.pool import Pool
from aegis.run.rows import EpisodeRow
from aegis.run.runner import run
from aegis.run.sink import Sink
from aegis.run.study import Study, summarise

ARMS = ("weak", "strong", "blind", "random", "aegis")
"""What a study plays; further arms may come with them."""


@dataclass(frozen=True, slots=True)
class Matching:
    """How the control arms get their budget.

    Attributes:
        units: Calibration units; none of them may be a test unit.
        tolerance: Difference in duty that is good enough.
        tries: Runs over the calibration units that each control arm may take.
    """

    units: tuple[EpisodeKey, ...]
    tolerance: float
    tries: int

    def __post_init__(self) -> None:
        if not self.units or self.tries < 1 or not 0 <= self.tolerance < 1:
            raise ConfigError(
                "Matching needs calibration units, at least 1 try and a tolerance in [0, 1). Got: "
                f"{len(self.units)} units, {self.tries} tries, tolerance {self.tolerance}."
            )


@dataclass(frozen=True, slots=True)
class Machine:
    """What a study runs on; none of it can be seen in the results.

    Attributes:
        policies: The policies, by the names that the arms use.
        world: Builds a world; must pickle.
        sink: Who is told.
        workers: Simulator processes.
        slots: Episodes that each of them keeps in flight.
    """

    policies: Mapping[PolicyId, Policy]
    world: Callable[[], World]
    sink: Sink
    workers: int
    slots: int

    def run(self, plan: Plan, out: Path, pool: Pool) -> tuple[EpisodeRow, ...]:
        """Runs a plan; see ``aegis.run.runner.run``."""
        args = (self.policies, self.world, out, self.sink, self.workers, self.slots)
        return run(plan, *args, pool).episodes


def run_study(plan: Plan, matching: Matching, machine: Machine, out: Path) -> Study:
    """Runs a study, or what is left of it, and writes ``study.json``.

    The plan has arms ``weak``, ``strong`` and ``aegis``, and the control arms ``blind`` (with a
    ``ScheduleGate``) and ``random`` (with a ``RandomGate``), whose timing and hold lengths are
    replaced by matched ones.

    Args:
        plan: The arms on the test units.
        matching: How the control arms get their budget.
        machine: What it runs on.
        out: Run folder; calibration runs go into ``calibration/`` in it.

    Raises:
        UnknownNameError: If an arm is missing.
        ConfigError: If units are shared between calibration and test, or a control arm has
            another kind of gate.
        CalibrationError: If the gate under test never fires on the calibration units.
    """
    shared = set(matching.units) & set(plan.units)
    if shared:
        raise ConfigError(
            f"{len(shared)} units are in both calibration and test: {min(shared, key=str)} ..."
        )
    with Pool(machine.world, machine.workers) as pool:
        matched = _match(plan, matching, partial(machine.run, pool=pool), out / "calibration")
        arms = tuple(
            replace(arm, controller=replace(arm.controller, gate=matched[arm.name].gate))
            if arm.name in matched
            else arm
            for arm in plan.arms
        )
        episodes = machine.run(replace(plan, arms=arms), out, pool)
    study = summarise(episodes, [arm.name for arm in arms], _facts(matched, matching))
    study.save(out / "study.json")
    return study


def _match(
    plan: Plan,
    matching: Matching,
    run: Callable[[Plan, Path], tuple[EpisodeRow, ...]],
    out: Path,
) -> dict[str, Match[ScheduleGate] | Match[RandomGate]]:
    arms = {arm.name: arm for arm in plan.arms}
    for name in ARMS:
        if name not in arms:
            raise UnknownNameError("arm", name, arms, "the plan of a study, which needs all arms")
    blind, coin = arms["blind"].controller.gate, arms["random"].controller.gate
    if not isinstance(blind, ScheduleGate) or not isinstance(coin, RandomGate):
        raise ConfigError(
            "Arm 'blind' needs a ScheduleGate and arm 'random' a RandomGate. "
            f"Got: {type(blind).__name__} and {type(coin).__name__}."
        )

    def play(arm: Arm, folder: str) -> tuple[EpisodeRow, ...]:
        return run(replace(plan, units=matching.units, arms=(arm,)), out / folder)

    def measure(name: str, gate: ScheduleGate | RandomGate) -> float:
        arm = replace(arms[name], controller=replace(arms[name].controller, gate=gate))
        tag = hashlib.blake2b(repr(gate).encode(), digest_size=6).hexdigest()
        return duty(play(arm, f"{name}-{tag}"))

    budget = Budget.of(play(arms["aegis"], "aegis"))
    control = arms["blind"].controller
    return {
        "blind": match_schedule(
            budget,
            blind,
            control.execute[control.weak],
            control.horizon,
            lambda gate: measure("blind", gate),
            matching.tolerance,
            matching.tries,
        ),
        "random": match_random(
            budget, coin, lambda gate: measure("random", gate), matching.tolerance, matching.tries
        ),
    }


def _facts(
    matched: Mapping[str, Match[ScheduleGate] | Match[RandomGate]], matching: Matching
) -> dict[str, object]:
    facts: dict[str, object] = {"calibration_units": len(matching.units)}
    for name, match in matched.items():
        tried: Sequence[object] = [list(pair) for pair in match.tried]
        facts[name] = {"duty": match.duty, "target": match.target, "tried": tried}
    return facts
