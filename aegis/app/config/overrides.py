"""Overrides: parses ``key=value`` arguments, and says how to quote those that do not parse."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from aegis.app.config.quoting import quote_override
from aegis.core.errors import ConfigError, UnknownNameError

NAME = "name"
"""Key of the name of a run; its value is taken literally or refused."""

_KEY = re.compile(r"[\w@./:-]+")


def parse_overrides(typed: Sequence[str]) -> list[Override]:
    """Parses overrides.

    Args:
        typed: ``key=value``, ``group=option`` or ``part=option``.

    Raises:
        ConfigError: If one does not parse, or does more than set a value; says how to quote it.
    """
    parser = OverridesParser.create()
    return [_parse_override(parser, text) for text in typed]


OPTIONAL_GROUPS = ("detector",)
"""Groups of which a run may use none: ``detector=null``."""


def split_overrides(
    overrides: Sequence[Override], parts: Mapping[str, str], folders: Sequence[Path]
) -> tuple[list[str], list[Override]]:
    """Splits overrides into those that choose an option and those that set a value.

    Args:
        overrides: Parsed overrides.
        parts: Part of the configuration to the group that fills it.
        folders: Folders of configurations.

    Raises:
        UnknownNameError: If a part or an option does not exist.
    """
    groups, values = [], []
    for override in overrides:
        part = override.package or override.key_or_group
        if part not in parts:
            if override.package is not None:
                raise UnknownNameError("part", part, parts, f"'{override.input_line}'")
            values.append(override)
            continue
        group = parts[part]
        group_at_part = group if part == group else f"{group}@{part}"
        _, _, option = (override.input_line or "").partition("=")
        if group in OPTIONAL_GROUPS and option == "null":
            groups.append(f"~{group_at_part}")
            continue
        _check_options(group, option, folders)
        groups.append(f"{group_at_part}={option}")
    return groups, values


def check_override_key(
    override: Override, base: Mapping[str, object], parts: Mapping[str, str]
) -> None:
    """Checks that a key exists, level by level, so that the message names the wrong part.

    Raises:
        UnknownNameError: If it does not.
        ConfigError: If it continues below a value.
    """
    node: object = base
    path = str(override.key_or_group).split(".")
    for depth, name in enumerate(path):
        where = ".".join(path[:depth]) or "the configuration"
        if not isinstance(node, Mapping):
            raise ConfigError(f"'{override.input_line}': '{where}' is a value and holds no keys.")
        if name not in node:
            allowed = [*node, *(parts if depth == 0 else ())]
            raise UnknownNameError("key", name, dict.fromkeys(allowed), where)
        node = node[name]


def list_options(group: str, folders: Sequence[Path]) -> list[str]:
    """Returns the options of a group from all folders."""
    return sorted({path.stem for folder in folders for path in (folder / group).glob("*.yaml")})


def describe_places(group: str, folders: Sequence[Path]) -> str:
    """Returns the folders of the options of a group, for a message."""
    places = [str(folder / group) for folder in folders if (folder / group).is_dir()]
    return " and ".join(places) or str(folders[0] / group)


def _parse_override(parser: OverridesParser, text: str) -> Override:
    try:
        override = parser.parse_override(text)
    except HydraException as error:
        raise ConfigError(f"Cannot read '{text}'. {_describe_fix(parser, text)}") from error
    if override.is_delete() or override.is_add():
        raise ConfigError(
            f"'{text}': only key=value is allowed; keys can be neither added ('+') nor removed "
            "('~')."
        )
    key, _, value = text.partition("=")
    if override.is_sweep_override():
        raise ConfigError(
            f"'{text}': only key=value is allowed, with one value and no sweep. Quote a text "
            f"with commas: {quote_override(key, value)}; put a list in brackets: {key}=[...]."
        )
    if key == NAME and not isinstance(override.value(), str):
        raise ConfigError(
            f"'{text}': a name must be text, but '{value}' reads as another type. Quote it: "
            f"{quote_override(key, value)}."
        )
    return override


def _describe_fix(parser: OverridesParser, text: str) -> str:
    """Returns the remedy for an override that does not parse: quotes, where they suffice."""
    key, equals, value = text.partition("=")
    if not equals or not _KEY.fullmatch(key) or value[:1] in ("[", "{", "'", '"'):
        return "Write key=value, for example gate.guard_fraction=0.2, and a list as [1,2]."
    try:
        parser.parse_override(f"{key}=x")
    except HydraException:
        return f"'{key}' is not a key. Write key=value, for example gate.guard_fraction=0.2."
    return f"Quote a text with special characters: {quote_override(key, value)}."


def _check_options(group: str, text: str, folders: Sequence[Path]) -> None:
    options = list_options(group, folders)
    for option in text.strip("[] ").split(","):
        if option.strip() not in options:
            raise UnknownNameError(group, option.strip(), options, describe_places(group, folders))
