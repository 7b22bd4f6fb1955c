"""The choice of OpenGL: reads MUJOCO_GL and PYOPENGL_PLATFORM as MuJoCo and PyOpenGL do.

The package, the command line and the doctor all decide here, so that they cannot disagree.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType

from aegis.core.errors import MachineError

MUJOCO_VARIABLE = "MUJOCO_GL"
PYOPENGL_VARIABLE = "PYOPENGL_PLATFORM"
DEVICE_VARIABLE = "MUJOCO_EGL_DEVICE_ID"
EGL_PACKAGES = "libegl1 libopengl0 libgl1 libgl1-mesa-dri"

# The spellings are those of mujoco.rendering.classic.gl_context, which raises on every other one.
_OFF = ("disable", "disabled", "off", "false", "0")
_ON = ("enable", "enabled", "on", "true", "1")
_OFFSCREEN = ("egl", "osmesa")
"""Backends that need no display. MuJoCo reaches them through PyOpenGL."""
_WINDOWED = {"Linux": ("glfw", "glx"), "Windows": ("glfw", "wgl"), "Darwin": ("glfw", "cgl")}


@dataclass(frozen=True, slots=True)
class RenderingChoice:
    """How pictures are drawn in an environment.

    Attributes:
        backend: ``"egl"``, ``"osmesa"``, ``"glfw"`` or ``"cgl"``; ``"off"`` if there is none.
        changes: Environment variables to set before MuJoCo is imported.
        problem: Why no picture can be drawn, with the remedy; empty if nothing speaks against it.
        importable: Whether MuJoCo can be imported: it refuses values that it does not know.
    """

    backend: str
    changes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    problem: str = ""
    importable: bool = True


def choose_rendering(
    environ: Mapping[str, str], system: str = platform.system()
) -> RenderingChoice:
    """Decides how pictures are drawn; a variable that is empty counts as not set.

    What the user has set is kept, but for capitals and blanks that only one of the two libraries
    forgives. Without a choice it is EGL, with or without a display: pictures are the same on a
    desktop and on a server.

    Args:
        environ: The environment of the process.
        system: Operating system, as `platform.system` names it.
    """
    wanted = environ.get(MUJOCO_VARIABLE, "").lower().strip()
    if wanted in _OFF:
        return RenderingChoice(
            "off",
            problem=f"{_quote(environ, MUJOCO_VARIABLE)} turns pictures off. Unset it, or set "
            f"{MUJOCO_VARIABLE}=egl",
        )
    allowed = (*(_OFFSCREEN if system == "Linux" else ()), *_WINDOWED.get(system, ("glfw",)))
    if wanted and wanted not in (*allowed, *_ON):
        return _refuse_value(environ, wanted, allowed)
    if system == "Darwin":
        return RenderingChoice("cgl")
    if system != "Linux":
        return RenderingChoice("glfw")
    return _choose_on_linux(environ, wanted)


def apply_rendering(environ: MutableMapping[str, str] | None = None) -> RenderingChoice:
    """Writes the choice into the environment; to be called before MuJoCo is imported.

    A second call changes nothing. Problems are not raised: an episode without cameras needs no
    OpenGL.

    Args:
        environ: The environment; by default, that of this process.
    """
    environ = os.environ if environ is None else environ
    choice = choose_rendering(environ)
    environ.update(choice.changes)
    return choice


def require_importable(choice: RenderingChoice) -> None:
    """Refuses an environment in which MuJoCo cannot even be imported.

    Raises:
        MachineError: If MUJOCO_GL has a value that MuJoCo does not know.
    """
    if not choice.importable:
        raise MachineError(f"{choice.problem}.")


def suggest_remedy(
    environ: Mapping[str, str], backend: str, install: str = "apt-get install"
) -> str:
    """Returns what to do when a backend does not start, for this environment.

    Args:
        environ: The environment in which it did not start.
        backend: What was tried; see `RenderingChoice`.
        install: Command that installs packages of Debian and Ubuntu.
    """
    if problem := choose_rendering(environ).problem:
        return problem
    if backend == "egl":
        if environ.get(DEVICE_VARIABLE):
            return (
                f"Unset {DEVICE_VARIABLE} (now {environ[DEVICE_VARIABLE]!r}) or name a device that "
                "exists, counted from 0"
            )
        return f"On Debian or Ubuntu: {install} {EGL_PACKAGES}"
    if backend == "osmesa":
        return (
            f"Unset {MUJOCO_VARIABLE} and {PYOPENGL_VARIABLE} to draw with EGL, which needs no "
            "display either; or install OSMesa. On Debian or Ubuntu: apt-get install libosmesa6"
        )
    if backend == "glfw":
        return (
            f"Unset {MUJOCO_VARIABLE} and {PYOPENGL_VARIABLE} to draw with EGL, which needs no "
            "display"
        )
    return "Update the graphics driver"


def _choose_on_linux(environ: Mapping[str, str], wanted: str) -> RenderingChoice:
    given = environ.get(PYOPENGL_VARIABLE, "").lower().strip()
    if not wanted:
        # PYOPENGL_PLATFORM alone is a choice, too: MuJoCo draws only with the same one.
        if given and given not in _OFFSCREEN:
            return _choose_window(environ)
        wanted = given or "egl"
    if wanted not in _OFFSCREEN:
        return _choose_window(environ)
    if given and given != wanted:
        return RenderingChoice(
            wanted,
            problem=f"{_quote(environ, MUJOCO_VARIABLE)} and {_quote(environ, PYOPENGL_VARIABLE)} "
            f"contradict each other: MuJoCo draws with {wanted} only where PyOpenGL does. Unset "
            f"{PYOPENGL_VARIABLE}, or set it to {wanted}",
        )
    changes = {
        name: wanted for name in (MUJOCO_VARIABLE, PYOPENGL_VARIABLE) if environ.get(name) != wanted
    }
    return RenderingChoice(wanted, MappingProxyType(changes))


def _choose_window(environ: Mapping[str, str]) -> RenderingChoice:
    """Returns the choice of GLFW, which draws in a hidden window."""
    if environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"):
        return RenderingChoice("glfw")
    return RenderingChoice(
        "glfw",
        problem=f"{_quote(environ, MUJOCO_VARIABLE)}, {_quote(environ, PYOPENGL_VARIABLE)}: with "
        "these MuJoCo draws in a window (GLFW), and there is no display (DISPLAY is not set). "
        "Unset both to draw with EGL, which needs none",
    )


def _refuse_value(
    environ: Mapping[str, str], wanted: str, allowed: tuple[str, ...]
) -> RenderingChoice:
    close = get_close_matches(wanted, allowed, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return RenderingChoice(
        "off",
        problem=f"{_quote(environ, MUJOCO_VARIABLE)} is no way to draw that MuJoCo knows.{hint} "
        f"Allowed: {', '.join(allowed)}, off, or unset, which draws with EGL where there is EGL",
        importable=False,
    )


def _quote(environ: Mapping[str, str], name: str) -> str:
    """Returns a variable as it was given: blanks and capitals are part of the trouble."""
    value = environ.get(name)
    if value is None:
        return f"{name} (not set)"
    return f"{name}={value if value and value.strip() == value else repr(value)}"
