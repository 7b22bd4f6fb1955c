"""Every gate and switch of the room keeps the contract; a new file in it is found by itself.

To add a rule: one file in ``aegis/gates``, one in ``configs/gate`` (or ``configs/switch``), which
says how it is built, and a test of what is special about it.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

import aegis.gates
from aegis.app.config.targets import locate_target
from aegis.checks import check_gate, check_switch
from aegis.core.capabilities import ScoreReader, ThresholdGate, Tunable
from aegis.core.types import Level, Score
from tests.fakes import KEY
from tests.gates.asked import make_context

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
CALIBRATED = {"threshold": 0.5, "release": 0.3}


def list_rules() -> dict[str, type]:
    """Returns the classes of the room that judge (gates) or transition (switches)."""
    found = {}
    for module in pkgutil.iter_modules(aegis.gates.__path__):
        part = importlib.import_module(f"aegis.gates.{module.name}")
        for name, one in inspect.getmembers(part, inspect.isclass):
            rules = hasattr(one, "judge") or hasattr(one, "transition")
            if rules and one.__module__ == part.__name__:
                found[f"{part.__name__}.{name}"] = one
    return found


def build_gate(node: dict[str, object]) -> object:
    """Builds a rule from its file, with numbers where a probe would give them."""
    settings = {
        str(name): CALIBRATED[str(name)] if value == "calibrated" else value
        for name, value in node.items()
    }
    return locate_target(str(settings.pop("_target_")), "here")(**settings)  # type: ignore[operator]


def read_files() -> dict[str, dict[str, object]]:
    return {
        f"{path.parent.name}/{path.stem}": dict(OmegaConf.to_container(OmegaConf.load(path)))  # type: ignore[arg-type]
        for folder in ("gate", "switch")
        for path in sorted((CONFIGS / folder).glob("*.yaml"))
    }


RULES, FILES = list_rules(), read_files()
GATES = {name: node for name, node in FILES.items() if name.startswith("gate/")}
BARRED = [name for name in GATES if isinstance(build_gate(GATES[name]), ThresholdGate)]


def test_the_room_is_found() -> None:
    assert len(RULES) >= 10
    assert {"gate/aegis", "gate/gain", "gate/rescue"} <= set(BARRED)


@pytest.mark.parametrize("path", RULES)
def test_every_rule_has_a_configuration(path: str) -> None:
    mine = [name for name, node in FILES.items() if node["_target_"] == path]
    assert mine, f"{path} needs a file in configs/gate or configs/switch"
    for name in mine:
        known = set(inspect.signature(RULES[path]).parameters) - {"needs_scores"}
        assert set(FILES[name]) - {"_target_"} == known, f"{name}.yaml lists all settings"


@pytest.mark.parametrize("path", RULES)
def test_every_rule_is_a_frozen_value(path: str) -> None:
    rule = RULES[path]
    assert is_dataclass(rule)
    assert rule.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert rule.__doc__
    assert "Attributes:" in rule.__doc__ or not fields(rule)[1:], "settings are explained"


@pytest.mark.parametrize("name", FILES)
def test_every_rule_keeps_its_promises(name: str) -> None:
    rule = build_gate(FILES[name])
    (check_gate if name in GATES else check_switch)(rule, KEY)  # type: ignore[operator]


@pytest.mark.parametrize("name", FILES)
def test_two_that_are_built_alike_are_equal(name: str) -> None:
    assert repr(build_gate(FILES[name])) == repr(build_gate(FILES[name]))


@pytest.mark.parametrize(
    "name", [name for name in FILES if isinstance(build_gate(FILES[name]), Tunable)]
)
def test_dials_turn_what_the_file_has(name: str) -> None:
    rule = build_gate(FILES[name])
    assert isinstance(rule, Tunable)
    for dial in rule.dials().values():
        assert set(dial.arguments) <= set(FILES[name])


@pytest.mark.parametrize("name", BARRED)
@given(k=st.integers(0, 219), data=st.data())
def test_a_gate_hands_over_above_its_bar_and_only_there(
    name: str, k: int, data: st.DataObject
) -> None:
    gate = build_gate(GATES[name])
    assert isinstance(gate, ThresholdGate)
    reads = gate.reads if isinstance(gate, ScoreReader) else ()
    scores = [Score(one, data.draw(st.floats(0, 1))) for one in reads or ("only",)]
    state, verdict = gate.judge(gate.start(KEY), scores, make_context(k))  # type: ignore[attr-defined]
    value, bar = gate.measure(state, scores, k), gate.bar(k, 220)
    if abs(value - bar) > 1e-9 or bar != bar:
        assert (verdict.level is Level.ESCALATE) == (value > bar)
