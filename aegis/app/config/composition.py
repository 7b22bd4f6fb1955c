"""The composition root: YAML in, plain Python out. Only this room knows hydra."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, cast

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.errors import HydraException, MissingConfigException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.utils import instantiate as hydra_instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from aegis.app.config.overrides import (
    check_override_key,
    describe_places,
    list_options,
    parse_overrides,
    split_overrides,
)
from aegis.app.config.paths import resolve_paths
from aegis.app.config.targets import ConfigNode, check_tree, locate_target, make_plain_factory
from aegis.core.errors import AegisError, ConfigError, UnknownNameError

_RESOLVER_PATTERN = re.compile(r"\$\{\s*[\w.]+\s*:")


@dataclass(frozen=True, slots=True)
class ComposedConfig:
    """A composed configuration.

    Attributes:
        name: Name of the command.
        tree: The whole configuration as plain Python.
        trusted: The user's packages that targets may come from.
        text: The same as YAML, for the run folder.
        overrides: What it was composed with; empty for one that was restored.
    """

    name: str
    tree: Mapping[str, object]
    trusted: tuple[str, ...]
    text: str
    overrides: tuple[str, ...] = ()


def compose_config(name: str, overrides: Sequence[str], *folders: Path) -> ComposedConfig:
    """Composes ``<name>.yaml`` with overrides.

    Args:
        name: The command.
        overrides: ``key=value``, ``group=option`` or ``part=option`` from the command line.
        folders: Folders of configurations; each file and option comes from the first folder that
            has it.

    Raises:
        UnknownNameError: If a key, group or option does not exist.
        ConfigError: If an override cannot be read, or a target is not allowed.
    """
    paths = [folder / f"{name}.yaml" for folder in folders]
    root = next((path for path in paths if path.is_file()), None)
    if root is None:
        configurations = list_options(".", folders)
        raise UnknownNameError(
            "configuration", name, configurations, " and ".join(map(str, folders))
        )
    with _initialize_hydra(folders):
        parsed = parse_overrides(overrides)
        parts = _read_parts(root)
        groups, values = split_overrides(parsed, parts, folders)
        base = _resolve_to_plain(_compose_with_hydra(root, groups, folders))
        for override in values:
            check_override_key(override, base, parts)
        config = _compose_with_hydra(root, groups, folders)
        _apply_values(config, values, root)
        tree = _resolve_to_plain(config)
    trusted = _read_trusted(tree)
    check_tree(tree, trusted)
    text = OmegaConf.to_yaml(config, resolve=True)
    return ComposedConfig(name, tree, trusted, text, tuple(overrides))


def replace_setting(composed: ComposedConfig, name: str, value: object) -> ComposedConfig:
    """Returns a configuration with another value of a setting of the root."""
    tree = {**composed.tree, name: value}
    return replace(composed, tree=tree, text=OmegaConf.to_yaml(OmegaConf.create(tree)))


def restore_config(
    name: str, tree: Mapping[str, object], text: str, *, check: bool = True
) -> ComposedConfig:
    """Returns a configuration that was resolved before, checked like a new one.

    Args:
        name: The command.
        tree: The whole configuration.
        text: Its YAML source.
        check: Whether to check its targets now. A configuration that is only read may name
            targets that are not installed; they are checked when they are built.

    Raises:
        UnknownNameError: If a target does not exist.
        ConfigError: If one is not allowed.
    """
    trusted = _read_trusted(tree)
    if check:
        check_tree(tree, trusted)
    return ComposedConfig(name, tree, trusted, text)


def build_target(composed: ComposedConfig, where: str, node: ConfigNode) -> object:
    """Builds the target of a node, and the targets among its arguments.

    Raises:
        AegisError: If the target raises it.
        ConfigError: If it raises anything else.
    """
    check_tree({where: node}, composed.trusted)
    try:
        plain = resolve_paths(dict(node), composed.trusted)
        return hydra_instantiate(OmegaConf.create(plain), _convert_="all")
    except HydraException as error:
        cause = error.__cause__
        if isinstance(cause, AegisError):
            raise cause from error
        raise ConfigError(f"'{where}' cannot be built: {cause or error}.") from error


def call_target(
    composed: ComposedConfig, where: str, node: ConfigNode, **further_arguments: object
) -> object:
    """Calls the target of a node with its arguments, built where they are targets, and more.

    Raises:
        AegisError: If the target raises it.
    """
    check_tree({where: node}, composed.trusted)
    arguments = {str(name): value for name, value in node.items() if name != "_target_"}
    for name, value in arguments.items():
        if isinstance(value, Mapping) and "_target_" in value:
            arguments[name] = build_target(composed, f"{where}.{name}", value)
        else:
            arguments[name] = resolve_paths(value, composed.trusted)
    target = locate_target(str(node["_target_"]), where, composed.trusted)
    return target(**arguments, **further_arguments)


def make_target_factory(composed: ComposedConfig, where: str, node: ConfigNode) -> object:
    """Returns a callable that builds the target of a node, here or in another process."""
    check_tree({where: node}, composed.trusted)
    return make_plain_factory(where, resolve_paths(node, composed.trusted), composed.trusted)


class _FurtherFolders(SearchPathPlugin):
    """Adds further folders to hydra, which accepts one at start-up and asks plugins for more."""

    folders: ClassVar[Sequence[Path]] = ()

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Appends the folders behind the first one."""
        for folder in self.folders:
            search_path.append("aegis", f"file://{folder.resolve()}")


@contextmanager
def _initialize_hydra(folders: Sequence[Path]) -> Iterator[None]:
    Plugins.instance().register(_FurtherFolders)
    GlobalHydra.instance().clear()
    _FurtherFolders.folders = folders[1:]
    try:
        with initialize_config_dir(str(folders[0].resolve()), version_base="1.3"):
            yield
    finally:
        _FurtherFolders.folders = ()


def _compose_with_hydra(
    root: Path, overrides: Sequence[str], folders: Sequence[Path]
) -> DictConfig:
    try:
        return hydra_compose(root.stem, list(overrides))
    except MissingConfigException as error:
        raise _build_missing_error(error, folders) from error
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise ConfigError(f"{root}: {_join_first_lines(error)}") from error


def _apply_values(config: DictConfig, values: Sequence[Override], root: Path) -> None:
    """Sets values here, because hydra takes the name of any group for a choice of an option."""
    for override in values:
        try:
            OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
        except ConfigKeyError as error:
            where = str(error.full_key).rpartition(".")[0]
            parent = OmegaConf.select(config, where)
            known = [str(name) for name in parent] if isinstance(parent, DictConfig) else []
            raise UnknownNameError("setting", error.key, known, f"'{where}'") from error
        except (OmegaConfBaseException, YAMLError) as error:
            line = override.input_line
            raise ConfigError(f"{root}, '{line}': {_join_first_lines(error)}") from error


def _build_missing_error(error: MissingConfigException, folders: Sequence[Path]) -> AegisError:
    wanted = Path(error.missing_cfg_file or "?")
    group = str(wanted.parent)
    options = error.options or list_options(group, folders)
    kind = group if group != "." else "configuration"
    return UnknownNameError(kind, wanted.stem, options, describe_places(group, folders))


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


def _read_parts(path: Path) -> dict[str, str]:
    """Returns which group fills which part of a configuration, from its defaults list."""
    try:
        root = OmegaConf.load(path)
    except YAMLError as error:
        raise ConfigError(f"{path}: {_join_first_lines(error)}") from error
    parts = {}
    for entry in cast(DictConfig, root).get("defaults", []):
        if isinstance(entry, DictConfig):
            for group_at_part in entry:
                group, _, part = (
                    str(group_at_part).removeprefix("override ").lstrip("/").partition("@")
                )
                parts[part or group] = group
    return parts


def _read_trusted(tree: Mapping[str, object]) -> tuple[str, ...]:
    packages = tree.get("trusted", [])
    if not isinstance(packages, list) or not all(
        isinstance(name, str) and name.isidentifier() for name in packages
    ):
        raise ConfigError(f"trusted must be a list of package names. Got: {packages!r}.")
    return tuple(packages)
