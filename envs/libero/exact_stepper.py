"""One control step of LIBERO's Panda: 25 physics substeps under operational-space control.

Equal bit for bit to robosuite 1.4.0's ``env.step``, at a fraction of its cost: robosuite calls
``mj_forward`` twice more per substep (it is idempotent), runs the controller in Python and
updates every observable. Here the whole step is one compiled function that calls libmujoco.
"""

from __future__ import annotations

import mujoco
import numpy as np

from aegis.core.types import F64
from envs.libero.compilation import bind_c_function, njit
from envs.libero.osc import KD, KP, operational_torques, orientation_error, set_goal

SUBSTEPS = 25
"""Physics steps per control step: 20 Hz control over 2 ms physics."""
GRIPPER_SPEED = 0.01
"""Change of the normalised finger command per substep."""
ARM_JOINTS = 7
"""Arm joints; they are the first in qpos, qvel and ctrl. The two fingers follow."""

_mj_step1 = bind_c_function("mj_step1", "address", "address")
_mj_step2 = bind_c_function("mj_step2", "address", "address")
_mj_jac_site = bind_c_function("mj_jacSite", "address", "address", "address", "address", "int")


@njit
def move_fingers(command: float, fingers: F64, ctrl: F64, limits: F64) -> None:
    """Advances the finger filter by one substep and writes its command, as robosuite does.

    Args:
        command: -1 opens, 1 closes.
        fingers: State of the filter in [-1, 1], moved in place. Shape (2,).
        ctrl: MuJoCo's controls, of which the fingers' [m] are written. Shape (nu,).
        limits: Lowest and highest control. Shape (nu, 2).
    """
    for f in range(2):
        # The joints of the two fingers have opposite signs, as in robosuite's PandaGripper.
        step = GRIPPER_SPEED * np.sign(command)
        moved = fingers[f] - step if f == 0 else fingers[f] + step
        fingers[f] = min(max(moved, -1.0), 1.0)
        low, high = limits[ARM_JOINTS + f, 0], limits[ARM_JOINTS + f, 1]
        ctrl[ARM_JOINTS + f] = 0.5 * (high + low) + 0.5 * (high - low) * fingers[f]


@njit
def _run_control_step(
    m: int,
    d: int,
    site: int,
    action: F64,
    qpos: F64,
    qvel: F64,
    ctrl: F64,
    inertia: F64,
    bias: F64,
    site_pos: F64,
    site_mat: F64,
    limits: F64,
    goal_pos: F64,
    goal_mat: F64,
    posture: F64,
    fingers: F64,
) -> None:
    """Runs all substeps of a control step.

    Args:
        m: Address of MuJoCo's model.
        d: Address of MuJoCo's data.
        site: Id of the grip site.
        action: Shape (7,).
        qpos: Shape (nq,); like the next ones a view into MuJoCo's data.
        qvel: Shape (nv,).
        ctrl: Shape (nu,).
        inertia: Joint-space inertia, packed by rows. Shape (nM,).
        bias: Coriolis, centrifugal and gravity forces. Shape (nv,).
        site_pos: Positions of sites [m]. Shape (nsite, 3).
        site_mat: Orientations of sites. Shape (nsite, 9).
        limits: Lowest and highest control. Shape (nu, 2).
        goal_pos: The controller's goal [m], moved in place. Shape (3,).
        goal_mat: The controller's goal, turned in place. Shape (3, 3).
        posture: Joint angles that the null space pulls to [rad]. Shape (7,).
        fingers: State of the finger filter, moved in place. Shape (2,).
    """
    nv = qvel.shape[0]
    full_pos = np.zeros((3, nv))
    full_ori = np.zeros((3, nv))
    # Fortran order: what fancy indexing yields in robosuite, and BLAS rounds differently by layout.
    jac_pos = np.zeros((ARM_JOINTS, 3)).T
    jac_ori = np.zeros((ARM_JOINTS, 3)).T
    jac = np.zeros((ARM_JOINTS, 6)).T
    mass = np.zeros((ARM_JOINTS, ARM_JOINTS)).T
    for substep in range(SUBSTEPS):
        _mj_step1(m, d)
        _mj_jac_site(m, d, full_pos.ctypes.data, full_ori.ctypes.data, site)
        ee_pos = site_pos[site].copy()
        ee_mat = site_mat[site].copy().reshape((3, 3))
        if substep == 0:
            set_goal(action, ee_pos, ee_mat, goal_pos, goal_mat)
        for j in range(ARM_JOINTS):
            for i in range(3):
                jac_pos[i, j] = full_pos[i, j]
                jac_ori[i, j] = full_ori[i, j]
                jac[i, j] = full_pos[i, j]
                jac[i + 3, j] = full_ori[i, j]
            for i in range(
                j, ARM_JOINTS
            ):  # packed by rows from the diagonal back: the arm is a chain
                mass[i, j] = inertia[i * (i + 1) // 2 + i - j]
                mass[j, i] = mass[i, j]
        velocity = np.dot(full_pos, qvel)
        spin = np.dot(full_ori, qvel)
        force = (goal_pos - ee_pos) * KP + -velocity * KD
        torque = orientation_error(goal_mat, ee_mat) * KP + -spin * KD
        torques = operational_torques(
            mass,
            jac_pos,
            jac_ori,
            jac,
            force,
            torque,
            bias[:ARM_JOINTS],
            posture,
            qpos[:ARM_JOINTS],
            qvel[:ARM_JOINTS],
        )
        for j in range(ARM_JOINTS):
            ctrl[j] = min(max(torques[j], limits[j, 0]), limits[j, 1])
        move_fingers(action[6], fingers, ctrl, limits)
        _mj_step2(m, d)


class Stepper:
    """Steps one simulation; keeps the controller's own state beside MuJoCo's.

    Args:
        model: A LIBERO scene whose first nine joints and actuators are the Panda's.
        data: Its state, stepped in place.

    Attributes:
        name: The name of this way of stepping in configurations.
        flags: MuJoCo's enable flags, which the model must have in all that is done with the state.
    """

    name = "exact"
    flags = 0

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        self._model, self._data = model, data
        self._site = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, "gripper0_grip_site")
        self._limits = np.ascontiguousarray(model.actuator_ctrlrange, dtype=np.float64)
        self._goal_pos = np.zeros(3)
        self._goal_mat = np.eye(3)
        self._posture = np.zeros(ARM_JOINTS)
        self._fingers = np.zeros(2)
        self._views = (
            data.qpos,
            data.qvel,
            data.ctrl,
            data.qM,
            data.qfrc_bias,
            data.site_xpos,
            data.site_xmat,
            self._limits,
            self._goal_pos,
            self._goal_mat,
            self._posture,
            self._fingers,
        )

    def reset(self) -> None:
        """Sets the goal to where the arm is now, and the finger filter to half open.

        The model's kinematics must be current (``mj_forward``).
        """
        self._goal_pos[:] = self._data.site_xpos[self._site]
        self._goal_mat[:] = self._data.site_xmat[self._site].reshape(3, 3)
        self._posture[:] = self._data.qpos[:ARM_JOINTS]
        self._fingers[:] = 0.0

    def settle_bodies(self, steps: int) -> None:
        """Holds still, as robosuite would, for a number of control steps; no body sleeps."""
        still = np.array([0, 0, 0, 0, 0, 0, -1.0])
        for _ in range(steps):
            # Not self.step: another way of stepping may put bodies to sleep only once they have
            # settled.
            Stepper.step(self, still)

    def step(self, action: F64) -> None:
        """Advances the simulation by one control period, 50 ms.

        Args:
            action: Six pose deltas and the gripper (+1 closes), each in [-1, 1]. Shape (7,).
        """
        _run_control_step(
            self._model._address, self._data._address, self._site, action, *self._views
        )

    @property
    def state(self) -> F64:
        """The controller's state: goal position and orientation, posture, fingers. Shape (21,).

        Set it after MuJoCo's.
        """
        return self._controller_state()

    @state.setter
    def state(self, value: F64) -> None:
        """Sets a state of shape (21,)."""
        self._set_controller_state(value)

    def _controller_state(self) -> F64:
        """Returns goal position [m], orientation, posture [rad] and fingers. Shape (21,)."""
        return np.concatenate(
            (self._goal_pos, self._goal_mat.ravel(), self._posture, self._fingers)
        )

    def _set_controller_state(self, value: F64) -> None:
        """Sets what `_controller_state` returns. Shape (21,)."""
        self._goal_pos[:] = value[:3]
        self._goal_mat[:] = value[3:12].reshape(3, 3)
        self._posture[:] = value[12:19]
        self._fingers[:] = value[19:21]
