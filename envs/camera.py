"""Renders a simulation off-screen: as cheap as the scene allows, or as LIBERO does.

Renderers are kept per process, by meshes, textures and style: uploading those costs far more than
drawing them. Pictures are upright RGB (LIBERO's own are upside down).
"""

from __future__ import annotations

import atexit
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from aegis.core.errors import UnknownNameError
from aegis.core.types import U8
from envs import gl_context

MODEL_CAMERAS = {"agentview": "agentview", "wrist": "robot0_eye_in_hand"}
"""Our camera names to those of LIBERO's and robosuite's models."""
_HIDDEN = 0
"""The group of collision geoms, which are never drawn."""
GLOW_GROUP = 5
"""The group of sites that every style draws: what glows, where it is not transparent."""


@dataclass(frozen=True, slots=True)
class RenderStyle:
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
        """Rendering flags of MuJoCo that this style sets; the others stay at MuJoCo's defaults."""
        return {
            mujoco.mjtRndFlag.mjRND_SHADOW: self.shadows,
            mujoco.mjtRndFlag.mjRND_REFLECTION: self.reflections,
            mujoco.mjtRndFlag.mjRND_HAZE: self.haze,
            mujoco.mjtRndFlag.mjRND_SKYBOX: self.skybox,
        }


RENDER_STYLES = {
    "fast": RenderStyle(
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
    "official": RenderStyle(
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
"""The styles by name; docs/reference/libero.md says what pictures cost in each."""

_renderers: dict[tuple[str, RenderStyle], OffscreenRenderer] = {}
_upload_hashes: dict[str, str] = {}


class OffscreenRenderer:
    """An off-screen framebuffer with one set of meshes and textures; it grows with its pictures."""

    def __init__(self, model: mujoco.MjModel, pictures: RenderStyle) -> None:
        gl_context.make_current()
        self._frame = pictures.framebuffer
        with _set_framebuffer(model, *self._frame, pictures.samples):
            try:
                self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
            except mujoco.FatalError as error:  # a context without OpenGL functions, as GLFW gives
                raise gl_context.describe_failure(error) from error
        self._scene = mujoco.MjvScene(model, maxgeom=2000)
        for flag, on in pictures.flags.items():
            self._scene.flags[flag] = on
        self._option = mujoco.MjvOption()
        self._option.geomgroup[_HIDDEN] = 0
        if not pictures.sites:
            self._option.sitegroup[:] = 0
        self._option.sitegroup[GLOW_GROUP] = 1
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._cull = pictures.cull

    def draw_picture(
        self, model: mujoco.MjModel, data: mujoco.MjData, camera: int, height: int, width: int
    ) -> U8:
        """Returns the picture of one camera. Shape (height, width, 3)."""
        gl_context.make_current()
        self._fit_framebuffer(height, width)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._camera.fixedcamid = camera
        if self._cull:
            with _hide_geoms(model, _find_unseen_geoms(model, data, camera, height, width)):
                self._update_scene(model, data)
        else:
            self._update_scene(model, data)
        viewport, pixels = (
            mujoco.MjrRect(0, 0, width, height),
            np.empty((height, width, 3), np.uint8),
        )
        mujoco.mjr_render(viewport, self._scene, self._context)
        mujoco.mjr_readPixels(pixels, None, viewport, self._context)
        # OpenGL counts rows from the bottom.
        picture = np.ascontiguousarray(pixels[::-1])
        picture.setflags(write=False)  # our own: spares the observation a copy
        return picture

    def _fit_framebuffer(self, height: int, width: int) -> None:
        frame = max(height, self._frame[0]), max(width, self._frame[1])
        if frame != self._frame:
            self._frame = frame
            mujoco.mjr_resizeOffscreen(frame[1], frame[0], self._context)

    def _update_scene(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        everything = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(
            model, data, self._option, None, self._camera, everything, self._scene
        )

    def free_context(self) -> None:
        """Frees the GPU side."""
        self._context.free()

    def abandon_context(self) -> None:
        """Leaves the GPU side to the process that made it."""
        gl_context.abandon_handle(self._context)


def render_pictures(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    cameras: Mapping[str, tuple[int, int]],
    *,
    digest: str,
    pictures: RenderStyle = RENDER_STYLES["fast"],
) -> dict[str, U8]:
    """Draws pictures of a state whose kinematics are current.

    Args:
        model: The model. Its geom groups are changed and given back.
        data: The state.
        cameras: Camera name to (height, width) [px].
        digest: Name of the model, different for different meshes or textures.
        pictures: The style.

    Raises:
        UnknownNameError: If a camera does not exist.
        MachineError: If no off-screen OpenGL can be had.
    """
    drawn = {}
    for name, (height, width) in cameras.items():
        if name not in MODEL_CAMERAS:
            raise UnknownNameError("camera", name, MODEL_CAMERAS, "the scene")
        renderer = _get_renderer(digest, model, pictures)
        drawn[name] = renderer.draw_picture(
            model, data, model.camera(MODEL_CAMERAS[name]).id, height, width
        )
    return drawn


def _get_renderer(digest: str, model: mujoco.MjModel, pictures: RenderStyle) -> OffscreenRenderer:
    if digest not in _upload_hashes:
        _upload_hashes[digest] = _hash_uploads(model)
    key = (_upload_hashes[digest], pictures)
    if key not in _renderers:
        _renderers[key] = OffscreenRenderer(model, pictures)
        # Anew each time: handlers run last in, first out, and MuJoCo's, which closes the display,
        # was registered when the context was opened.
        atexit.unregister(close_renderers)
        atexit.register(close_renderers)
    return _renderers[key]


def _hash_uploads(model: mujoco.MjModel) -> str:
    """Hashes what a context holds of a model: tasks that differ in nothing of it can share one."""
    hashed = hashlib.sha256()
    for name in sorted(dir(model)):
        if name.startswith(("mesh_", "tex_", "hfield_", "skin_")):
            hashed.update(np.ascontiguousarray(getattr(model, name)).data)
    return hashed.hexdigest()


@contextmanager
def _set_framebuffer(
    model: mujoco.MjModel, height: int, width: int, samples: int
) -> Iterator[None]:
    """Sets what a context is made after, and gives the model back as it was."""
    frame, quality = model.vis.global_, model.vis.quality
    saved = frame.offheight, frame.offwidth, quality.offsamples
    frame.offheight, frame.offwidth, quality.offsamples = height, width, samples
    try:
        yield
    finally:
        frame.offheight, frame.offwidth, quality.offsamples = saved


@contextmanager
def _hide_geoms(model: mujoco.MjModel, geoms: NDArray[np.bool_]) -> Iterator[None]:
    """Moves geoms, mask of shape (ngeom,), into the group that is not drawn, for the while."""
    groups = model.geom_group
    saved = groups.copy()
    groups[geoms] = _HIDDEN
    try:
        yield
    finally:
        groups[:] = saved


def _find_unseen_geoms(
    model: mujoco.MjModel, data: mujoco.MjData, camera: int, height: int, width: int
) -> NDArray[np.bool_]:
    """Returns which geoms' bounding spheres lie outside of what a camera sees. Shape (ngeom,)."""
    seen = (data.geom_xpos - data.cam_xpos[camera]) @ data.cam_xmat[camera].reshape(3, 3)
    radius, depth = model.geom_rbound, -seen[:, 2]
    tangent = np.tan(np.deg2rad(model.cam_fovy[camera]) / 2)
    # Spheres hold their geoms, so what is left out cannot be in the picture.
    unseen = depth < -radius
    for axis, slope in ((0, tangent * width / height), (1, tangent)):
        # Distance from the side of the view's pyramid, which goes through the camera.
        unseen |= (np.abs(seen[:, axis]) - slope * depth) > radius * np.hypot(1.0, slope)
    return np.asarray(unseen & (radius > 0))  # planes have no radius


def close_renderers() -> None:
    """Frees all framebuffers, then the OpenGL context; in this order, or EGL complains at exit."""
    if _renderers and gl_context.is_open():
        gl_context.make_current()
        for renderer in _renderers.values():
            renderer.free_context()
    _renderers.clear()
    gl_context.free_context()


def _abandon_renderers() -> None:
    """Runs in a forked child: forgets the parent's renderers without freeing them."""
    for renderer in _renderers.values():
        renderer.abandon_context()
    _renderers.clear()


os.register_at_fork(after_in_child=_abandon_renderers)
