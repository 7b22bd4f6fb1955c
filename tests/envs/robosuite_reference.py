"""robosuite's own environment and our simulation in the same state, and actions that touch."""

import mujoco
import numpy as np

from aegis.core.types import F64, EpisodeKey
from envs.contained import contain_side_effects
from envs.libero.exact_stepper import Stepper
from envs.panda import STATE_SPEC, read_integration_state
from envs.robosuite.scene import make_environment
from envs.robosuite.simulation import RobosuiteSimulation
from envs.robosuite.tasks.catalog import TASKS

NEAR_GOAL = {
    "Lift": ("cube_joint0", 0.04, 0.02),
    "Stack": ("cubeA_joint0", 0.045, 0.015),
    "PickPlaceCan": ("Can_joint0", 0.05, 0.15),
    "NutAssemblySquare": ("SquareNut_joint0", 0.0, 0.06),
    "Door": ("Door_hinge", 0.3, 0.2),
}
"""Joint of what is put near the goal, how far above the target, how far around it [m, rad]."""
STILL = np.array([0, 0, 0, 0, 0, 0, -1.0])


class RobosuiteReference:
    """A task in robosuite (``theirs``) and in our simulation (``ours``)."""

    def __init__(self, task: str) -> None:
        self.ours = RobosuiteSimulation(TASKS[task], Stepper)
        self.theirs = make_environment(task)
        self._model = self.theirs.sim.model._model
        self._data = self.theirs.sim.data._data

    def begin(self, index: int, start: str = "wide") -> None:
        """Puts both into a start state, ours with what robosuite's controller has kept."""
        number = list(TASKS).index(self.ours.task.name)
        self.ours.begin(EpisodeKey(1, "robosuite", number, start, index))
        with contain_side_effects():
            self.theirs.reset()
        self._model.body_pos[:] = self.ours.model.body_pos
        self._model.body_quat[:] = self.ours.model.body_quat
        state = read_integration_state(self.ours.model, self.ours.data)
        mujoco.mj_setState(self._model, self._data, state, STATE_SPEC)
        mujoco.mj_forward(self._model, self._data)
        mujoco.mj_setState(self._model, self._data, state, STATE_SPEC)
        kept, robot = self.ours.stepper.state, self.theirs.robots[0]
        robot.controller.goal_pos, robot.controller.goal_ori = kept[:3], kept[3:12].reshape(3, 3)
        robot.controller.initial_joint, robot.gripper.current_action = kept[12:19], kept[19:21]
        robot.controller.new_update = True

    def step(self, action: F64) -> tuple[bool, bool, bool]:
        """Steps both; returns whether states are equal bit for bit, and what both judge."""
        with contain_side_effects():
            self.theirs.step(action)
        judged = self.ours.step(action.copy())
        equal = np.array_equal(
            read_integration_state(self._model, self._data),
            read_integration_state(self.ours.model, self.ours.data),
        )
        return equal, judged, bool(self.theirs._check_success())

    def put_near_goal(self, rng: np.random.Generator) -> None:
        """Puts the object somewhere around where the goal wants it, in both."""
        joint, rise, spread = NEAR_GOAL[self.ours.task.name]
        target = self.ours.read_truth().get("target_pos", np.array([0.0, 0.0, 0.8]))
        place = np.add(target, (0, 0, rise)) if joint != "Door_hinge" else np.array([rise])
        spot = place + rng.uniform(-spread, spread, len(place))
        for model, data in ((self._model, self._data), (self.ours.model, self.ours.data)):
            data.joint(joint).qpos[: len(spot)] = spot
            mujoco.mj_forward(model, data)

    def judge(self) -> tuple[bool, bool]:
        """Returns what both say of the present state."""
        ours = self.ours.task.is_solved(self.ours.model, self.ours.data)
        return ours, bool(self.theirs._check_success())

    def choose_action(self, k: int, rng: np.random.Generator) -> F64:
        """Goes to the object, grasps it, and moves it about; shape (7,), with some noise."""
        self.ours.refresh_kinematics()
        truth = self.ours.read_truth()
        goal = truth.get("handle_pos", truth["object_pos"])
        error = goal - truth["ee_pos"]
        if k < 60:  # sideways first
            error[2] += np.clip(3 * (np.hypot(*error[:2]) - 0.02), 0, 0.1)
            action = [*np.clip(20 * error, -1, 1), 0, 0, 0, -1.0]
        elif k < 75:
            action = [*np.clip(20 * error, -1, 1), 0, 0, 0, 1.0]
        elif "handle_pos" in truth:  # press the handle, then pull
            down, pull = (-0.6, 0.0) if k < 95 else (0.0, -0.6)
            action = [pull, 0, down, 0, 0, 0, 1.0]
        else:
            action = [0, 0.1, 0.5 if k < 110 else -0.3, 0, 0, 0.1, 1.0 if k < 150 else -1.0]
        noise = rng.normal(0, 0.02 if k < 150 else 0.4, 7) * (1, 1, 1, 1, 1, 1, 0)
        return np.asarray(action, np.float64) + noise
