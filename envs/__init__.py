"""Worlds: simulators behind the protocol of `aegis.core.protocols.World`.

A world knows `aegis.core` and `aegis.host`, never a policy; configurations name it.
"""

from aegis.host.rendering import apply_rendering, require_importable

# MuJoCo chooses its OpenGL when it is imported; its own default needs a display.
require_importable(apply_rendering())
