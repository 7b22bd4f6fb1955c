"""Ladder: what is refused, and a gate that climbs it rung by rung, or to a rung by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.ladder import Ladder, Rung
from aegis.core.protocols import Context
from aegis.core.types import EpisodeKey, Level, Score, Verdict
from aegis.gates.constant import NeverGate
from aegis.gates.switch import HysteresisSwitch
from aegis.runtime.session import Session
from tests.core.driven import make_controller
from tests.fakes import KEY, proposal, tick

PAIR = (Rung("weak", 4), Rung("strong", 4))


@pytest.mark.parametrize(
    ("rungs", "message"),
    [
        ((), "needs rungs"),
        ((Rung("weak", 4), Rung("weak", 5)), "different names"),
    ],
)
def test_a_ladder_has_different_rungs(rungs: tuple[Rung, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Ladder(rungs, None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"execute": 0}, "execute.weak must be at least 1"),
        ({"lead": -1}, "lead.weak must not be negative"),
        ({"min_rows": 0}, "min_rows.weak must lie between 1 and execute, 4"),
        ({"min_rows": 5}, "min_rows.weak must lie between 1 and execute, 4"),
        ({"name": "operator"}, "cannot be named 'operator'"),
        ({"name": ""}, "cannot be named ''"),
    ],
)
def test_a_rung_has_numbers_that_make_sense(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Rung(**({"name": "weak", "execute": 4} | settings))


def test_the_fallback_is_a_rung() -> None:
    with pytest.raises(UnknownNameError, match="Allowed: weak, strong"):
        Ladder(PAIR, fallback="safe")


def test_a_pair_needs_the_rows_of_both() -> None:
    with pytest.raises(ConfigError, match=r"execute\.strong must be at least 1"):
        Ladder.pair("weak", "strong", {"weak": 4})


@pytest.mark.parametrize("lead", [4, 9])
def test_a_lead_that_no_chunk_lasts_for_is_refused(lead: int) -> None:
    ladder = Ladder((Rung("weak", 4), Rung("strong", 9, lead=lead)), None)
    with pytest.raises(ConfigError, match="less than the shortest chunk"):
        make_controller(ladder=ladder)
    make_controller(ladder=ladder, coast=lead - 3)


@dataclass(frozen=True)
class PlannedGate:
    """Says at chunk i what it is told to."""

    verdicts: tuple[Verdict, ...]
    needs_scores: bool = False

    def start(self, key: EpisodeKey) -> None:
        return None

    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple[None, Verdict]:
        stay = Verdict(Level.STAY, "nothing planned")
        return None, (*self.verdicts, *[stay] * 99)[context.chunk]


UP, STAY = Verdict(Level.ESCALATE, "up"), Verdict(Level.STAY, "stay")
THREE = Ladder((Rung("weak", 4), Rung("middle", 4), Rung("strong", 4)), None)


def list_drivers(verdicts: Sequence[Verdict], chunks: int) -> tuple[list[str], int]:
    gate, switch = PlannedGate(tuple(verdicts)), HysteresisSwitch(float("-inf"))
    parts = make_controller(ladder=THREE, gate=gate, switch=switch, detectors=())
    session, drivers, fires = Session(parts, KEY), [], 0
    for k in range(4 * chunks):
        decision = session.feed(tick(k, *(proposal(name, k) for name in session.ask)))
        fires = decision.fires
        if decision.boundary:
            drivers.append(decision.mode.active)
    return drivers, fires


def test_a_gate_climbs_one_rung_at_a_time() -> None:
    drivers, fires = list_drivers([STAY, UP, UP, STAY], 5)
    assert drivers == ["weak", "weak", "middle", "strong", "strong"]
    assert fires == 2


def test_the_top_is_the_end() -> None:
    drivers, fires = list_drivers([UP] * 4, 5)
    assert drivers == ["weak", "middle", "strong", "strong", "strong"]
    assert fires == 2


def test_a_gate_names_its_target() -> None:
    to_strong = Verdict(Level.ESCALATE, "far up", target="strong")
    drivers, fires = list_drivers([to_strong, STAY], 3)
    assert drivers == ["weak", "strong", "strong"]
    assert fires == 1


def test_a_target_that_is_no_rung_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Allowed: weak, middle, strong"):
        list_drivers([Verdict(Level.ESCALATE, "where?", target="stronk")], 2)


def test_a_stay_of_a_middle_rung_ends_at_the_bottom() -> None:
    drivers, _ = list_drivers([Verdict(Level.ESCALATE, "for two", hold=2)], 5)
    assert drivers == ["weak", "middle", "middle", "weak", "weak"]


def test_one_rung_drives_alone() -> None:
    parts = make_controller(ladder=Ladder((Rung("weak", 4),), None), gate=NeverGate(), detectors=())
    session = Session(parts, KEY)
    for k in range(12):
        decision = session.feed(tick(k, *(proposal(name, k) for name in session.ask)))
        assert decision.mode.active == "weak"
        assert decision.fires == 0
