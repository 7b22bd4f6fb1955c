"""Renders a simulation off-screen: small framebuffers, no multisampling, reflections or shadows.

Contexts are kept per process, by model and picture size: uploading the meshes costs far more than
drawing them. Pictures are upright RGB (LIBERO's own are upside down).
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping

import mujoco
import numpy as np

from aegis.core.errors import MachineError, UnknownNameError
from aegis.core.types import U8

CAMERAS = {"agentview": "agentview", "wrist": "robot0_eye_in_hand"}
"""Our camera names to those of LIBERO's and robosuite's models."""

_OFF = (
    mujoco.mjtRndFlag.mjRND_SHADOW,
    mujoco.mjtRndFlag.mjRND_REFLECTION,
    mujoco.mjtRndFlag.mjRND_HAZE,
    mujoco.mjtRndFlag.mjRND_SKYBOX,
)

_gl: dict[str, object] = {}
_contexts: dict[tuple[str, int, int], Canvas] = {}


class Canvas:
    """An off-screen framebuffer of one size with one model's meshes in it."""

    def __init__(self, model: mujoco.MjModel, height: int, width: int) -> None:
        _make_current()
        saved = (
            model.vis.global_.offwidth,
            model.vis.global_.offheight,
            model.vis.quality.offsamples,
        )
        model.vis.global_.offwidth, model.vis.global_.offheight = width, height
        model.vis.quality.offsamples = 0
        try:
            self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        except mujoco.FatalError as error:  # a context without OpenGL functions, as GLFW gives
            raise _no_opengl(error) from error
        finally:
            (
                model.vis.global_.offwidth,
                model.vis.global_.offheight,
                model.vis.quality.offsamples,
            ) = saved
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._viewport = mujoco.MjrRect(0, 0, width, height)
        self._scene = mujoco.MjvScene(model, maxgeom=2000)
        for flag in _OFF:
            self._scene.flags[flag] = 0
        self._option = mujoco.MjvOption()
        self._option.geomgroup[0] = 0  # collision geoms
        self._option.sitegroup[:] = 0
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._pixels = np.empty((height, width, 3), np.uint8)

    def draw(self, model: mujoco.MjModel, data: mujoco.MjData, camera: int) -> U8:
        """Returns the picture of one camera. Shape (height, width, 3)."""
        _make_current()
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._camera.fixedcamid = camera
        mujoco.mjv_updateScene(
            model,
            data,
            self._option,
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        mujoco.mjr_render(self._viewport, self._scene, self._context)
        mujoco.mjr_readPixels(self._pixels, None, self._viewport, self._context)
        return np.ascontiguousarray(self._pixels[::-1])

    def free(self) -> None:
        """Frees the GPU side."""
        self._context.free()


def render(
    digest: str,
    model: mujoco.MjModel,
    data: mujoco.MjData,
    cameras: Mapping[str, tuple[int, int]],
) -> dict[str, U8]:
    """Draws pictures of a state whose kinematics are current.

    Args:
        digest: Hash of the model's meshes and textures; equal digests share a framebuffer.
        model: The model.
        data: The state.
        cameras: Camera name to (height, width) [px].

    Raises:
        UnknownNameError: If a camera does not exist.
        MachineError: If no off-screen OpenGL can be had.
    """
    pictures = {}
    for name, (height, width) in cameras.items():
        if name not in CAMERAS:
            raise UnknownNameError("camera", name, CAMERAS, "the scene")
        canvas = _canvas(digest, model, height, width)
        pictures[name] = canvas.draw(model, data, model.camera(CAMERAS[name]).id)
    return pictures


def _canvas(digest: str, model: mujoco.MjModel, height: int, width: int) -> Canvas:
    key = (digest, height, width)
    if key not in _contexts:
        _contexts[key] = Canvas(model, height, width)
    return _contexts[key]


def _make_current() -> None:
    if "context" not in _gl:
        try:
            context = mujoco.GLContext(16, 16)
            context.make_current()
        except Exception as error:  # the GL stacks raise everything from AttributeError to OSError
            raise _no_opengl(error) from error
        _gl["context"] = context
        atexit.register(close)


def _no_opengl(error: Exception) -> MachineError:
    return MachineError(
        f"Off-screen OpenGL ({os.environ.get('MUJOCO_GL', 'default')}) did not start: {error}. On "
        "Debian or Ubuntu: apt-get install libegl1 libgl1-mesa-dri, then set MUJOCO_GL=egl. "
        "`aegis doctor` tells more."
    )


def close() -> None:
    """Frees all framebuffers, then the OpenGL context; in this order, or EGL complains at exit."""
    for canvas in _contexts.values():
        canvas.free()
    _contexts.clear()
    context = _gl.pop("context", None)
    if isinstance(context, mujoco.GLContext):
        context.free()
