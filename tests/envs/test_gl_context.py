"""OpenGL in an environment of its own: pictures, or an error with the true cause and the cure."""

import os
import subprocess
import sys

import pytest

# A picture without LIBERO: a sphere before a camera that is called like LIBERO's.
DRAW = """
import sys
from envs.camera import render_pictures
import mujoco
model = mujoco.MjModel.from_xml_string('''<mujoco><worldbody><light pos="0 0 3"/>
  <camera name="agentview" pos="0 -2 0" xyaxes="1 0 0 0 0 1"/>
  <geom size=".5" rgba="1 0 0 1" group="1"/></worldbody></mujoco>''')
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
from aegis.core.errors import MachineError
try:
    pictures = render_pictures(model, data, {"agentview": (8, 8)}, digest="x")
    print("mean", pictures["agentview"].mean())
except MachineError as error:
    print(error)
"""
VARIABLES = ("MUJOCO_GL", "PYOPENGL_PLATFORM", "MUJOCO_EGL_DEVICE_ID", "DISPLAY", "WAYLAND_DISPLAY")


def run_script(script: str, **variables: str) -> tuple[str, str]:
    """Returns what a fresh process prints on standard output and error."""
    clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**clean, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"MUJOCO_GL": "", "PYOPENGL_PLATFORM": ""},
        {"MUJOCO_GL": " Egl ", "PYOPENGL_PLATFORM": "EGL"},
        {"PYOPENGL_PLATFORM": "egl", "DISPLAY": ":97"},
    ],
)
def test_pictures_come_in_every_spelling(variables: dict[str, str]) -> None:
    assert "mean" in run_script(DRAW, **variables)[0]


def test_importing_mujoco_first_does_no_harm() -> None:
    assert "mean" in run_script("import mujoco\n" + DRAW)[0]


def test_pyopengl_that_was_imported_for_another_platform_is_named() -> None:
    out, _ = run_script("import OpenGL.GL\n" + DRAW)
    assert "something has imported PyOpenGL for glx before" in out


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (
            {"MUJOCO_GL": "egl", "PYOPENGL_PLATFORM": "osmesa"},
            "MUJOCO_GL=egl and PYOPENGL_PLATFORM=osmesa contradict",
        ),
        ({"MUJOCO_GL": "Off"}, "MUJOCO_GL=Off turns pictures off"),
        ({"PYOPENGL_PLATFORM": "glx"}, "Unset both to draw with EGL"),
        ({"MUJOCO_GL": "glfw", "DISPLAY": ":97"}, "Unset MUJOCO_GL and PYOPENGL_PLATFORM"),
        ({"MUJOCO_EGL_DEVICE_ID": "7x"}, "Unset MUJOCO_EGL_DEVICE_ID (now '7x')"),
    ],
)
def test_what_cannot_work_says_why_and_what_to_do(variables: dict[str, str], says: str) -> None:
    out, _ = run_script(DRAW, **variables)
    assert says in out
    assert "apt-get" not in out


def test_a_library_that_is_missing_stops_pictures_only() -> None:
    """MuJoCo's own import fails without OSMesa; physics must go on."""
    out, err = run_script(DRAW, PYOPENGL_PLATFORM="osmesa")
    if "mean" in out:
        pytest.skip("this machine has OSMesa")
    assert "Off-screen OpenGL (osmesa) did not start" in out
    assert "Unset MUJOCO_GL and PYOPENGL_PLATFORM" in out
    assert not err


def test_a_value_that_mujoco_does_not_know_is_refused_at_import() -> None:
    _, err = run_script("import envs", MUJOCO_GL="vulkan")
    assert "MachineError: MUJOCO_GL=vulkan" in err
    assert "Allowed: egl, osmesa, glfw" in err


FORK = """
import os, sys
import numpy as np
import gymnasium
from aegis.core.errors import MachineError
from envs import camera
from envs.libero.env import LiberoEnv

def make():
    return LiberoEnv(task=0, assets="builtin", horizon=4, size=16)

if __name__ == "__main__":
    env = make()
    before, _ = env.reset(seed=1)
    vector = gymnasium.vector.AsyncVectorEnv([make], context="fork")
    try:
        vector.reset(seed=1)
    except MachineError as error:
        print("vector:", error)
    vector.close(terminate=True)
    if sys.argv[1:] == ["closed"]:
        camera.close_renderers()
    child = os.fork()
    if not child:
        for _ in range(2):
            try:
                env.reset(seed=1)
            except MachineError as error:
                print("child:", error)
            camera.close_renderers()
        env._world.observe({})  # without cameras it goes on
        env.close()
        sys.exit(0)  # runs what is registered for the exit, MuJoCo's handlers too
    assert os.waitpid(child, 0)[1] == 0
    after, _ = env.reset(seed=1)
    print("parent:", np.array_equal(before["agentview"], after["agentview"]))
"""


@pytest.mark.parametrize("state", ["open", "closed"])
def test_a_fork_after_a_picture_says_spawn_and_never_hangs(state: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORK, state],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Start processes with 'spawn'") == 3
    assert "vector: OpenGL was in use" in done.stdout
    assert "parent: True" in done.stdout
