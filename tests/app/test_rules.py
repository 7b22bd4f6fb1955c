"""Rules: what a gate says of itself, as figures draw it."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.app.study.rules import describe_gate
from aegis.gates.conformal import ConformalGate
from aegis.gates.gain import GainGate
from aegis.gates.rescue import RescueGate
from aegis.gates.schedule import ScheduleGate
from aegis.report.tables import Rule


def gain(
    price: float, recovery: tuple[float, ...] = (1.0, 0.5, 0.0), ruin: float = 0.1
) -> GainGate:
    return GainGate(price, (0, 50, 100), recovery, ruin, score="foresight")


def test_a_gate_without_a_bar_has_no_rule() -> None:
    assert describe_gate(ScheduleGate(0, (3,)), 100, "probe") is None


def test_the_published_gate() -> None:
    assert describe_gate(ConformalGate(0.6), 220, "probe") == Rule("probe", 0.6, 44)
    named = ConformalGate(0.6, score="advantage")
    assert describe_gate(named, 220, "probe") == Rule("advantage", 0.6, 44)
    assert describe_gate(ConformalGate(0.6), 221, "probe") == Rule("probe", 0.6, 45)


@given(st.floats(0.0, 0.8), st.integers(0, 99))
def test_the_gain_at_the_bar_is_the_price(price: float, k: int) -> None:
    rule = describe_gate(gain(price), 100, "probe")
    assert rule is not None
    assert (rule.score, len(rule.bar)) == ("foresight", 100)
    recovery, risk = 1.0 - k / 100, rule.bar[k]
    if math.isnan(risk):
        assert recovery - price <= 1e-9  # not even certain failure is worth it
    else:
        assert risk * recovery - (1 - risk) * 0.1 == pytest.approx(price)


def test_a_gate_of_two_scores_shows_the_risk_without_a_bar() -> None:
    gate = RescueGate(0.2, "foresight", "rescue", guard_fraction=0.15)
    rule = describe_gate(gate, 220, "probe")
    assert rule is not None
    assert (rule.score, rule.guard, rule.bar) == ("foresight", 33, ())
    assert list(rule.pieces(220)) == []


def test_where_strong_neither_recovers_nor_ruins_nothing_pays() -> None:
    rule = describe_gate(gain(0.0, (0, 0, 0), 0.0), 100, "probe")
    assert rule is not None
    assert list(rule.pieces(100)) == []


WITHOUT_SIMULATOR = """
import sys
from pathlib import Path

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("mujoco", "robosuite", "libero", "numba", "torch"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.split(".")[0])

sys.meta_path.insert(0, Missing())
from aegis.app.study.rules import read_rules
from aegis.study.plan.lockfile import read_lock
print(*sorted(read_rules(read_lock(Path(sys.argv[1])))))
"""


def test_rules_of_a_locked_plan_need_no_simulator() -> None:
    study = Path(__file__).resolve().parents[2] / "runs/reference"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SIMULATOR, str(study)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert {"aegis", "rescue"} <= set(done.stdout.split())
