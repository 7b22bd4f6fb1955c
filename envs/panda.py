"""The Panda arm as LIBERO and robosuite drive it: its limits, what it senses, what it accepts."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from aegis.core.conventions import (
    CLOSE_POSITIVE,
    EEF_DELTA,
    EEF_PROPRIO,
    UPRIGHT,
    Conventions,
)
from aegis.core.errors import NonFiniteError, ShapeError, SnapshotError
from aegis.core.types import F32, F64, ActionKind, Command, Embodiment

PERIOD_NS = 50_000_000
"""Control period, 20 Hz [ns]."""
STATE_SPEC = mujoco.mjtState.mjSTATE_INTEGRATION
"""What MuJoCo must be given back to go on bit for bit, warm start included."""
FINGER_JOINTS = slice(7, 9)
"""The two finger joints in qpos and qvel; the seven arm joints come first."""

PANDA_CONVENTIONS = Conventions(EEF_PROPRIO, EEF_DELTA, CLOSE_POSITIVE, UPRIGHT)
"""What the Panda's numbers, and the pictures of its worlds, mean."""


def panda_embodiment() -> Embodiment:
    """Returns the arm's embodiment: six pose deltas and a gripper, +1 closes."""
    return Embodiment(
        names=("x", "y", "z", "rx", "ry", "rz", "gripper"),
        low=np.full(7, -1.0, np.float32),
        high=np.full(7, 1.0, np.float32),
        kind=ActionKind.DELTA,
        dt=PERIOD_NS * 1e-9,
        hold=np.array([0, 0, 0, 0, 0, 0, -1], np.float32),
        # Doing nothing moves no joint of the arm, but must not open a hand that carries something.
        sticky=(False,) * 6 + (True,),
    )


def check_action(command: Command) -> F64:
    """Returns a command's action in double precision. Shape (7,).

    Raises:
        ShapeError: If the action is not of shape (7,).
        NonFiniteError: If the action holds NaN or infinity.
    """
    action = np.asarray(command.action, dtype=np.float64)
    if action.shape != (7,):
        raise ShapeError(f"An action of the Panda has shape (7,). Got: {action.shape}.")
    if not np.isfinite(action).all():
        raise NonFiniteError(f"An action must be finite. Got: {action}.")
    return action


class HandReader:
    """Reads the hand off a simulation whose kinematics are current.

    Args:
        model: A model with robosuite's Panda as its first robot.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._body = model.body("robot0_right_hand").id
        self._site = model.site("gripper0_grip_site").id

    def read_proprio(self, data: mujoco.MjData) -> F32:
        """Returns what openpi reads: position [m], axis-angle [rad], fingers [m]. Shape (8,)."""
        turn = quaternion_to_axis_angle(data.xquat[self._body])
        return np.concatenate((data.site_xpos[self._site], turn, data.qpos[FINGER_JOINTS])).astype(
            np.float32
        )

    def read_truth(self, data: mujoco.MjData) -> dict[str, F64]:
        """Returns the grip site and the fingers in double precision.

        ``ee_pos`` [m] (3,), ``ee_mat`` (3, 3), ``ee_vel`` [m/s] (3,), ``fingers``: two positions
        [m] and two velocities [m/s] (4,).
        """
        return {
            "ee_pos": data.site_xpos[self._site].copy(),
            "ee_mat": data.site_xmat[self._site].reshape(3, 3).copy(),
            "ee_vel": self._read_velocity(data),
            "fingers": np.concatenate((data.qpos[FINGER_JOINTS], data.qvel[FINGER_JOINTS])),
        }

    def _read_velocity(self, data: mujoco.MjData) -> F64:
        """Returns the grip site's velocity [m/s]. Shape (3,)."""
        velocity = np.zeros(6)  # rotation, then translation
        kind = mujoco.mjtObj.mjOBJ_SITE
        mujoco.mj_objectVelocity(self._model, data, kind, self._site, velocity, 0)
        return velocity[3:]


def quaternion_to_axis_angle(quat: F64) -> F64:
    """Returns the axis-angle of a quaternion as robosuite does, angle in [0, 2 pi) [rad].

    Args:
        quat: w, x, y, z. Shape (4,).

    Returns:
        Shape (3,).
    """
    w = min(max(float(quat[0]), -1.0), 1.0)
    den = np.sqrt(1.0 - w * w)
    if den < 1e-9:
        return np.zeros(3)
    return np.asarray(quat[1:] * 2.0 * np.arccos(w) / den, dtype=np.float64)


def read_integration_state(model: mujoco.MjModel, data: mujoco.MjData) -> F64:
    """Returns MuJoCo's state, from which stepping goes on bit for bit. Shape (s,)."""
    state = np.empty(mujoco.mj_stateSize(model, STATE_SPEC))
    mujoco.mj_getState(model, data, state, STATE_SPEC)
    return state


def split_snapshot(name: str, values: F64, sizes: Sequence[int]) -> list[F64]:
    """Splits a snapshot's values into copies of its parts.

    Args:
        name: What it should be a snapshot of.
        values: Its values. Shape (sum(sizes),).
        sizes: Length of each part.

    Raises:
        SnapshotError: If the values are of another length, or not all are finite.
    """
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if values.shape != (sum(sizes),) or bad:
        raise SnapshotError(
            f"A snapshot of {name} holds finite numbers in shape ({sum(sizes)},). Got: shape "
            f"{values.shape}, {bad} of them not finite. It is damaged: play the episode from its "
            "start instead."
        )
    return [part.copy() for part in np.split(values, np.cumsum(sizes)[:-1])]


def refresh_kinematics(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """Brings positions of bodies, sites and cameras up to date with qpos.

    After a step they lag by one substep. The next step recomputes them anyway, so that looking
    does not change the course of the simulation.
    """
    mujoco.mj_kinematics(model, data)
    mujoco.mj_camlight(model, data)
