"""The controller in trouble: proposals that fail to come or are rubbish, halts, and the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest

from aegis.core.protocols import Context
from aegis.core.types import Act, Hold, Level, Observation, Proposal, Score, Stop, Tick, Verdict
from aegis.gates.constant import AlwaysGate, NeverGate
from aegis.runtime.session import Session
from tests.core.driven import drive_controller, make_controller
from tests.fakes import KEY, FakeDetector, proposal, tick, toy_observation

BAD = {
    "missing": None,
    "nan": proposal("weak", 0, value=nan),
    "inf": proposal("weak", 0, value=inf),
    "short": proposal("weak", 0, rows=3),
    "wide": proposal("weak", 0, a=4),
    "flat": Proposal("weak", 0, np.zeros(3, np.float32)),
    "future": proposal("weak", 1),
    "past": proposal("weak", -1),
    "forged": proposal("strong", 0),
    "words": Proposal("weak", 0, np.full((8, 3), "left")),  # type: ignore[arg-type]
    "objects": Proposal("weak", 0, np.full((8, 3), None)),  # type: ignore[arg-type]
    "complex": Proposal("weak", 0, np.full((8, 3), 1j)),  # type: ignore[arg-type]
    "scalar": Proposal("weak", 0, np.array(1, np.float32)),
    "fraction": replace(proposal("weak", 0), k0=0.5),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_proposal_holds_asks_again_and_counts_as_risk(name: str) -> None:
    bad = BAD[name]
    session = Session(make_controller(), KEY)
    decision = session.feed(Tick(0, 0, toy_observation(), {} if bad is None else {"weak": bad}))
    assert isinstance(decision.command, Hold)
    assert decision.command.reason.startswith("weak: ")
    assert decision.ask == ("weak",)
    assert np.isnan(decision.scores[0].value)
    assert not decision.boundary


def test_a_non_finite_value_behind_the_executed_rows_does_no_harm() -> None:
    rows = np.zeros((8, 3), np.float32)
    rows[4:] = nan
    chunk = Proposal("weak", 0, rows, {"risk": np.zeros(1, np.float32)})
    assert isinstance(Session(make_controller(), KEY).feed(tick(0, chunk)).command, Act)


def test_an_action_too_large_for_float32_is_not_sent() -> None:
    rows = np.full((8, 3), 1e300)
    command = Session(make_controller(), KEY).feed(tick(0, Proposal("weak", 0, rows))).command
    assert isinstance(command, Hold)


def test_holding_keeps_the_grip_and_stops_the_rest() -> None:
    session = Session(make_controller(), KEY)
    for k in range(4):
        session.feed(tick(k, *([proposal("weak", 0, value=0.5)] if k == 0 else [])))
    hold = session.feed(tick(4)).command
    assert isinstance(hold, Hold)
    np.testing.assert_array_equal(hold.action, np.array([0, 0, 0.5], np.float32))


def test_patience_ends_in_stop_and_stop_is_for_ever() -> None:
    session = Session(make_controller(patience=2, gate=NeverGate()), KEY)
    commands = [session.feed(tick(k)).command for k in range(3)]
    assert [type(c) for c in commands] == [Hold, Hold, Stop]
    after = session.feed(tick(3, proposal("weak", 3)))
    assert isinstance(after.command, Stop)
    assert after.ask == ()


def test_a_silent_weak_policy_is_relieved_once_the_guard_is_past() -> None:
    session = Session(make_controller(patience=50), KEY)
    decisions = []
    for k in range(40):
        chunks = [proposal("strong", k)] if "strong" in session.ask else []
        decisions.append(session.feed(tick(k, *chunks)))
    drivers = [d.mode.active for d in decisions if isinstance(d.command, Act)]
    assert set(drivers) == {"strong"}
    assert decisions[20].next_mode.active == "strong"
    assert decisions[-1].fires == 1  # A missing shadow never releases.


def test_a_halt_stops_at_once() -> None:
    class Halting(AlwaysGate):
        def judge(
            self, state: None, scores: Sequence[Score], context: Context
        ) -> tuple[None, Verdict]:
            return None, Verdict(Level.HALT, "human")

    (decision,) = drive_controller(make_controller(gate=Halting()), 1, 0.0)
    assert isinstance(decision.command, Stop)
    assert decision.command.reason == "gate: human"


def test_a_detector_cannot_call_silence_safe() -> None:
    class Sunny(FakeDetector):
        def update(
            self, state: int, proposal: Proposal | None, obs: Observation
        ) -> tuple[int, Score]:
            return state, Score(self.name, 0.0)

    decision = Session(make_controller(detectors=(Sunny(),)), KEY).feed(tick(0))
    assert np.isnan(decision.scores[0].value)
