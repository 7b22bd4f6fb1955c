"""Extras bring what is imported, and whoever lacks one is told its name."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from aegis.app.extras import APART, BARE, EXTRAS, build_missing_error, find_install_command
from aegis.app.main import main

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(
    line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
)
_IMPORT = re.compile(r"^\s*(?:from|import) ([A-Za-z_]\w*)", re.MULTILINE)
_OURS = {"aegis", "envs", "policies"}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(lines: list[str]) -> set[str]:
    return {plain(re.split(r"[\[<>=!~ ]", line)[0]) for line in lines}


@pytest.mark.parametrize("extra", sorted(set(EXTRAS) - {APART}))
def test_the_table_and_the_project_say_the_same(extra: str) -> None:
    known = packages_distributions()
    brought = {plain(known[module][0]) for module in EXTRAS[extra]}
    assert brought == declared(PROJECT["optional-dependencies"][extra])


def test_all_is_all() -> None:
    (line,) = PROJECT["optional-dependencies"]["all"]
    assert set(line.partition("[")[2].rstrip("]").split(",")) == set(EXTRAS) - {APART}


def test_everything_declared_is_pinned() -> None:
    pins = {plain(name) for name in PINS}
    extras = PROJECT["optional-dependencies"]
    lines = [
        *PROJECT["dependencies"],
        *(x for name in extras if name != "all" and name != APART for x in extras[name]),
    ]
    assert declared(lines) <= pins
    assert all(PINS[line.partition("==")[0]] == line.partition("==")[2] for line in BARE)


def test_everything_imported_is_declared() -> None:
    base = {"numpy", "hydra", "omegaconf", "yaml", "rich"}
    known = base | {module for modules in EXTRAS.values() for module in modules}
    known |= {"libero", "robosuite", "bddl", "llvmlite"} | _OURS | set(sys.stdlib_module_names)
    # A package for colcon, which the Python of ROS 2 reads.
    foreign = ROOT / "aegis/ros/ament"
    for path in (p for room in _OURS for p in (ROOT / room).rglob("*.py")):
        if path.is_relative_to(foreign):
            continue
        found = set(_IMPORT.findall(path.read_text()))
        real = {name for name in found if importlib.util.find_spec(name) is not None}
        assert real <= known, (path, real - known)


@pytest.mark.parametrize(
    ("module", "room", "cure"),
    [
        ("torch", "policies.nano_vla.policy", 'pip install "aegis-escalation[learn]"'),
        ("torch.nn", "", "[learn]"),
        ("scipy.special", "aegis.stats", "[report]"),
        ("scipy", "envs.libero", "[sim]"),
        ("sklearn", "aegis.fitting.heads", "[learn]"),
        ("sklearn", "aegis.report", "[report]"),
        ("mujoco", "envs.camera", "[sim]"),
        ("robosuite", "envs.panda", "pip install --no-deps hf-libero==0.1.4 robosuite==1.4.0"),
        ("my_robot", "", ""),
    ],
)
def test_cures(module: str, room: str, cure: str) -> None:
    found = find_install_command(module, room)
    assert cure in found
    assert bool(found) == bool(cure)


def test_a_missing_package_is_no_fault_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow")

    monkeypatch.setattr("aegis.app.main.load_command", fail)
    assert main(["run"]) == 3
    text = capsys.readouterr().err
    assert 'pip install "aegis-escalation[report]"' in text
    assert "bug in AEGIS" not in text


def test_a_module_that_no_extra_brings_stays_a_fault() -> None:
    error = ModuleNotFoundError("No module named 'aegis.nothing'", name="aegis.nothing")
    assert build_missing_error(error, "'aegis run'") is None


def test_what_all_leaves_out_is_not_promised_by_it() -> None:
    error = build_missing_error(ModuleNotFoundError("no", name="rerun"), "'aegis export'")
    assert error is not None
    assert "[rerun]" in str(error)
    assert "[all]" not in str(error)
