"""Worlds: simulators behind the protocol of `aegis.core.protocols.World`.

A world knows `aegis.core` and `aegis.host`, never a policy; configurations name it.
"""

import importlib.util

from aegis.host.rendering import MUJOCO_VARIABLE, apply_rendering, require_importable
from envs.contained import replace_environment

# MuJoCo chooses its OpenGL when it is imported; its own default needs a display.
require_importable(apply_rendering())
if importlib.util.find_spec("mujoco"):
    try:
        import mujoco
    except Exception:  # a GL library that is missing or broken: anything from AttributeError on
        # Physics needs none. Who asks for a picture gets the cause, from envs.gl_context.
        with replace_environment({MUJOCO_VARIABLE: "off"}):
            import mujoco  # noqa: F401
