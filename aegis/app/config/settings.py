"""Settings: typed reader of a composed configuration; errors name the key path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aegis.app.config.quoting import describe_quoting
from aegis.app.config.targets import ConfigNode
from aegis.core.errors import ConfigError, UnknownNameError

MACHINE_SETTINGS = ("workers", "slots")
"""Settings that no result depends on: a locked plan may be run with others."""


class Settings:
    """One level of a configuration.

    Args:
        tree: The level.
        where: Key path of the level; empty for the root.
    """

    def __init__(self, tree: Mapping[str, object], where: str = "") -> None:
        self._tree = tree
        self._where = where

    def value(self, name: str) -> object:
        """Returns a value as it stands.

        Raises:
            ConfigError: If the configuration lacks it.
        """
        if name not in self._tree:
            raise ConfigError(
                f"'{self._join_path(name)}' is missing; the configuration has "
                f"{', '.join(map(str, self._tree)) or 'nothing'}. See configs/README.md."
            )
        return self._tree[name]

    def integer(self, name: str, least: int) -> int:
        """Returns an integer that is at least ``least``."""
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self._build_error(name, value, f"an integer of at least {least}")
        return value

    def number(self, name: str, low: float, high: float) -> float:
        """Returns a number from ``low`` to ``high``."""
        value = self.value(name)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise self._build_error(name, value, f"a number from {low} to {high}")
        return float(value)

    def flag(self, name: str) -> bool:
        """Returns true or false."""
        value = self.value(name)
        if not isinstance(value, bool):
            raise self._build_error(name, value, "true or false")
        return value

    def text(self, name: str) -> str:
        """Returns a text that is not empty."""
        value = self.value(name)
        if not isinstance(value, str) or not value:
            error = self._build_error(name, value, "a text")
            raise ConfigError(f"{error}{describe_quoting(self._join_path(name), value)}")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Returns a list of texts; one text is a list of one."""
        value = self.value(name)
        items = [value] if isinstance(value, str) else value
        if (
            not isinstance(items, list)
            or not items
            or not all(isinstance(item, str) and item for item in items)
        ):
            raise self._build_error(name, value, "a text, or a list of them")
        return tuple(items)

    def choice(self, name: str, allowed: Sequence[str]) -> str:
        """Returns one of the allowed names."""
        value = self.text(name)
        if value not in allowed:
            raise UnknownNameError("value", value, allowed, f"'{self._join_path(name)}'")
        return value

    def integers(self, name: str) -> tuple[int, ...]:
        """Returns a list of integers that are not negative."""
        value = self.value(name)
        if not isinstance(value, list) or not value or not all(map(_is_natural, value)):
            wanted = "a list of integers, for example [0,3]"
            raise self._build_error(name, value, wanted + (", or all" if name == "tasks" else ""))
        return tuple(value)

    def numbers(self, name: str) -> tuple[float, ...]:
        """Returns a list of numbers."""
        value = self.value(name)
        if not isinstance(value, list) or not all(
            isinstance(item, int | float) and not isinstance(item, bool) for item in value
        ):
            raise self._build_error(name, value, "a list of numbers")
        return tuple(map(float, value))

    def node(self, name: str) -> ConfigNode:
        """Returns a mapping."""
        value = self.value(name)
        if not isinstance(value, Mapping):
            raise self._build_error(name, value, "a part with keys of its own")
        return value

    def level(self, name: str) -> Settings:
        """Returns the settings one level down."""
        return Settings(self.node(name), self._join_path(name))

    def names(self) -> list[str]:
        """Returns the keys of this level."""
        return [str(name) for name in self._tree]

    def _join_path(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name

    def _build_error(self, name: str, value: object, wanted: str) -> ConfigError:
        return ConfigError(f"'{self._join_path(name)}' must be {wanted}. Got: {value!r}.")


def _is_natural(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
