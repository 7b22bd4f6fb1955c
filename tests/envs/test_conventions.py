"""The Panda's conventions, each in a scene that tells left from right and open from closed."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest

from aegis.app.config.composition import compose_config
from aegis.app.config.folders import find_config_folders
from aegis.app.config.lab import open_lab
from aegis.core.conventions import CLOSE_POSITIVE, EEF_DELTA, EEF_PROPRIO, UPRIGHT
from aegis.core.errors import ConventionError, UnknownNameError
from aegis.core.types import Act, EpisodeKey
from envs.libero.world import LiberoWorld
from envs.panda import quaternion_to_axis_angle
from policies.nano_vla.policy import NanoVLA

KEY = EpisodeKey(0, "libero_spatial", 2, "wide", 2_000_003)
SIZE = {"agentview": (128, 128)}


def move(world: LiberoWorld, axis: int, ticks: int = 12) -> None:
    """Moves along an axis of the world, backwards if it is negative."""
    action = np.zeros(7, np.float32)
    action[abs(axis)], action[6] = -1 if axis < 0 else 1, -1
    for _ in range(ticks):
        world.apply(Act(action))


def project_hand(world: LiberoWorld) -> tuple[int, int]:
    """Row and column of the palm in an upright picture, by the camera's place and angle."""
    model, data = world._sim.model, world._sim.data  # type: ignore[union-attr]
    camera = model.camera("agentview").id
    mujoco.mj_forward(model, data)
    turn = data.cam_xmat[camera].reshape(3, 3)
    palm = world.observe({}).privileged["ee_pos"] + [0, 0, 0.08]  # above the fingertips [m]
    way = turn.T @ (palm - data.cam_xpos[camera])
    scale = 64 / np.tan(np.deg2rad(model.cam_fovy[camera]) / 2) / -way[2]
    return round(64 - scale * way[1]), round(64 + scale * way[0])


def measure_change(before: np.ndarray, after: np.ndarray, row: int, column: int) -> float:
    near = np.s_[row - 4 : row + 5, column - 4 : column + 5]
    return float(np.abs(after[near].astype(int) - before[near].astype(int)).mean())


@pytest.mark.parametrize(("axis", "flips_rows"), [(1, False), (-2, True)])
def test_pictures_are_upright_and_not_mirrored(
    world: LiberoWorld, axis: int, flips_rows: bool
) -> None:
    """The hand appears where it went, not where that would be the other way round."""
    assert world.conventions.pictures == UPRIGHT
    world.begin(KEY)
    before = world.observe(SIZE).images["agentview"]
    move(world, axis, 16)
    after = world.observe(SIZE).images["agentview"]
    row, column = project_hand(world)
    here = measure_change(before, after, row, column)
    flipped = (127 - row, column) if flips_rows else (row, 127 - column)
    assert here > 20
    assert here > 3 * measure_change(before, after, *flipped)


def test_plus_one_closes_the_hand(world: LiberoWorld) -> None:
    assert world.conventions.gripper == CLOSE_POSITIVE
    widths = []
    for sign in (-1, 1):
        world.begin(KEY)
        action = np.array([0, 0, 0, 0, 0, 0, sign], np.float32)
        for _ in range(15):
            world.apply(Act(action))
        fingers = world.observe({}).proprio[6:]
        widths.append(float(fingers[0] - fingers[1]))
    opened, closed = widths
    assert opened > 0.07  # [m]
    assert closed < 0.02


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_actions_are_changes_in_the_frame_of_proprioception(world: LiberoWorld, axis: int) -> None:
    assert world.conventions.actions == EEF_DELTA
    world.begin(KEY)
    before = world.observe({}).proprio[:3]
    move(world, axis, 8)
    moved = world.observe({}).proprio[:3] - before
    assert int(np.abs(moved).argmax()) == axis
    assert moved[axis] > 0.03  # [m]


def test_angles_are_not_folded(world: LiberoWorld) -> None:
    assert world.conventions.proprio == EEF_PROPRIO
    # A rotation of 270 degrees about z stays one, and does not become one of -90 degrees.
    quat = np.array([np.cos(0.75 * np.pi), 0, 0, np.sin(0.75 * np.pi)])
    assert quaternion_to_axis_angle(quat) == pytest.approx([0, 0, 1.5 * np.pi])


def test_an_experiment_refuses_a_policy_of_other_conventions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from dataclasses import replace

    other = replace(NanoVLA.conventions.fget(None), pictures="upright_mirrored")  # type: ignore[attr-defined]
    monkeypatch.setattr(NanoVLA, "conventions", other)
    composed = compose_config("run", ["tasks=[0]"], *find_config_folders("run", None))
    with (
        pytest.raises(ConventionError, match="'weak' means 'upright_mirrored' by pictures"),
        open_lab(composed, ("weak",)),
    ):
        pass


@pytest.mark.parametrize("tasks", ["[33]", "[0, 10]"])
def test_an_experiment_refuses_a_task_before_a_policy_loads(tasks: str) -> None:
    words = [f"tasks={tasks}", "weak.checkpoint=nowhere.safetensors"]
    composed = compose_config("run", words, *find_config_folders("run", None))
    with (
        pytest.raises(UnknownNameError, match=r"Unknown task .* in suite libero_spatial"),
        open_lab(composed, ("weak",)),
    ):
        pass
