"""Bench of the control step: exact and fast against robosuite's, exact against bare `mj_step`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, TypeAlias

import mujoco
import numpy as np

from aegis.core.types import F64, Observation
from envs.assets.resolver import resolve_assets
from envs.bench.action_sequences import ActionSequence, draw_action_sequences
from envs.bench.twin import Twin
from envs.libero.exact_stepper import Stepper
from envs.libero.fast_stepper import FastStepper
from envs.libero.scene_loader import load_scene
from envs.libero.simulation import Simulation
from envs.panda import STATE_SPEC, read_integration_state

SUITE = "libero_spatial"
SUBSTEPS = 25
"""Steps of MuJoCo in a control step."""
MAX_DEVIATION = 1e-2
"""Distance from the exact course that counts as another course [m]."""
StateMark: TypeAlias = Callable[[mujoco.MjModel, mujoco.MjData], F64]


class StepBench:
    """The tasks: ours, in both modes, and robosuite's, each with its courses.

    Args:
        assets: ``builtin``, ``auto``, ``hub`` or a folder.
        tasks: Task numbers.
        steps: Control steps of each course but the expert's.
        seed: Of start states and actions.
        expert: Observation to action.
    """

    def __init__(
        self,
        assets: str,
        tasks: Sequence[int],
        steps: int,
        seed: int,
        expert: Callable[[Observation], F64],
    ) -> None:
        found = resolve_assets(assets)
        self.exact: dict[int, Simulation] = {}
        self.quick: dict[int, Simulation] = {}
        self.twins: dict[int, Twin] = {}
        self.courses: list[ActionSequence] = []
        for task in tasks:
            scene = load_scene(SUITE, task, found.path, found.digest)
            self.exact[task] = Simulation(scene, Stepper)
            self.quick[task] = Simulation(scene, FastStepper)
            self.twins[task] = Twin(scene, found.path)
            self.courses += draw_action_sequences(self.exact[task], steps, seed, expert)
        self.steps = sum(len(course.actions) for course in self.courses)
        self._starts = {
            id(sims): {course.key: self._snapshot_start(sims, course) for course in self.courses}
            for sims in (self.exact, self.quick)
        }

    def play_ours(
        self, sims: dict[int, Simulation], mark: StateMark
    ) -> tuple[list[F64], list[bool]]:
        """Plays all courses in our simulations.

        Returns:
            What ``mark`` read after each step, in the shape that it gives, and each success.
        """
        marks, won = [], []
        for course in self.courses:
            sim = sims[course.task]
            sim.restore(self._starts[id(sims)][course.key])
            for action in course.actions:
                won.append(sim.step(action.copy()))
                marks.append(mark(sim.model, sim.data))
        return marks, won

    def play_reference(self, mark: StateMark) -> tuple[list[F64], list[bool]]:
        """Plays all courses in robosuite; see `play_ours`, shapes included."""
        marks, won = [], []
        for course in self.courses:
            sim, twin = self.exact[course.task], self.twins[course.task]
            sim.restore(self._starts[id(self.exact)][course.key])
            twin.load_state(sim)
            for action in course.actions:
                won.append(twin.step(action.copy()))
                marks.append(mark(twin.model, twin.data))
        return marks, won

    def step_bare_mujoco(self, states: Sequence[F64]) -> None:
        """Steps MuJoCo alone, from each state, shape (s,), for the length of a control step."""
        todo = iter(states)
        for course in self.courses:
            sim = self.exact[course.task]
            sim.restore(self._starts[id(self.exact)][course.key])
            for _ in course.actions:
                mujoco.mj_setState(sim.model, sim.data, next(todo), STATE_SPEC)
                mujoco.mj_step(sim.model, sim.data, nstep=SUBSTEPS)

    def check_by_kind(self, flags: Sequence[bool]) -> dict[str, bool]:
        """Returns for each kind of course whether all flags of its steps hold."""
        kinds = [course.kind for course in self.courses for _ in course.actions]
        pairs = list(zip(kinds, flags, strict=True))
        return {
            name: all(flag for kind, flag in pairs if kind == name) for name in sorted(set(kinds))
        }

    def close(self) -> None:
        """Frees robosuite's environments."""
        for twin in self.twins.values():
            twin.close()
        self.twins.clear()

    @staticmethod
    def _snapshot_start(sims: dict[int, Simulation], course: ActionSequence) -> F64:
        """Returns the snapshot of a course's start. Shape (n,)."""
        sims[course.task].begin(course.key)
        return sims[course.task].snapshot()


class ExactContest:
    """Our exact step against robosuite's: cost, and whether all bits are equal."""

    name, reference = "exact", "robosuite"

    def __init__(self, bench: StepBench) -> None:
        self._bench = bench
        self._marks: dict[str, tuple[list[F64], list[bool]]] = {}
        bench.play_ours(bench.exact, read_integration_state)  # compiled code is loaded

    def run_ours(self) -> None:
        """Plays all courses."""
        self._marks["ours"] = self._bench.play_ours(self._bench.exact, read_integration_state)

    def run_reference(self) -> None:
        """Plays them in robosuite."""
        self._marks["theirs"] = self._bench.play_reference(read_integration_state)

    def collect_facts(self) -> dict[str, Any]:
        """Returns whether states and success flags are equal after every step."""
        (a, won), (b, their_won) = self._marks["ours"], self._marks["theirs"]
        equal = [x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True)]
        return {
            "bitwise_equal": all(equal) and won == their_won,
            "success_equal": won == their_won,
            "successes": sum(won),
            "by_course": self._bench.check_by_kind(equal),
            "steps": self._bench.steps,
            "tasks": sorted(self._bench.exact),
        }


class FastContest:
    """Our fast step against robosuite's: cost, and how far the courses come apart."""

    name, reference = "fast", "robosuite"

    def __init__(self, bench: StepBench) -> None:
        self._bench = bench
        self._marks: dict[str, tuple[list[F64], list[bool]]] = {}
        bench.play_ours(bench.quick, _body_positions)

    def run_ours(self) -> None:
        """Plays all courses."""
        self._marks["ours"] = self._bench.play_ours(self._bench.quick, _body_positions)

    def run_reference(self) -> None:
        """Plays them in robosuite."""
        self._marks["theirs"] = self._bench.play_reference(_body_positions)

    def collect_facts(self) -> dict[str, Any]:
        """Returns the largest distance of any body from where it is in robosuite, and success."""
        (a, won), (b, their_won) = self._marks["ours"], self._marks["theirs"]
        apart = [float(np.abs(x - y).max()) for x, y in zip(a, b, strict=True)]
        return {
            "bitwise_equal": max(apart) == 0.0,
            "deviation_median_m": median(apart),
            "deviation_p90_m": float(np.quantile(apart, 0.9)),
            "deviation_max_m": max(apart),
            "within_1_cm": self._bench.check_by_kind([d < MAX_DEVIATION for d in apart]),
            "success_equal": won == their_won,
            "steps": self._bench.steps,
            "tasks": sorted(self._bench.exact),
        }


class BareContest:
    """Our exact step against MuJoCo alone, from the same states: how much is not physics."""

    name, reference = "bare", "mj_step x 25"

    def __init__(self, bench: StepBench) -> None:
        self._bench = bench
        self._states, _ = bench.play_ours(bench.exact, read_integration_state)

    def run_ours(self) -> None:
        """Plays all courses."""
        self._bench.play_ours(self._bench.exact, read_integration_state)

    def run_reference(self) -> None:
        """Steps MuJoCo from all states that the courses passed."""
        self._bench.step_bare_mujoco(self._states)

    def collect_facts(self) -> dict[str, Any]:
        """Returns the control steps."""
        return {"steps": self._bench.steps}


class SnapshotContest:
    """Snapshot and restore of one simulation, in both modes."""

    name, reference = "snapshot", ""
    ROUNDS = 200

    def __init__(self, bench: StepBench) -> None:
        self._bench = bench
        self._took: dict[str, list[float]] = {}

    def run_ours(self) -> None:
        """Takes snapshots and goes back to them."""
        for name, sims in (("exact", self._bench.exact), ("fast", self._bench.quick)):
            sim = next(iter(sims.values()))
            for _ in range(self.ROUNDS):
                began = time.perf_counter()
                values = sim.snapshot()
                between = time.perf_counter()
                sim.restore(values)
                self._took.setdefault(f"{name}_restore_us", []).append(
                    time.perf_counter() - between
                )
                self._took.setdefault(f"{name}_snapshot_us", []).append(between - began)
        self._bytes = values.nbytes

    def run_reference(self) -> None:
        """There is no reference."""

    def collect_facts(self) -> dict[str, Any]:
        """Returns medians [us] and the size."""
        return {
            **{name: 1e6 * median(took) for name, took in self._took.items()},
            "bytes": self._bytes,
        }

    def close(self) -> None:
        """Frees the reference of all contests: this one is the last."""
        self._bench.close()


def build_contests(assets: str, tasks: list[int], steps: int, seed: int, expert: Any) -> list[Any]:
    """Returns the contests of `aegis bench step`.

    Args:
        assets: ``builtin``, ``auto``, ``hub`` or a folder.
        tasks: Task numbers.
        steps: Control steps of each course but the expert's.
        seed: Of start states and actions.
        expert: A policy with ``act(observation)``.
    """
    bench = StepBench(assets, tasks, steps, seed, expert.act)
    return [ExactContest(bench), FastContest(bench), BareContest(bench), SnapshotContest(bench)]


def _body_positions(model: mujoco.MjModel, data: mujoco.MjData) -> F64:
    """Returns the positions of all bodies, fingers and objects included [m]. Shape (nbody, 3)."""
    del model
    return np.array(data.xpos)
