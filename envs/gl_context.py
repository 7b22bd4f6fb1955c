"""The OpenGL context of this process: made on first use, never taken over a fork."""

from __future__ import annotations

import atexit
import ctypes
import importlib
import os
import sys
from types import ModuleType
from typing import Any

from aegis.core.errors import MachineError
from aegis.host.forks import ProcessGuard
from aegis.host.rendering import (
    MUJOCO_VARIABLE,
    PYOPENGL_VARIABLE,
    choose_rendering,
    suggest_remedy,
)

_MODULES = {
    "egl": "mujoco.egl",
    "osmesa": "mujoco.osmesa",
    "glfw": "mujoco.glfw",
    "cgl": "mujoco.cgl",
}
_held: dict[str, Any] = {}
"""The context, under ``"context"``, while there is one."""
_guards: list[ProcessGuard] = []
"""The process that first opened a context. It stays when that is freed: the driver's threads do."""


def make_current() -> None:
    """Makes our context the current one; others in this process may have their own.

    Raises:
        MachineError: If no off-screen OpenGL can be had, or this is a fork of a process that drew.
    """
    for guard in _guards:
        guard.require_same_process()
    choice = choose_rendering(os.environ)
    if choice.problem:
        raise MachineError(f"No pictures can be drawn: {choice.problem}. `aegis doctor` says more.")
    try:
        if "context" not in _held:
            if not _guards:
                _guards.append(ProcessGuard("OpenGL", "Or draw no picture before you fork."))
            _held["context"] = _open_context(choice.backend)
        _held["context"].make_current()
    except MachineError:
        raise
    except Exception as error:  # the GL stacks raise everything from AttributeError to OSError
        _held.clear()
        raise describe_failure(error) from error


def _open_context(backend: str) -> Any:
    """Opens a context of a backend, whatever MuJoCo chose when it was imported.

    ``mujoco.GLContext`` was fixed then, which may have been before our default was set.
    """
    kind = import_backend(backend).GLContext
    context = kind.__new__(kind)
    context._context = None  # or a context that fails to open prints a traceback when it is freed
    context.__init__(16, 16)
    return context


def describe_renderer() -> str:
    """Returns the names of driver and version, as they name themselves.

    Raises:
        MachineError: If no off-screen OpenGL can be had.
    """
    make_current()
    from OpenGL import GL  # only now: it binds to the platform of the context

    texts = [GL.glGetString(name) for name in (GL.GL_RENDERER, GL.GL_VERSION)]
    return ", ".join(text.decode() for text in texts if text)


def import_backend(backend: str) -> ModuleType:
    """Imports MuJoCo's module of a backend.

    Args:
        backend: See `aegis.host.rendering.RenderingChoice`.

    Raises:
        MachineError: If PyOpenGL was imported for another one before.
        ImportError: If its libraries are missing; PyOpenGL raises other errors, too.
    """
    loaded = getattr(sys.modules.get("OpenGL.platform"), "PLATFORM", None)
    if backend in ("egl", "osmesa") and loaded is not None:
        used = type(loaded).__name__.removesuffix("Platform").lower()
        if used != backend:
            raise MachineError(
                f"No pictures can be drawn with {backend}: something has imported PyOpenGL for "
                f"{used} before. Import envs first, or set {PYOPENGL_VARIABLE}={backend} and "
                f"{MUJOCO_VARIABLE}={backend} in the shell."
            )
    return importlib.import_module(_MODULES[backend])


def describe_failure(error: Exception) -> MachineError:
    """Returns the error that says why OpenGL did not start and what to do about it."""
    backend = choose_rendering(os.environ).backend
    cause = str(error).rstrip(".")
    remedy = suggest_remedy(os.environ, backend)
    return MachineError(
        f"Off-screen OpenGL ({backend}) did not start: {cause}. {remedy}. `aegis doctor` says more."
    )


def free_context() -> None:
    """Frees the context; renderers must be freed before, or EGL complains at exit."""
    if "context" in _held:
        _held.pop("context").free()


def is_open() -> bool:
    """Returns whether this process has a context; a fork of one that had has none."""
    return "context" in _held


def abandon_handle(handle: object) -> None:
    """Keeps an object from ever being destroyed.

    What was made before a fork must not be freed in the child either: its driver would wait for
    threads that only the parent has.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(handle))


def _abandon_context() -> None:
    """Runs in a forked child: forgets the parent's context without freeing it."""
    if "context" in _held:
        abandon_handle(_held.pop("context"))  # the guard stays: it refuses
    egl = sys.modules.get("mujoco.egl")
    if egl is not None:  # MuJoCo would close the parent's display when the child exits
        atexit.unregister(egl.EGL.eglTerminate)


os.register_at_fork(after_in_child=_abandon_context)
