"""Worlds: simulators behind the protocol of `aegis.core.protocols.World`."""

import os

# MuJoCo chooses its OpenGL when it is imported; its own default needs a display.
if "DISPLAY" not in os.environ:
    os.environ.setdefault("MUJOCO_GL", "egl")
    os.environ.setdefault("PYOPENGL_PLATFORM", os.environ["MUJOCO_GL"])
