"""Renders a simulation off-screen: as cheap as the scene allows, or as LIBERO does.

Contexts are kept per process, by meshes, textures and look: uploading those costs far more than
drawing them. Pictures are upright RGB (LIBERO's own are upside down).
"""

from __future__ import annotations

import atexit
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from aegis.core.errors import MachineError, UnknownNameError
from aegis.core.types import U8

CAMERAS = {"agentview": "agentview", "wrist": "robot0_eye_in_hand"}
"""Our camera names to those of LIBERO's and robosuite's models."""
_HIDDEN = 0
"""The group of collision geoms, which are never drawn."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """How pictures are drawn.

    Attributes:
        samples: Multisampling [samples per pixel]; 0 for none.
        framebuffer: Least height and width of the framebuffer [px]; pictures take its lower left.
        shadows: Whether lights cast shadows.
        reflections: Whether materials reflect.
        haze: Whether what is far fades.
        skybox: Whether the background is drawn.
        sites: Whether MuJoCo's sites are drawn, where the model does not make them transparent.
        cull: Whether geoms that a camera cannot see are left out; not where things are mirrored.
    """

    samples: int
    framebuffer: tuple[int, int]
    shadows: bool
    reflections: bool
    haze: bool
    skybox: bool
    sites: bool
    cull: bool

    @property
    def flags(self) -> dict[mujoco.mjtRndFlag, bool]:
        """Rendering flags of MuJoCo that this look sets; the others stay at MuJoCo's defaults."""
        return {
            mujoco.mjtRndFlag.mjRND_SHADOW: self.shadows,
            mujoco.mjtRndFlag.mjRND_REFLECTION: self.reflections,
            mujoco.mjtRndFlag.mjRND_HAZE: self.haze,
            mujoco.mjtRndFlag.mjRND_SKYBOX: self.skybox,
        }


PICTURES = {
    "fast": Pictures(
        samples=0,
        framebuffer=(1, 1),
        shadows=False,
        reflections=False,
        haze=False,
        skybox=False,
        sites=False,
        cull=True,
    ),
    # MuJoCo's defaults and a framebuffer of this size are what robosuite's renderer takes.
    "official": Pictures(
        samples=4,
        framebuffer=(480, 640),
        shadows=True,
        reflections=True,
        haze=True,
        skybox=True,
        sites=True,
        cull=False,
    ),
}
"""The looks by name: what pictures cost is told in docs/environment.md."""

_gl: dict[str, Any] = {}
_contexts: dict[tuple[str, Pictures], Canvas] = {}
_assets: dict[str, str] = {}


class Canvas:
    """An off-screen framebuffer with one set of meshes and textures; it grows with its pictures."""

    def __init__(self, model: mujoco.MjModel, pictures: Pictures) -> None:
        _make_current()
        self._frame = pictures.framebuffer
        with _framebuffer(model, *self._frame, pictures.samples):
            try:
                self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
            except mujoco.FatalError as error:  # a context without OpenGL functions, as GLFW gives
                raise _no_opengl(error) from error
        self._scene = mujoco.MjvScene(model, maxgeom=2000)
        for flag, on in pictures.flags.items():
            self._scene.flags[flag] = on
        self._option = mujoco.MjvOption()
        self._option.geomgroup[_HIDDEN] = 0
        if not pictures.sites:
            self._option.sitegroup[:] = 0
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._cull = pictures.cull

    def draw(
        self, model: mujoco.MjModel, data: mujoco.MjData, camera: int, height: int, width: int
    ) -> U8:
        """Returns the picture of one camera. Shape (height, width, 3)."""
        _make_current()
        self._fit(height, width)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._camera.fixedcamid = camera
        if self._cull:
            with _hidden(model, _unseen(model, data, camera, height, width)):
                self._update(model, data)
        else:
            self._update(model, data)
        viewport, pixels = (
            mujoco.MjrRect(0, 0, width, height),
            np.empty((height, width, 3), np.uint8),
        )
        mujoco.mjr_render(viewport, self._scene, self._context)
        mujoco.mjr_readPixels(pixels, None, viewport, self._context)
        return np.ascontiguousarray(pixels[::-1])

    def _fit(self, height: int, width: int) -> None:
        frame = max(height, self._frame[0]), max(width, self._frame[1])
        if frame != self._frame:
            self._frame = frame
            mujoco.mjr_resizeOffscreen(frame[1], frame[0], self._context)

    def _update(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        everything = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(
            model, data, self._option, None, self._camera, everything, self._scene
        )

    def free(self) -> None:
        """Frees the GPU side."""
        self._context.free()


def render(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    cameras: Mapping[str, tuple[int, int]],
    *,
    digest: str,
    pictures: Pictures = PICTURES["fast"],
) -> dict[str, U8]:
    """Draws pictures of a state whose kinematics are current.

    Args:
        model: The model. Its geom groups are changed and given back.
        data: The state.
        cameras: Camera name to (height, width) [px].
        digest: Name of the model, different for different meshes or textures.
        pictures: The look.

    Raises:
        UnknownNameError: If a camera does not exist.
        MachineError: If no off-screen OpenGL can be had.
    """
    drawn = {}
    for name, (height, width) in cameras.items():
        if name not in CAMERAS:
            raise UnknownNameError("camera", name, CAMERAS, "the scene")
        canvas = _canvas(digest, model, pictures)
        drawn[name] = canvas.draw(model, data, model.camera(CAMERAS[name]).id, height, width)
    return drawn


def _canvas(digest: str, model: mujoco.MjModel, pictures: Pictures) -> Canvas:
    if digest not in _assets:
        _assets[digest] = _uploaded(model)
    key = (_assets[digest], pictures)
    if key not in _contexts:
        _contexts[key] = Canvas(model, pictures)
    return _contexts[key]


def _uploaded(model: mujoco.MjModel) -> str:
    """Hashes what a context holds of a model: tasks that differ in nothing of it can share one."""
    hashed = hashlib.sha256()
    for name in sorted(dir(model)):
        if name.startswith(("mesh_", "tex_", "hfield_", "skin_")):
            hashed.update(np.ascontiguousarray(getattr(model, name)).data)
    return hashed.hexdigest()


@contextmanager
def _framebuffer(model: mujoco.MjModel, height: int, width: int, samples: int) -> Iterator[None]:
    """Sets what a context is made after, and gives the model back as it was."""
    frame, quality = model.vis.global_, model.vis.quality
    saved = frame.offheight, frame.offwidth, quality.offsamples
    frame.offheight, frame.offwidth, quality.offsamples = height, width, samples
    try:
        yield
    finally:
        frame.offheight, frame.offwidth, quality.offsamples = saved


@contextmanager
def _hidden(model: mujoco.MjModel, geoms: NDArray[np.bool_]) -> Iterator[None]:
    groups = model.geom_group
    saved = groups.copy()
    groups[geoms] = _HIDDEN
    try:
        yield
    finally:
        groups[:] = saved


def _unseen(
    model: mujoco.MjModel, data: mujoco.MjData, camera: int, height: int, width: int
) -> NDArray[np.bool_]:
    """Returns which geoms' bounding spheres lie outside of what a camera sees. Shape (ngeom,)."""
    seen = (data.geom_xpos - data.cam_xpos[camera]) @ data.cam_xmat[camera].reshape(3, 3)
    radius, depth = model.geom_rbound, -seen[:, 2]
    tangent = np.tan(np.deg2rad(model.cam_fovy[camera]) / 2)
    unseen = depth < -radius
    for axis, slope in ((0, tangent * width / height), (1, tangent)):
        # Distance from the side of the view's pyramid, which goes through the camera.
        unseen |= (np.abs(seen[:, axis]) - slope * depth) > radius * np.hypot(1.0, slope)
    return np.asarray(unseen & (radius > 0))  # planes have no radius


def _make_current() -> None:
    """Makes our context the current one; others in this process may have their own."""
    try:
        if "context" not in _gl:
            _gl["context"] = mujoco.GLContext(16, 16)
            atexit.register(close)
        _gl["context"].make_current()
    except Exception as error:  # the GL stacks raise everything from AttributeError to OSError
        _gl.clear()
        raise _no_opengl(error) from error


def _no_opengl(error: Exception) -> MachineError:
    return MachineError(
        f"Off-screen OpenGL ({os.environ.get('MUJOCO_GL', 'default')}) did not start: {error}. On "
        "Debian or Ubuntu: apt-get install libegl1 libgl1-mesa-dri, then set MUJOCO_GL=egl. "
        "`aegis doctor` tells more."
    )


def close() -> None:
    """Frees all framebuffers, then the OpenGL context; in this order, or EGL complains at exit."""
    if _contexts:
        _make_current()
    for canvas in _contexts.values():
        canvas.free()
    _contexts.clear()
    if "context" in _gl:
        _gl.pop("context").free()
