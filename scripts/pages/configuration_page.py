"""The configuration reference: every option of every group, and the class that it builds."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from scripts.pages.study_rows import REPOSITORY

_CONFIGS = REPOSITORY / "configs"
_HEAD = """# Configuration

<!-- Written by `python -m scripts.pages` from configs/ and the docstrings. Do not edit. -->

A command composes `configs/<command>.yaml`; every key is explained beside it, and
`aegis <command> --show` prints what would run. A folder of `configs/` is a **group** and a file
in it an **option**: `aegis run gate=blind` chooses another option,
`aegis run gate.guard_fraction=0.3` changes a key of the chosen one. A key that the configuration
does not have is refused, so a typing error cannot pass unnoticed.

`_target_` names the Python class or function that an option builds. It must lie under `aegis`,
`policies`, `envs` or a package that the configuration lists in `trusted`. Everything below comes
from the files themselves and from the docstrings of what they build.
"""
_OPTIONS = """    options:
      show_root_heading: true
      show_root_full_path: true
      heading_level: 4
      members: false
"""


def write_configuration() -> str:
    """Returns the page: a section for each command and for each group of options."""
    parts = [_HEAD, "## Commands\n"]
    parts += [_write_file(path, 3) for path in sorted(_CONFIGS.glob("*.yaml"))]
    groups = sorted(
        path for path in _CONFIGS.iterdir() if path.is_dir() and any(path.glob("*.yaml"))
    )
    return "\n".join([*parts, *map(_write_group, groups)])


def _write_group(folder: Path) -> str:
    options = sorted(folder.glob("*.yaml"))
    parts = [f"## Group `{folder.name}`\n", _lead(folder)]
    parts += [_write_file(path, 3) for path in options]
    targets = sorted({name for path in options for name in _find_targets(_read(path))})
    if targets:
        parts.append("### What the options build {#" + f"{folder.name}-classes" + "}\n")
        parts += [f"::: {_find_object(name)}\n{_OPTIONS}" for name in targets]
    return "\n".join(parts)


def _lead(folder: Path) -> str:
    """Returns what the README of a group says in its title."""
    readme = folder / "README.md"
    title = readme.read_text(encoding="utf-8").splitlines()[0] if readme.exists() else ""
    said = title.partition(": ")[2]
    return f"{said[:1].upper()}{said[1:]}.\n" if said else ""


def _write_file(path: Path, level: int) -> str:
    name = path.relative_to(_CONFIGS).with_suffix("").as_posix()
    text = path.read_text(encoding="utf-8").rstrip()
    return f'{"#" * level} `{name}`\n\n```yaml title="configs/{name}.yaml"\n{text}\n```\n'


def _read(path: Path) -> object:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _find_targets(tree: object) -> Iterator[str]:
    if isinstance(tree, dict):
        if isinstance(tree.get("_target_"), str):
            yield tree["_target_"]
        tree = list(tree.values())
    if isinstance(tree, list):
        for one in tree:
            yield from _find_targets(one)


def _find_object(target: str) -> str:
    """Returns the path where the object of a target is defined, which may be another module."""
    module, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError:  # The last but one part is a class.
        return target
    return f"{found.__module__}.{found.__qualname__}"
