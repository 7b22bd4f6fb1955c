"""Tasks of robosuite 1.4 as a world: Panda under OSC_POSE at 20 Hz, stepped as LIBERO is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aegis.core.errors import UnknownNameError
from aegis.core.types import Observation
from envs.camera import render_pictures
from envs.libero.simulation import STEPPERS
from envs.panda import PERIOD_NS
from envs.panda_world import PandaWorld
from envs.robosuite.simulation import RobosuiteSimulation
from envs.robosuite.tasks.catalog import TASKS

SUITE = "robosuite"


class RobosuiteWorld(PandaWorld[RobosuiteSimulation]):
    """A task of robosuite.

    Args:
        suite: ``"robosuite"``; part of every episode's address.
        task: ``"Lift"``, ``"Stack"``, ``"PickPlaceCan"``, ``"NutAssemblySquare"`` or ``"Door"``:
            tasks 0 to 4 of the suite, in this order. The world has this one alone.
        horizon: Longest episode [control steps].
        stepping: ``"exact"`` is robosuite's, bit for bit; in ``"fast"`` resting bodies sleep.

    Raises:
        UnknownNameError: If suite, task or stepping are not supported.
        ConfigError: If the horizon is less than one.
    """

    def __init__(self, suite: str, task: str, horizon: int, stepping: str = "exact") -> None:
        if suite != SUITE:
            raise UnknownNameError("suite", suite, [SUITE], "env.suite")
        if task not in TASKS:
            raise UnknownNameError("task", task, TASKS, "env.task")
        if stepping not in STEPPERS:
            raise UnknownNameError("stepping", stepping, STEPPERS, "env.stepping")
        super().__init__(suite, horizon)
        self._task, self._stepper = TASKS[task], STEPPERS[stepping]
        self._number = list(TASKS).index(task)

    def list_tasks(self) -> Sequence[int]:
        """Returns the number of its one task."""
        return (self._number,)

    def list_starts(self) -> Sequence[str]:
        """Returns the families of start states."""
        return tuple(self._task.starts)

    def count_starts(self, start: str) -> int | None:
        """Returns None: the families have no end.

        Raises:
            UnknownNameError: If there is no such family.
        """
        if start not in self._task.starts:
            raise UnknownNameError("start family", start, self._task.starts, f"suite {SUITE}")
        return None

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        """Senses the current state; see `aegis.core.protocols.World`."""
        sim = self._require_simulation()
        sim.refresh_kinematics()
        return Observation(
            stamp=self._k * PERIOD_NS,
            proprio=sim.hand.read_proprio(sim.data),
            images=render_pictures(sim.model, sim.data, cameras, digest=sim.looks)
            if cameras
            else {},
            instruction=self._task.instruction,
            privileged=sim.read_truth(),
        )

    def _get_simulation(self, task: int) -> RobosuiteSimulation:
        if task != self._number:
            raise UnknownNameError("task", task, [self._number], f"env.task {self._task.name}")
        if self._sim is not None:
            return self._sim
        return RobosuiteSimulation(self._task, self._stepper)
