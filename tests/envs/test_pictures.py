"""Pictures: the official look is LIBERO's own, and nothing that can be seen is left out."""

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from aegis.core.errors import UnknownNameError
from aegis.core.types import Act, EpisodeKey
from envs import camera
from envs.assets.resolver import resolve_assets
from envs.camera import MODEL_CAMERAS, RENDER_STYLES, render_pictures
from envs.libero.library import list_task_names
from envs.libero.scene_builder import instantiate_problem
from envs.libero.scene_loader import load_scene
from envs.libero.world import LiberoWorld
from envs.panda import STATE_SPEC, read_integration_state
from tests.envs.reference import TASKS
from tests.envs.suites import require_official_assets

SUITE = "libero_spatial"


@pytest.fixture
def libero() -> Iterator[Callable[..., Any]]:
    """Builds LIBERO's environment with its renderer, and frees that while its context is current.

    robosuite frees what is in the context that is current, whosever that is.
    """
    built: list[Any] = []

    def build(task: int, assets: Path, suite: str = SUITE) -> Any:
        built.append(
            instantiate_problem(suite, list_task_names(suite)[task], assets, pictures=True)
        )
        built[0].reset()
        return built[0]

    yield build
    if not built:  # The test was skipped.
        return
    built[0].sim._render_context_offscreen.gl_ctx.make_current()
    built.pop().close()
    gc.collect()
    camera.close_renderers()  # at exit robosuite, which came later, closes the display first


@pytest.mark.parametrize("task", TASKS)
def test_official_pictures_are_those_of_libero(
    libero: Callable[..., Any], task: int, assets: str
) -> None:
    """The same state, drawn by LIBERO's own environment after its own reset, and by ours."""
    found = resolve_assets(assets)
    theirs = libero(task, found.path).sim
    scene = load_scene(SUITE, task, found.path, found.digest, "robosuite")
    model, data = scene.model, mujoco.MjData(scene.model)
    model.opt.enableflags = 0
    for fixture in scene.fixtures:
        model.body_pos[fixture.body] = theirs.model._model.body_pos[fixture.body]
        model.body_quat[fixture.body] = theirs.model._model.body_quat[fixture.body]
    state = read_integration_state(theirs.model._model, theirs.data._data)
    mujoco.mj_setState(model, data, state, STATE_SPEC)
    mujoco.mj_forward(model, data)
    mujoco.mj_forward(theirs.model._model, theirs.data._data)
    for size in (128, 256):
        theirs._render_context_offscreen.gl_ctx.make_current()
        wanted = {
            name: theirs.render(width=size, height=size, camera_name=camera_name)[::-1]
            for name, camera_name in MODEL_CAMERAS.items()
        }
        cameras = dict.fromkeys(MODEL_CAMERAS, (size, size))
        ours = render_pictures(
            model, data, cameras, digest=scene.looks, pictures=RENDER_STYLES["official"]
        )
        for name in MODEL_CAMERAS:
            assert wanted[name].std() > 20
            np.testing.assert_array_equal(ours[name], wanted[name])


@pytest.mark.parametrize(
    ("suite", "task", "choice"),
    [
        (SUITE, 0, "builtin"),
        pytest.param("libero_goal", 7, "official", marks=pytest.mark.slow),
        pytest.param("libero_object", 3, "official", marks=pytest.mark.slow),
        pytest.param("libero_10", 2, "official", marks=pytest.mark.slow),
        pytest.param("libero_10", 4, "official", marks=pytest.mark.slow),
        pytest.param("libero_90", 20, "official", marks=pytest.mark.slow),
        pytest.param("libero_90", 80, "official", marks=pytest.mark.slow),
    ],
)
def test_stoves_glow_in_a_world_as_in_libero(
    libero: Callable[..., Any], suite: str, task: int, choice: str
) -> None:
    """A world's own pictures, with the knob off and on, beside LIBERO's after it has looked."""
    if choice == "official":
        require_official_assets(suite)
    world = LiberoWorld(suite, choice, 220, pictures="official", snapshot_version=2)
    world.begin(EpisodeKey(7, suite, task, "official", 2))
    simulation = world._get_simulation(task)
    problem = libero(task, resolve_assets(choice, suite).path, suite)
    theirs, drawn = problem.sim, []
    shared = simulation.model.site_rgba.copy()
    for angle in (0.0, 0.7):
        for glow in simulation.scene.glows:
            simulation.data.qpos[glow.qpos] = angle
        with simulation._fixtures_in_place():
            mujoco.mj_forward(simulation.model, simulation.data)
        model = theirs.model._model
        for fixture in simulation.scene.fixtures:
            model.body_pos[fixture.body] = simulation.model.body_pos[fixture.body]
            model.body_quat[fixture.body] = simulation.model.body_quat[fixture.body]
        state = read_integration_state(simulation.model, simulation.data)
        mujoco.mj_setState(model, theirs.data._data, state, STATE_SPEC)
        mujoco.mj_forward(model, theirs.data._data)
        problem._post_process()
        theirs._render_context_offscreen.gl_ctx.make_current()
        wanted = {
            name: theirs.render(width=128, height=128, camera_name=camera_name)[::-1]
            for name, camera_name in MODEL_CAMERAS.items()
        }
        ours = world.observe(dict.fromkeys(MODEL_CAMERAS, (128, 128))).images
        for name in MODEL_CAMERAS:
            np.testing.assert_array_equal(ours[name], wanted[name])
        drawn.append(ours["agentview"].astype(float))
    if simulation.scene.glows:
        assert (drawn[1] - drawn[0]).max() > 50
    np.testing.assert_array_equal(simulation.model.site_rgba, shared)


@pytest.mark.parametrize(("suite", "task", "glows"), [(SUITE, 0, False), ("libero_goal", 7, True)])
def test_cheap_pictures_show_a_glow_but_for_spatial(suite: str, task: int, glows: bool) -> None:
    """Spatial's cheap pictures are those of locked studies."""
    if glows:
        require_official_assets(suite)
    world = LiberoWorld(suite, "official" if glows else "builtin", 220, snapshot_version=2)
    world.begin(EpisodeKey(7, suite, task, "official", 2))
    simulation, red = world._get_simulation(task), []
    for angle in (0.499, 0.501):
        simulation.data.qpos[simulation.scene.glows[0].qpos] = angle
        with simulation._fixtures_in_place():
            mujoco.mj_forward(simulation.model, simulation.data)
        picture = world.observe({"agentview": (128, 128)}).images["agentview"].astype(int)
        red.append(int(((picture[..., 0] > 100) & (picture[..., 1:] < 60).all(axis=2)).sum()))
    assert (red[1] - red[0] > 20) == glows


@pytest.mark.parametrize("task", TASKS)
def test_what_is_left_out_cannot_be_seen(task: int) -> None:
    """Leaving out geoms that lie beside the picture changes no pixel, wherever the arm goes."""
    world = LiberoWorld(SUITE, "builtin", 220)
    whole = replace(RENDER_STYLES["fast"], cull=False)
    rng = np.random.default_rng(task)
    world.begin(EpisodeKey(7, SUITE, task, "wide", 2))
    simulation = world._get_simulation(task)
    fewer = 0
    for _ in range(8):
        target = rng.uniform(-1, 1, 7).astype(np.float32)
        for _ in range(8):
            world.apply(Act(target.copy()))
        for size in ((64, 64), (40, 96)):
            cameras = dict.fromkeys(MODEL_CAMERAS, size)
            culled = world.observe(cameras).images
            arguments = (simulation.model, simulation.data, cameras)
            drawn = render_pictures(*arguments, digest=simulation.scene.looks, pictures=whole)
            for name, picture in culled.items():
                np.testing.assert_array_equal(picture, drawn[name])
        wrist = simulation.model.camera(MODEL_CAMERAS["wrist"]).id
        fewer += camera._find_unseen_geoms(simulation.model, simulation.data, wrist, 64, 64).sum()
    assert fewer > 100  # else nothing was tested


def test_both_looks_play_the_same_episode() -> None:
    """Looks are no part of the physics: a snapshot goes from one to the other."""
    fast, official = (
        LiberoWorld(SUITE, "builtin", 220, pictures=pictures) for pictures in ("fast", "official")
    )
    here = EpisodeKey(7, SUITE, 0, "wide", 2)
    fast.begin(here)
    official.begin(here)
    up = np.array([0.2, 0.1, 0.5, 0.1, 0, 0, 1], np.float32)
    for world in (fast, official):
        world.apply(Act(up.copy()))
    assert fast.digest() == official.digest()
    official.restore(fast.snapshot())
    cameras = {"agentview": (64, 64)}
    one, other = (world.observe(cameras).images["agentview"] for world in (fast, official))
    assert (one != other).any()
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.7


def test_unknown_look() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'official'"):
        LiberoWorld(SUITE, "builtin", 220, pictures="oficial")


BLIND = """
import sys
from aegis.core.errors import MachineError
from aegis.core.types import EpisodeKey
from envs.libero.world import LiberoWorld
world = LiberoWorld("libero_spatial", "builtin", 220)
world.begin(EpisodeKey(7, "libero_spatial", 0, "wide", 2))
try:
    world.observe({"agentview": (64, 64)})
except MachineError as error:
    world.observe({})  # without cameras it goes on
    print(error)
"""


def test_a_renderer_that_cannot_start_says_so() -> None:
    """The machine has no such device; without cameras the world works."""
    surroundings = {**os.environ, "MUJOCO_GL": "egl", "MUJOCO_EGL_DEVICE_ID": "99"}
    done = subprocess.run(
        [sys.executable, "-c", BLIND], env=surroundings, capture_output=True, text=True, check=True
    )
    assert "Off-screen OpenGL (egl) did not start" in done.stdout
    assert "integer between 0 and" in done.stdout
    assert "Unset MUJOCO_EGL_DEVICE_ID (now '99')" in done.stdout
