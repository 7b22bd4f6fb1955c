"""Execution: plays the arms of a study on its test units, block by block, and its fork set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log
from pathlib import Path

import numpy as np

from aegis.core.errors import ConfigError
from aegis.core.ladder import RESEED, Ladder, Rung
from aegis.core.protocols import Policy, World
from aegis.core.types import EpisodeKey, PolicyId
from aegis.fleet.arm import Arm
from aegis.fleet.pool import WorkerPool
from aegis.fleet.progress import ProgressSink
from aegis.fleet.run_plan import RunPlan
from aegis.fleet.runner import play_plan
from aegis.fleet.units import Split, find_split
from aegis.gates.schedule import ScheduleGate
from aegis.gates.switch import HysteresisSwitch
from aegis.records.rows import EpisodeRow
from aegis.records.store import RunTables
from aegis.stats.e_process import log_e_value
from aegis.study.plan.study_plan import GREATER, SEQUENTIAL, StudyPlan

ENDLESS_STAY = 1000
"""A stay that no episode outlasts [chunks]."""


@dataclass(frozen=True, slots=True)
class StudyExecutor:
    """What a study runs on; none of it can be seen in the results.

    Attributes:
        policies: The policies, by the names that the arms use.
        world: Builds a world; must pickle.
        sink: Who is told.
        workers: Simulator processes, where there is no pool.
        slots: Branches that each of them keeps in flight.
        dispatch: Environment variables for these processes; see ``aegis.host.dispatch``.
    """

    policies: Mapping[PolicyId, Policy]
    world: Callable[[], World]
    sink: ProgressSink
    workers: int
    slots: int
    dispatch: Mapping[str, str] = field(default_factory=dict)

    def execute_plan(self, plan: RunPlan, out: Path, pool: WorkerPool | None = None) -> RunTables:
        """Runs a plan with own workers, or with those of a pool; see ``play_plan``."""
        if pool is not None:
            return play_plan(plan, self.policies, pool, out, self.sink, self.slots)
        with WorkerPool(self.world, self.workers, self.dispatch) as own:
            return play_plan(plan, self.policies, own, out, self.sink, self.slots)


def check_splits(calibration: Sequence[EpisodeKey], test: Sequence[EpisodeKey]) -> None:
    """Checks that what was fitted or calibrated on is not what is tested on.

    Raises:
        ConfigError: If a unit is in two splits, or in another one than it should be.
    """
    shared = set(calibration) & set(test)
    if shared:
        raise ConfigError(
            f"{len(shared)} units are in both calibration and test: {min(shared, key=str)} ..."
        )
    for keys, split in ((calibration, Split.CALIBRATION), (test, Split.TEST)):
        wrong = [key for key in keys if find_split(key) is not split]
        if wrong:
            raise ConfigError(
                f"{len(wrong)} {split.value} units of this study lie in the "
                f"{find_split(wrong[0]).value} split: {wrong[0]} ... Set start.split=test."
            )


def play_arms(
    plan: RunPlan,
    study: StudyPlan,
    machine: StudyExecutor,
    out: Path,
    pool: WorkerPool | None = None,
) -> RunTables:
    """Plays all arms, or what is left of them, until the stopping rule is met.

    Args:
        plan: The arms on all test units, in their planned order.
        study: Has the stopping rule.
        machine: What it runs on.
        out: Run folder.
        pool: Workers to use instead of own ones.
    """
    total = len(plan.units)
    looks = [n for n in study.looks if n < total] if study.stopping == SEQUENTIAL else []
    # Finished episodes stay in the folder, so each look plays only the units that it adds.
    for count in looks:
        tables = machine.execute_plan(replace(plan, units=plan.units[:count]), out, pool)
        if is_decided(study, tables.episodes):
            return tables
    return machine.execute_plan(plan, out, pool)


def is_decided(study: StudyPlan, rows: Sequence[EpisodeRow]) -> bool:
    """Says whether each planned superiority has been decided for, at Bonferroni's level.

    The sign-test e-process allows a look after any unit (``aegis.stats.e_process``).
    """
    won = {(row.arm, row.key): row.success for row in rows}
    keys = sorted({row.key for row in rows}, key=str)
    enough = -log(study.alpha / len(study.contrasts))
    for contrast in study.contrasts:
        if contrast.alternative != GREATER:
            continue
        arm = np.array([won[contrast.arm, key] for key in keys], bool)
        other = np.array([won[contrast.against, key] for key in keys], bool)
        if float(log_e_value(int((arm & ~other).sum()), int((other & ~arm).sum()))) < enough:
            return False
    return True


def fork_arms(weak: Arm, ticks: Sequence[int]) -> tuple[Arm, ...]:
    """Returns the arms of a fork set: at a tick everything goes to one policy, to the end.

    Args:
        weak: The reference arm; it is the first of them.
        ticks: When; multiples of the weak policy's chunk [control steps].

    Raises:
        ConfigError: If a tick is no chunk boundary.
    """
    watched, helper = weak.controller.ladder.rungs[0], weak.controller.ladder.rungs[-1]
    chunk = watched.execute
    wrong = [tick for tick in ticks if tick < 0 or tick % chunk]
    if wrong:
        raise ConfigError(f"Forks start at multiples of {chunk} control steps. Got: {wrong}.")
    placebo = Rung(RESEED, chunk, policy=watched.source[0], salt=1)
    kinds = ((helper, "strong"), (placebo, RESEED))
    return weak, *(_fork_arm(weak, tick, *kind) for kind in kinds for tick in ticks)


def _fork_arm(weak: Arm, tick: int, heir: Rung, word: str) -> Arm:
    control = weak.controller
    watched = control.ladder.rungs[0]
    chunk = watched.execute
    # What a boundary decides takes effect at the next one; at tick 0 nobody has decided before.
    gate = ScheduleGate(max(0, tick - chunk), (ENDLESS_STAY,), None, "cycle", 1.0)
    return Arm(
        name=f"{word}_at_{tick:03d}",
        controller=replace(
            control,
            ladder=Ladder((watched, heir), fallback=None),
            gate=gate,
            # No risk is below it, so control is never given back.
            switch=HysteresisSwitch(release=float("-inf")),
            first=watched.name if tick else heir.name,
            detectors=(),
        ),
    )
