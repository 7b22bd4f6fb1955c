"""Libraries of others are imported without what is the user's, and leave no traces."""

import itertools
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aegis.host.folders import find_cache_folder
from envs.contained import replace_environment, silence_log_files

BUILD = """
import os
before = dict(os.environ)
import envs
chosen = dict(os.environ)
from envs.assets.resolver import PACK
from envs.libero.scene_builder import build_scene
from envs.libero.library import list_task_names
scene = build_scene("libero_spatial", list_task_names("libero_spatial")[3], PACK, "light")
assert dict(os.environ) == chosen, set(os.environ) ^ set(chosen)
print("built", scene.model.nbody)
"""
AGAIN = """
import os, sys
import envs
from envs.robosuite_import import import_quietly
for line in sys.argv[1:]:
    for name in ("CUDA_VISIBLE_DEVICES", "MUJOCO_EGL_DEVICE_ID"):
        os.environ.pop(name, None)
    os.environ.update(part.split("=", 1) for part in line.split(";") if part)
    kept = dict(os.environ)
    sys.modules.pop("robosuite.utils.binding_utils", None)  # it is the one that reads them
    import_quietly("robosuite.utils.binding_utils")
    assert dict(os.environ) == kept
print("imported", len(sys.argv) - 1)
"""


def run_script(script: str, *arguments: str, **variables: str) -> str:
    compiled = {"NUMBA_CACHE_DIR": str(find_cache_folder() / "numba")}  # compiling takes a minute
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, **compiled, **variables},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def test_gpu_variables_do_not_stop_the_import() -> None:
    devices = [None, "", "0", "1", "7", "0,1", "GPU-3f", "NoDevFiles", "-1"]
    lines = [
        ";".join(
            f"{name}={value}"
            for name, value in (("CUDA_VISIBLE_DEVICES", cuda), ("MUJOCO_EGL_DEVICE_ID", egl))
            if value is not None
        )
        for cuda, egl in itertools.product(devices, devices)
    ]
    assert f"imported {len(lines)}" in run_script(AGAIN, *lines)


@pytest.mark.parametrize(
    "variables",
    [
        {"CUDA_VISIBLE_DEVICES": "1", "MUJOCO_EGL_DEVICE_ID": "0"},
        {"CUDA_VISIBLE_DEVICES": "2", "MUJOCO_GL": "off", "PYOPENGL_PLATFORM": "glx"},
    ],
)
def test_a_scene_is_built_from_nothing(variables: dict[str, str], tmp_path: Path) -> None:
    """With an empty cache, where LIBERO and robosuite must be imported, and without a display."""
    out = run_script(BUILD, AEGIS_CACHE=str(tmp_path), **variables)
    assert "built" in out
    assert (tmp_path / "libero/config.yaml").is_file()


def test_the_environment_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("HIDDEN", "2")
    monkeypatch.delenv("NEW", raising=False)
    before = dict(os.environ)

    def change() -> None:
        with replace_environment({"HIDDEN": None, "NEW": "3", "KEPT": "4"}):
            assert "HIDDEN" not in os.environ
            assert (os.environ["NEW"], os.environ["KEPT"]) == ("3", "4")
            os.environ["SET_INSIDE"] = "5"
            raise KeyError

    with pytest.raises(KeyError):
        change()
    assert dict(os.environ) == before


def test_log_files_go_nowhere(tmp_path: Path) -> None:
    handler = logging.FileHandler
    with silence_log_files():
        logging.FileHandler(tmp_path / "x.log").setLevel("DEBUG")
    assert not list(tmp_path.iterdir())
    assert logging.FileHandler is handler
