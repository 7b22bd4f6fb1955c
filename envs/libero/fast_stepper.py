"""The control step in closed form: the stepping ``fast``, whose bodies may sleep.

The torques are those of `envs.libero.osc` in fewer operations: with J the Jacobian, M the mass
matrix and L = (J M^-1 J')^-1, robosuite's null-space term (I - J' L J M^-1) M p, for a pull p,
is M p - J' L J p. Cholesky factors of M (7, 7) and of J M^-1 J' (6, 6) replace an inverse and a
pseudo-inverse; two (3, 3) blocks are inverted by cofactors. Results differ from robosuite's in the
last bits, far from singularities; at a singularity robosuite cuts off small singular values and
this does not, but a floor keeps it finite.
"""

from __future__ import annotations

import math

import mujoco
import numpy as np
from numpy.typing import NDArray

from aegis.core.types import F64
from envs.libero.compilation import bind_c_function, njit
from envs.libero.exact_stepper import ARM_JOINTS, SUBSTEPS, Stepper, move_fingers
from envs.libero.osc import KD, KP, NULLSPACE_KP, NULLSPACE_KV, set_goal

_SLEEP_FLAG = int(mujoco.mjtEnableBit.mjENBL_SLEEP)
_MIN_PIVOT = 1e-12
"""Smallest pivot of a Cholesky factor."""

_mj_step1 = bind_c_function("mj_step1", "address", "address")
_mj_step2 = bind_c_function("mj_step2", "address", "address")
_mj_update_sleep = bind_c_function("mj_updateSleep", "address", "address")


@njit
def _factor_cholesky(a: F64, n: int) -> None:
    """Replaces the lower triangle of a symmetric matrix, shape (n, n), by its Cholesky factor."""
    for j in range(n):
        pivot = a[j, j]
        for k in range(j):
            pivot -= a[j, k] * a[j, k]
        pivot = math.sqrt(max(pivot, _MIN_PIVOT))
        a[j, j] = pivot
        for i in range(j + 1, n):
            total = a[i, j]
            for k in range(j):
                total -= a[i, k] * a[j, k]
            a[i, j] = total / pivot


@njit
def _solve_lower(a: F64, b: F64, n: int) -> None:
    """Solves L x = b, shape (n,), in place, for L in the lower triangle of a, shape (n, n)."""
    for i in range(n):
        total = b[i]
        for k in range(i):
            total -= a[i, k] * b[k]
        b[i] = total / a[i, i]


@njit
def _solve_lower_transposed(a: F64, b: F64, n: int) -> None:
    """Solves L' x = b in place; see `_solve_lower` for the shapes, (n, n) and (n,)."""
    for i in range(n - 1, -1, -1):
        total = b[i]
        for k in range(i + 1, n):
            total -= a[k, i] * b[k]
        b[i] = total / a[i, i]


@njit
def _solve_block(a: F64, o: int, b: F64) -> None:
    """Solves the symmetric (3, 3) block of a that starts at (o, o) for b[o : o + 3], in place."""
    a00, a10, a11 = a[o, o], a[o + 1, o], a[o + 1, o + 1]
    a20, a21, a22 = a[o + 2, o], a[o + 2, o + 1], a[o + 2, o + 2]
    c00 = a11 * a22 - a21 * a21
    c10 = a21 * a20 - a10 * a22
    c20 = a10 * a21 - a11 * a20
    det = a00 * c00 + a10 * c10 + a20 * c20
    scale = 1.0 / max(det, _MIN_PIVOT * _MIN_PIVOT)
    c11 = a00 * a22 - a20 * a20
    c21 = a10 * a20 - a00 * a21
    c22 = a00 * a11 - a10 * a10
    x, y, z = b[o], b[o + 1], b[o + 2]
    b[o] = (c00 * x + c10 * y + c20 * z) * scale
    b[o + 1] = (c10 * x + c11 * y + c21 * z) * scale
    b[o + 2] = (c20 * x + c21 * y + c22 * z) * scale


@njit
def _write_jacobian(jac: F64, cdof: F64, com: F64, ee_pos: F64) -> None:
    """Writes the Jacobian of the grip site, (6, 7): what ``mj_jacSite`` gives for the arm.

    It is moved to ``ee_pos`` (3,) [m] from ``com`` (3,) [m], about which ``cdof`` (nv, 6) is.
    """
    x, y, z = ee_pos[0] - com[0], ee_pos[1] - com[1], ee_pos[2] - com[2]
    for j in range(ARM_JOINTS):
        a, b, c = cdof[j, 0], cdof[j, 1], cdof[j, 2]
        jac[0, j] = cdof[j, 3] + b * z - c * y
        jac[1, j] = cdof[j, 4] + c * x - a * z
        jac[2, j] = cdof[j, 5] + a * y - b * x
        jac[3, j], jac[4, j], jac[5, j] = a, b, c


@njit
def _write_acceleration(
    wrench: F64, jac: F64, qvel: F64, ee_pos: F64, ee_mat: F64, goal_pos: F64, goal_mat: F64
) -> None:
    """Writes the acceleration that the controller wishes for. Shape (6,)."""
    for i in range(3):
        p, q = (i + 1) % 3, (i + 2) % 3
        turn = 0.0
        for c in range(3):
            turn += ee_mat[3 * p + c] * goal_mat[q, c] - ee_mat[3 * q + c] * goal_mat[p, c]
        wrench[i] = (goal_pos[i] - ee_pos[i]) * KP
        wrench[i + 3] = 0.5 * turn * KP
    for i in range(6):
        speed = 0.0
        for j in range(ARM_JOINTS):
            speed += jac[i, j] * qvel[j]
        wrench[i] -= speed * KD


@njit
def _write_torques(
    out: F64, jac: F64, inertia: F64, bias: F64, posture: F64, qpos: F64, qvel: F64, work: F64
) -> None:
    """Turns ``work[0, :6]``, the wish, into torques (7,) [N m]. ``work`` is scratch, (22, 7)."""
    wrench, pull, rest = work[0], work[1], work[2]
    mass, solved, task = work[3:10], work[10:16], work[16:22]
    for i in range(ARM_JOINTS):
        pull[i] = NULLSPACE_KP * (posture[i] - qpos[i]) - NULLSPACE_KV * qvel[i]
        for j in range(i + 1):  # the arm's dofs are a chain: packed rows, the diagonal first
            mass[i, j] = inertia[i * (i + 1) // 2 + i - j]
            mass[j, i] = mass[i, j]
    for i in range(ARM_JOINTS):
        out[i] = bias[i]
        for j in range(ARM_JOINTS):
            out[i] += mass[i, j] * pull[j]
    for i in range(6):
        rest[i] = 0.0
        for j in range(ARM_JOINTS):
            rest[i] += jac[i, j] * pull[j]
            solved[i, j] = jac[i, j]
    _factor_cholesky(mass, ARM_JOINTS)
    for i in range(6):
        _solve_lower(mass, solved[i], ARM_JOINTS)
    for i in range(6):
        for k in range(i + 1):
            total = 0.0
            for j in range(ARM_JOINTS):
                total += solved[i, j] * solved[k, j]
            task[i, k] = total
    _solve_block(task, 0, wrench)
    _solve_block(task, 3, wrench)
    _factor_cholesky(task, 6)
    _solve_lower(task, rest, 6)
    _solve_lower_transposed(task, rest, 6)
    for i in range(6):
        wrench[i] -= rest[i]
    for j in range(ARM_JOINTS):
        for i in range(6):
            out[j] += jac[i, j] * wrench[i]


@njit
def _run_fast_control_step(
    m: int,
    d: int,
    action: F64,
    qpos: F64,
    qvel: F64,
    ctrl: F64,
    inertia: F64,
    bias: F64,
    cdof: F64,
    com: F64,
    ee_pos: F64,
    ee_mat: F64,
    limits: F64,
    goal_pos: F64,
    goal_mat: F64,
    posture: F64,
    fingers: F64,
    asleep: NDArray[np.int32],
    slept: NDArray[np.int32],
    work: F64,
) -> bool:
    """Advances one control step; returns whether a body fell asleep or woke.

    Args: see `envs.libero.exact_stepper`; besides, MuJoCo's ``cdof``, the arm's ``subtree_com`` and
    ``tree_asleep``, a copy of the latter, and scratch of shape (29, 7).
    """
    changed = False
    jac, torques = work[22:28], work[28]
    for substep in range(SUBSTEPS):
        _mj_step1(m, d)
        if substep == 0:
            set_goal(action, ee_pos, ee_mat.reshape((3, 3)), goal_pos, goal_mat)
        _write_jacobian(jac, cdof, com, ee_pos)
        _write_acceleration(work[0], jac, qvel, ee_pos, ee_mat, goal_pos, goal_mat)
        _write_torques(torques, jac, inertia, bias, posture, qpos, qvel, work)
        for j in range(ARM_JOINTS):
            ctrl[j] = min(max(torques[j], limits[j, 0]), limits[j, 1])
        move_fingers(action[6], fingers, ctrl, limits)
        _mj_step2(m, d)
        for t in range(asleep.shape[0]):
            if (asleep[t] >= 0) != (slept[t] >= 0):
                changed = True
            slept[t] = asleep[t]
    return changed


@njit
def _update_sleep(m: int, d: int) -> None:
    _mj_update_sleep(m, d)


class FastStepper(Stepper):
    """Steps one simulation whose resting bodies sleep; they must have settled before.

    MuJoCo leaves what it has computed of a body as it falls asleep one substep behind its state. So
    whenever a body has fallen asleep or woken within a control step, everything that follows from
    positions is computed afresh at its end: a state, with who sleeps, then decides how it goes on.

    Args:
        model: See `Stepper`.
        data: See `Stepper`.
    """

    name = "fast"
    flags = _SLEEP_FLAG

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        super().__init__(model, data)
        self._slept = np.zeros(model.ntree, np.int32)
        root = model.body_rootid[model.site_bodyid[self._site]]
        self._quick = (
            data.qpos,
            data.qvel,
            data.ctrl,
            data.qM,
            data.qfrc_bias,
            data.cdof,
            data.subtree_com[root],
            data.site_xpos[self._site],
            data.site_xmat[self._site],
            self._limits,
            self._goal_pos,
            self._goal_mat,
            self._posture,
            self._fingers,
            data.tree_asleep,
            self._slept,
            np.zeros((29, ARM_JOINTS)),
        )

    def reset(self) -> None:
        """See `Stepper.reset`; no body sleeps."""
        super().reset()
        self._data.tree_asleep[:] = -(1 + mujoco.mjMINAWAKE)
        self._recompute_positions()

    def step(self, action: F64) -> None:
        """See `Stepper.step`: an action of shape (7,)."""
        model, data = self._model, self._data
        if _run_fast_control_step(model._address, data._address, action, *self._quick):
            self._recompute_positions()

    def _recompute_positions(self) -> None:
        """Computes afresh, for everybody, what follows from positions."""
        model, data = self._model, self._data
        asleep, flags = data.tree_asleep.copy(), model.opt.enableflags
        model.opt.enableflags = 0
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_camlight(model, data)
        mujoco.mj_tendon(model, data)
        mujoco.mj_crb(model, data)
        mujoco.mj_factorM(model, data)
        mujoco.mj_transmission(model, data)
        # Where no body may sleep, MuJoCo has woken them all.
        model.opt.enableflags = self.flags
        data.tree_asleep[:] = asleep
        self._slept[:] = asleep
        _update_sleep(model._address, data._address)
        model.opt.enableflags = flags

    @property
    def state(self) -> F64:
        """The controller's state, and who sleeps. Shape (21 + trees,)."""
        return np.concatenate((self._controller_state(), self._data.tree_asleep))

    @state.setter
    def state(self, value: F64) -> None:
        n = len(value) - len(self._slept)
        self._set_controller_state(value[:n])
        self._data.tree_asleep[:] = value[n:]
        # Of those who sleep, each step makes the smooth acceleration, not computed afresh, the warm
        # start; of the others, both are computed before they are used.
        self._data.qacc_smooth[:] = self._data.qacc_warmstart
        self._recompute_positions()
