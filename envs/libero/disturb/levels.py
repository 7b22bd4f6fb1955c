"""Levels: how strongly each axis of a world is disturbed."""

from __future__ import annotations

from collections.abc import Mapping

from aegis.core.errors import ConfigError, UnknownNameError

AXES = ("camera", "light", "colour", "image", "robot")
"""What can be disturbed. All but ``robot`` leave physics as they are, bit for bit."""
MOST = 5
"""The highest level; 0 is undisturbed."""


def read_levels(given: Mapping[str, int] | None) -> dict[str, int]:
    """Returns the axes that are disturbed, with their levels from 1 to 5.

    Args:
        given: Axis to level, as a configuration names them.

    Raises:
        UnknownNameError: If there is no such axis.
        ConfigError: If a level is no integer from 0 to 5.
    """
    if not isinstance(given, Mapping | None):
        raise ConfigError(
            f"env.disturb must name axes and their levels, such as {{camera: 3}}. Got: {given!r}."
        )
    levels = {}
    for axis, level in sorted((given or {}).items()):
        if axis not in AXES:
            raise UnknownNameError("axis", axis, AXES, "env.disturb")
        if isinstance(level, bool) or not isinstance(level, int) or not 0 <= level <= MOST:
            raise ConfigError(
                f"env.disturb.{axis} must be an integer from 0, undisturbed, to {MOST}. Got: "
                f"{level!r}."
            )
        if level:
            levels[axis] = level
    return levels
