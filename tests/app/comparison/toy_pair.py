"""Configurations of `aegis compare` and `aegis pilot` on the toy world, and how they are typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.app.typed import type_in

_POLICY = "_target_: tests.fakes.ToyPolicy\nname: NAME\nweak: WEAK\nnoise: 0.0\n"
_COMMON = """
  - _self_
env: {_target_: tests.fakes.ToyWorld, horizon: 40}
start: {family: wide, split: test, offset: 0}
name: COMMAND
seed: 0
tasks: [0, 1]
units: 6
target: TARGET
alpha: 0.05
patience: 3
workers: 1
slots: 2
batch_dependent: false
trusted: [tests]
"""
_PILOT = """
tick: 9
placebo: true
precision: 0.8
recall: 0.5
study: 100
sharing: true
audit: 0.02
"""


def write_pair_configs(folder: Path) -> Path:
    """Writes two toy policies, a weak and a strong one without noise, and both commands."""
    (folder / "policy").mkdir(parents=True)
    for name, weak in (("toy_weak", "true"), ("toy_strong", "false")):
        text = _POLICY.replace("NAME", name).replace("WEAK", weak)
        (folder / "policy" / f"{name}.yaml").write_text(text)
    for command, parts in (("compare", ("a", "b")), ("pilot", ("weak", "strong"))):
        names = zip(parts, ("toy_weak", "toy_strong"), strict=True)
        defaults = "".join(f"  - policy@{part}: {name}\n" for part, name in names)
        further = "power: 0.8\n" if command == "compare" else _PILOT
        common = _COMMON.replace("COMMAND", command)
        common = common.replace("TARGET", "10" if command == "compare" else "1")
        text = f"defaults:\n{defaults.rstrip()}{common}{further}"
        (folder / f"{command}.yaml").write_text(text)
    return folder


def type_pair(place: Path, *words: str, code: int | None = 0) -> dict[str, Any]:
    """Types a command in a folder with such configurations."""
    return type_in(place, *words, "--config-dir", "configs", code=code)
