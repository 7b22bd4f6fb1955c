"""Numbers: shares and percentage points of a configuration."""

from __future__ import annotations

from aegis.app.config.settings import Settings
from aegis.core.errors import ConfigError


def read_points(settings: Settings, name: str) -> float:
    """Returns a share of units that is given in percentage points, from 0.1 to 99.

    Raises:
        ConfigError: If it is out of range.
    """
    return settings.number(name, 0.1, 99.0) / 100


def read_open_share(settings: Settings, name: str) -> float:
    """Returns a share that is neither 0 nor 1.

    Raises:
        ConfigError: If it is out of range.
    """
    value = settings.number(name, 0.0, 1.0)
    if value in (0.0, 1.0):
        raise ConfigError(f"'{name}' must lie between 0 and 1, without both. Got: {value:g}.")
    return value
