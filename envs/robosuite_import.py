"""Imports robosuite and what needs it, whatever the user's environment says about GPUs.

robosuite 1.4 reads variables for GPUs and OpenGL when it is imported, and refuses combinations that
MuJoCo takes, although building a scene draws nothing. It also sets some of them for the process.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from aegis.core.errors import MachineError
from aegis.host.compilation import keep_compiled_functions
from aegis.host.rendering import (
    DEVICE_VARIABLE,
    MUJOCO_VARIABLE,
    PYOPENGL_VARIABLE,
    choose_rendering,
)
from envs.contained import contain_side_effects, replace_environment, silence_log_files
from envs.gl_context import import_backend

_NO_OPENGL = "glx"
"""MUJOCO_GL for robosuite to load no OpenGL library: it insists on EGL for most other values."""


def import_quietly(name: str, environment: Mapping[str, str | None] | None = None) -> ModuleType:
    """Imports robosuite, or a module that imports it, with the environment contained.

    robosuite gets the OpenGL that our pictures are drawn with, so that its own renderers work in
    this process, too; where that cannot be loaded, it gets none.

    Args:
        name: The module.
        environment: Further variables to set or, where None, to hide meanwhile.

    Raises:
        MachineError: If it cannot be imported.
    """
    changes = {"CUDA_VISIBLE_DEVICES": None, DEVICE_VARIABLE: None, **_name_opengl()}
    try:
        with (
            replace_environment({**changes, **(environment or {})}),
            silence_log_files(),
            keep_compiled_functions(),
            contextlib.redirect_stderr(io.StringIO()),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            return importlib.import_module(name)
    except ImportError as error:
        raise MachineError(f"{name} cannot be imported: {error}. Run `make setup`.") from error


def build_panda_options(*, pictures: bool = False) -> dict[str, Any]:
    """Returns how robosuite is to build an environment: a Panda under OSC_POSE at 20 Hz.

    Args:
        pictures: Whether it gets a renderer.

    Raises:
        MachineError: If robosuite cannot be imported.
    """
    robosuite = import_quietly("robosuite")
    with contain_side_effects():
        controller = robosuite.load_controller_config(default_controller="OSC_POSE")
    return {
        "robots": "Panda",
        "controller_configs": controller,
        "has_renderer": False,
        "has_offscreen_renderer": pictures,
        "use_camera_obs": False,
        "control_freq": 20,
        "initialization_noise": None,
        "ignore_done": True,
    }


def _name_opengl() -> dict[str, str | None]:
    """Returns the variables with which robosuite loads our backend, or none."""
    choice = choose_rendering(os.environ)
    if choice.problem or choice.backend not in ("egl", "osmesa"):
        return {MUJOCO_VARIABLE: _NO_OPENGL}
    try:
        import_backend(choice.backend)
    except Exception:  # the GL stacks raise everything from AttributeError to OSError
        return {MUJOCO_VARIABLE: _NO_OPENGL}
    return {MUJOCO_VARIABLE: choice.backend, PYOPENGL_VARIABLE: choice.backend}
