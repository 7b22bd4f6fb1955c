"""Before anything imports MuJoCo: render off-screen, without a display."""

from aegis.host.rendering import apply_rendering

apply_rendering()
