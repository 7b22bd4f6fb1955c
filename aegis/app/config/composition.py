"""Composition root: YAML in, plain Python out. The only module that knows hydra."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException
from hydra.utils import instantiate as hydra_instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from aegis.app.config.targets import ConfigNode, check_tree, locate_target, make_plain_factory
from aegis.core.errors import AegisError, ConfigError, UnknownNameError

_RESOLVER_PATTERN = re.compile(r"\$\{\s*[\w.]+\s*:")


@dataclass(frozen=True, slots=True)
class ComposedConfig:
    """A composed configuration.

    Attributes:
        name: The command that it is for.
        tree: Everything in it, as plain Python.
        trusted: Packages of the user's own that targets may lie in.
        text: The same as YAML, for the run folder.
    """

    name: str
    tree: Mapping[str, object]
    trusted: tuple[str, ...]
    text: str


def find_config_dir(given: str | None) -> Path:
    """Returns the folder of configurations: the given one, ``./configs``, or the repository's.

    Raises:
        ConfigError: If there is none.
    """
    repository = Path(__file__).resolve().parents[3] / "configs"
    places = [Path(given)] if given is not None else [Path("configs"), repository]
    for place in places:
        if place.is_dir() and any(place.glob("*.yaml")):
            return place.resolve()
    raise ConfigError(
        f"No configurations (*.yaml) in {' or '.join(map(str, places))}. "
        "Name their folder: --config-dir PATH."
    )


def compose_config(name: str, overrides: Sequence[str], directory: Path) -> ComposedConfig:
    """Composes ``<directory>/<name>.yaml`` with overrides.

    Args:
        name: The command.
        overrides: ``key=value``, ``group=option`` or ``part=option``, as typed.
        directory: Folder of configurations.

    Raises:
        UnknownNameError: If a key, group or option does not exist.
        ConfigError: If an override cannot be read, or a target is not allowed.
    """
    if not (directory / f"{name}.yaml").is_file():
        known = [path.stem for path in sorted(directory.glob("*.yaml"))]
        raise UnknownNameError("configuration", name, known, str(directory))
    with _initialize_hydra(directory):
        parsed = _parse_overrides(overrides)
        parts = _read_parts(directory, name)
        groups, values = _split_overrides(parsed, parts, directory)
        base = _resolve_to_plain(_compose_with_hydra(name, groups, directory))
        for override in values:
            _check_override_key(override, base, parts)
        config = _compose_with_hydra(
            name, [*groups, *(str(o.input_line) for o in values)], directory
        )
        tree = _resolve_to_plain(config)
    trusted = _read_trusted(tree)
    check_tree(tree, trusted)
    return ComposedConfig(name, tree, trusted, OmegaConf.to_yaml(config, resolve=True))


def restore_config(name: str, tree: Mapping[str, object], text: str) -> ComposedConfig:
    """Returns a configuration that was resolved before, checked as if it came anew.

    Args:
        name: The command.
        tree: Everything in it.
        text: The file that it was read from.

    Raises:
        UnknownNameError: If a target does not exist.
        ConfigError: If one is not allowed.
    """
    trusted = _read_trusted(tree)
    check_tree(tree, trusted)
    return ComposedConfig(name, tree, trusted, text)


def build_target(composed: ComposedConfig, where: str, node: ConfigNode) -> object:
    """Builds the target of a node, and the targets among its arguments.

    Raises:
        AegisError: Whatever the target raises on purpose.
        ConfigError: If it raises anything else.
    """
    check_tree({where: node}, composed.trusted)
    try:
        return hydra_instantiate(OmegaConf.create(dict(node)), _convert_="all")
    except HydraException as error:
        cause = error.__cause__
        if isinstance(cause, AegisError):
            raise cause from error
        raise ConfigError(f"'{where}' cannot be built: {cause or error}.") from error


def call_target(composed: ComposedConfig, where: str, node: ConfigNode, **more: object) -> object:
    """Calls the target of a node with its arguments, built where they are targets, and more.

    Raises:
        AegisError: Whatever the target raises on purpose.
    """
    check_tree({where: node}, composed.trusted)
    arguments = {str(name): value for name, value in node.items() if name != "_target_"}
    for name, value in arguments.items():
        if isinstance(value, Mapping) and "_target_" in value:
            arguments[name] = build_target(composed, f"{where}.{name}", value)
    target = locate_target(str(node["_target_"]), where, composed.trusted)
    return target(**arguments, **more)


def make_target_factory(composed: ComposedConfig, where: str, node: ConfigNode) -> object:
    """Returns a callable that builds the target of a node, here or in another process."""
    check_tree({where: node}, composed.trusted)
    return make_plain_factory(where, node, composed.trusted)


@contextmanager
def _initialize_hydra(directory: Path) -> Iterator[None]:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(directory), version_base="1.3"):
        yield


def _compose_with_hydra(name: str, overrides: Sequence[str], directory: Path) -> DictConfig:
    try:
        return hydra_compose(name, list(overrides))
    except MissingConfigException as error:
        raise _build_missing_error(error, directory) from error
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise ConfigError(f"{directory / name}.yaml: {_join_first_lines(error)}") from error


def _build_missing_error(error: MissingConfigException, directory: Path) -> AegisError:
    wanted = Path(error.missing_cfg_file or "?")
    group = directory / wanted.parent
    options = error.options or [path.stem for path in sorted(group.glob("*.yaml"))]
    kind = str(wanted.parent) if str(wanted.parent) != "." else "configuration"
    return UnknownNameError(kind, wanted.stem, options, str(group))


def _resolve_to_plain(config: DictConfig) -> dict[str, object]:
    """Resolves a configuration into plain Python; only references to other keys are allowed."""
    try:
        raw = OmegaConf.to_container(config, resolve=False)
        _refuse_resolvers(raw, "")
        tree = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"The configuration does not resolve: {_join_first_lines(error)}"
        ) from error
    return cast(dict[str, object], tree)


def _refuse_resolvers(node: object, where: str) -> None:
    if isinstance(node, dict):
        for name, child in node.items():
            _refuse_resolvers(child, f"{where}.{name}".lstrip("."))
    elif isinstance(node, list):
        for i, child in enumerate(node):
            _refuse_resolvers(child, f"{where}[{i}]")
    elif isinstance(node, str) and _RESOLVER_PATTERN.search(node):
        raise ConfigError(f"'{where}' calls a resolver ({node}). Only ${{key}} is allowed.")


def _join_first_lines(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "; ".join(lines[:2])


def _parse_overrides(overrides: Sequence[str]) -> list[Override]:
    parser = OverridesParser.create()
    parsed = []
    for text in overrides:
        try:
            override = parser.parse_override(text)
        except HydraException as error:
            raise ConfigError(
                f"Cannot read '{text}'. Write key=value, for example gate.guard_fraction=0.2."
            ) from error
        if override.is_delete() or override.is_add() or override.is_sweep_override():
            raise ConfigError(
                f"'{text}': only key=value is allowed; every key stands in the configuration "
                "(no '+', no '~', no sweeps)."
            )
        parsed.append(override)
    return parsed


def _read_parts(directory: Path, name: str) -> dict[str, str]:
    """Returns which group fills which part of a configuration, from its defaults list."""
    try:
        root = OmegaConf.load(directory / f"{name}.yaml")
    except YAMLError as error:
        raise ConfigError(f"{directory / name}.yaml: {_join_first_lines(error)}") from error
    parts = {}
    for entry in cast(DictConfig, root).get("defaults", []):
        if isinstance(entry, DictConfig):
            for place in entry:
                group, _, part = str(place).removeprefix("override ").lstrip("/").partition("@")
                parts[part or group] = group
    return parts


def _split_overrides(
    overrides: Sequence[Override], parts: Mapping[str, str], directory: Path
) -> tuple[list[str], list[Override]]:
    """Splits overrides into those that choose an option and those that set a value."""
    groups, values = [], []
    for override in overrides:
        part = override.package or override.key_or_group
        if part not in parts:
            if override.package is not None:
                raise UnknownNameError("part", part, parts, f"'{override.input_line}'")
            values.append(override)
            continue
        group = parts[part]
        place = group if part == group else f"{group}@{part}"
        _, _, option = (override.input_line or "").partition("=")
        _check_group_options(group, option, directory)
        groups.append(f"{place}={option}")
    return groups, values


def _check_group_options(group: str, text: str, directory: Path) -> None:
    options = [path.stem for path in sorted((directory / group).glob("*.yaml"))]
    for option in text.strip("[] ").split(","):
        if option.strip() not in options:
            raise UnknownNameError(group, option.strip(), options, str(directory / group))


def _check_override_key(
    override: Override, base: Mapping[str, object], parts: Mapping[str, str]
) -> None:
    """Checks that a key exists, level by level, so that the message names the wrong part."""
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


def _read_trusted(tree: Mapping[str, object]) -> tuple[str, ...]:
    given = tree.get("trusted", [])
    if not isinstance(given, list) or not all(
        isinstance(name, str) and name.isidentifier() for name in given
    ):
        raise ConfigError(f"trusted must be a list of package names. Got: {given!r}.")
    return tuple(given)
