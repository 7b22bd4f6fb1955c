"""Overrides: another plan on the same tables, for exploratory analyses that are marked as such."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml  # type: ignore[import-untyped]

from aegis.core.errors import ConfigError, UnknownNameError

PLAN_SECTION = "plan"


def apply_overrides(tree: Mapping[str, object], words: Sequence[str]) -> dict[str, object]:
    """Returns a configuration whose section ``plan`` is changed; the locked one stays.

    Args:
        tree: The locked configuration.
        words: ``plan.key=value``, values as YAML.

    Raises:
        UnknownNameError: If a key does not exist.
        ConfigError: If a word cannot be read, or changes something else than the plan.
    """
    found = dict(tree)
    for word in words:
        path, mark, text = word.partition("=")
        keys = path.split(".")
        if not mark or keys[0] != PLAN_SECTION or len(keys) < 2:
            raise ConfigError(
                f"'{word}' is no exploratory change: only keys of the plan can be changed after "
                "a run, for example plan.early=0.2."
            )
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"Cannot read '{word}'. Write plan.key=value.") from error
        found = _set_key(found, keys, value, "the configuration")
    return found


def _set_key(
    node: Mapping[str, object], keys: Sequence[str], value: object, where: str
) -> dict[str, object]:
    name, *rest = keys
    if name not in node:
        raise UnknownNameError("key", name, node, where)
    if not rest:
        return {**node, name: value}
    inside = node[name]
    if not isinstance(inside, Mapping):
        raise ConfigError(f"'{name}' in {where} is a value and holds no keys.")
    return {**node, name: _set_key(inside, rest, value, name)}
