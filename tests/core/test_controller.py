"""Laws of the controller, under generated proposals that come, fail to come, or are rubbish."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aegis.core.controller import Controller
from aegis.core.errors import ConfigError, TraceError, UnknownNameError
from aegis.core.protocols import Context
from aegis.core.types import (
    Act,
    Decision,
    Hold,
    Level,
    Observation,
    Proposal,
    Score,
    Stop,
    Tick,
    Verdict,
)
from aegis.gates.conformal import ConformalGate
from aegis.gates.constant import AlwaysGate, NeverGate
from aegis.gates.schedule import ScheduleGate
from aegis.gates.switch import HysteresisSwitch
from aegis.run.session import Session
from tests.fakes import KEY, FakeDetector, proposal, tick, toy_embodiment, toy_observation

NAN, INF = float("nan"), float("inf")
HORIZON = 100


def controller(**changes: object) -> Controller:
    parts: dict[str, object] = {
        "embodiment": toy_embodiment(),
        "weak": "weak",
        "strong": "strong",
        "execute": {"weak": 4, "strong": 4},
        "horizon": HORIZON,
        "detectors": (FakeDetector(),),
        "gate": ConformalGate(threshold=0.5),
        "switch": HysteresisSwitch(release=0.3),
        "patience": 3,
        "first": "weak",
    }
    return Controller(**(parts | changes))  # type: ignore[arg-type]


def drive(
    parts: Controller, ticks: int, risk: float | list[float], value: float = 0.5
) -> list[Decision]:
    """Answers every question at once; the risk may change from tick to tick."""
    session = Session(parts, KEY)
    decisions = []
    for k in range(ticks):
        now = risk if isinstance(risk, float) else risk[k % len(risk)]
        chunks = [proposal(name, k, value=value, risk=now) for name in session.ask]
        decisions.append(session.feed(tick(k, *chunks)))
    return decisions


def stays(decisions: list[Decision]) -> list[tuple[str, int]]:
    """Who drove, and for how many chunks, in order."""
    out: list[tuple[str, int]] = []
    for d in decisions:
        if d.boundary and out and out[-1][0] == d.mode.active:
            out[-1] = (d.mode.active, out[-1][1] + 1)
        elif d.boundary:
            out.append((d.mode.active, 1))
    return out


# --- A chunk ---------------------------------------------------------------------------------


def test_a_chunk_is_asked_for_at_its_first_tick_and_executed_row_by_row() -> None:
    session = Session(controller(), KEY)
    assert session.ask == ("weak",)
    rows = np.linspace(0, 1, 24, dtype=np.float32).reshape(8, 3)
    chunk = Proposal("weak", 0, rows, {"risk": np.zeros(1, np.float32)})
    decisions = [session.feed(tick(k, *([chunk] if k == 0 else []))) for k in range(4)]
    assert [d.ask for d in decisions] == [(), (), (), ("weak",)]
    assert [d.boundary for d in decisions] == [True, False, False, False]
    for d, row in zip(decisions, rows[:4], strict=True):
        assert isinstance(d.command, Act)
        np.testing.assert_array_equal(d.command.action, row)


def test_actions_are_clipped_to_the_limits() -> None:
    (decision,) = drive(controller(), 1, 0.0, value=7.0)
    np.testing.assert_array_equal(decision.command.action, [1, 1, 1])


def test_a_late_proposal_skips_its_stale_rows() -> None:
    session = Session(controller(), KEY)
    rows = np.arange(24, dtype=np.float32).reshape(8, 3) / 24
    chunk = Proposal("weak", 0, rows, {"risk": np.zeros(1, np.float32)})
    assert isinstance(session.feed(tick(0)).command, Hold)
    assert isinstance(session.feed(tick(1)).command, Hold)
    late = session.feed(tick(2, chunk))
    np.testing.assert_array_equal(late.command.action, rows[2])
    assert session.feed(tick(5)).ask == ("weak",)


# --- Trouble ----------------------------------------------------------------------------------

BAD = {
    "missing": None,
    "nan": proposal("weak", 0, value=NAN),
    "inf": proposal("weak", 0, value=INF),
    "short": proposal("weak", 0, rows=3),
    "wide": proposal("weak", 0, a=4),
    "flat": Proposal("weak", 0, np.zeros(3, np.float32)),
    "future": proposal("weak", 1),
    "past": proposal("weak", -1),
    "forged": proposal("strong", 0),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_proposal_holds_asks_again_and_counts_as_risk(name: str) -> None:
    bad = BAD[name]
    session = Session(controller(), KEY)
    decision = session.feed(Tick(0, 0, toy_observation(), {} if bad is None else {"weak": bad}))
    assert isinstance(decision.command, Hold)
    assert decision.command.reason.startswith("weak: ")
    assert decision.ask == ("weak",)
    assert np.isnan(decision.scores[0].value)
    assert not decision.boundary


def test_a_non_finite_value_behind_the_executed_rows_does_no_harm() -> None:
    rows = np.zeros((8, 3), np.float32)
    rows[4:] = NAN
    chunk = Proposal("weak", 0, rows, {"risk": np.zeros(1, np.float32)})
    assert isinstance(Session(controller(), KEY).feed(tick(0, chunk)).command, Act)


def test_an_action_too_large_for_float32_is_not_sent() -> None:
    rows = np.full((8, 3), 1e300)
    command = Session(controller(), KEY).feed(tick(0, Proposal("weak", 0, rows))).command
    assert isinstance(command, Hold)


def test_holding_keeps_the_grip_and_stops_the_rest() -> None:
    session = Session(controller(), KEY)
    for k in range(4):
        session.feed(tick(k, *([proposal("weak", 0, value=0.5)] if k == 0 else [])))
    hold = session.feed(tick(4)).command
    assert isinstance(hold, Hold)
    np.testing.assert_array_equal(hold.action, np.array([0, 0, 0.5], np.float32))


def test_patience_ends_in_stop_and_stop_is_for_ever() -> None:
    session = Session(controller(patience=2, gate=NeverGate()), KEY)
    commands = [session.feed(tick(k)).command for k in range(3)]
    assert [type(c) for c in commands] == [Hold, Hold, Stop]
    after = session.feed(tick(3, proposal("weak", 3)))
    assert isinstance(after.command, Stop)
    assert after.ask == ()


def test_a_silent_weak_policy_is_relieved_once_the_guard_is_past() -> None:
    session = Session(controller(patience=50), KEY)
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

    (decision,) = drive(controller(gate=Halting()), 1, 0.0)
    assert isinstance(decision.command, Stop)
    assert decision.command.reason == "gate: human"


def test_ticks_must_ascend() -> None:
    session = Session(controller(), KEY)
    session.feed(tick(0, proposal("weak", 0)))
    with pytest.raises(TraceError, match="Tick 0 came after tick 0"):
        session.feed(tick(0))


def test_a_skipped_tick_skips_its_row() -> None:
    session = Session(controller(), KEY)
    rows = np.arange(24, dtype=np.float32).reshape(8, 3) / 24
    session.feed(tick(0, Proposal("weak", 0, rows, {"risk": np.zeros(1, np.float32)})))
    np.testing.assert_array_equal(session.feed(tick(2)).command.action, rows[2])


# --- Handing over -----------------------------------------------------------------------------


def test_a_fire_takes_effect_at_the_next_boundary_and_loses_no_tick() -> None:
    decisions = drive(controller(), 40, 0.9)
    assert all(isinstance(d.command, Act) for d in decisions)
    fired = decisions[20]
    assert fired.verdict.level is Level.ESCALATE
    assert (fired.mode.active, fired.next_mode.active, fired.next_mode.since_k) == (
        "weak", "strong", 24,
    )  # fmt: skip
    assert [d.mode.active for d in decisions[20:28]] == ["weak"] * 4 + ["strong"] * 4
    assert decisions[23].ask == ("strong", "weak")
    assert [d.fires for d in decisions[18:22]] == [0, 0, 1, 1]


def test_control_returns_after_the_least_stay_when_risk_is_low() -> None:
    risks = [0.9] * 24 + [0.0] * 76
    assert stays(drive(controller(), 100, risks)) == [("weak", 6), ("strong", 3), ("weak", 16)]


@pytest.mark.parametrize("risk", [NAN, INF, 0.3, 0.4])
def test_control_stays_while_the_shadow_is_not_safe(risk: float) -> None:
    assert stays(drive(controller(), 100, [0.9] * 24 + [risk] * 76))[-1] == ("strong", 19)


def test_an_exact_hold_overrides_the_scores() -> None:
    gate = ScheduleGate(start_tick=8, holds=(2,), period=12, order="cycle")
    got = stays(drive(controller(gate=gate, detectors=()), 60, 0.0))
    assert got == [("weak", 3), ("strong", 2), ("weak", 4), ("strong", 2), ("weak", 4)]


def test_a_gate_without_scores_asks_for_no_shadow() -> None:
    gate = ScheduleGate(start_tick=0, holds=(5,))
    decisions = drive(controller(gate=gate), 24, 0.9)
    assert {d.ask for d in decisions} == {(), ("weak",), ("strong",)}


def test_a_strong_only_arm_never_asks_the_weak_policy() -> None:
    decisions = drive(controller(gate=NeverGate(), first="strong"), 60, 0.0)
    assert {d.ask for d in decisions} == {(), ("strong",)}
    assert stays(decisions) == [("strong", 15)]


def test_a_detector_cannot_call_silence_safe() -> None:
    class Sunny(FakeDetector):
        def update(
            self, state: int, proposal: Proposal | None, obs: Observation
        ) -> tuple[int, Score]:
            return state, Score(self.name, 0.0)

    decision = Session(controller(detectors=(Sunny(),)), KEY).feed(tick(0))
    assert np.isnan(decision.scores[0].value)


# --- Laws -------------------------------------------------------------------------------------

FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)


@st.composite
def answers(draw: st.DrawFn) -> list[dict[str, tuple[int, int, float, float]]]:
    """What comes at each tick: name to (lateness, rows, value, risk)."""
    chunk = st.tuples(st.integers(-1, 6), st.integers(0, 9), FLOATS, FLOATS)
    one = st.dictionaries(st.sampled_from(["weak", "strong"]), chunk, max_size=2)
    return draw(st.lists(one, min_size=1, max_size=60))


def replayed(
    script: list[dict[str, tuple[int, int, float, float]]], parts: Controller
) -> list[Decision]:
    session = Session(parts, KEY)
    out = []
    for k, chunks in enumerate(script):
        made = [
            proposal(name, k - late, rows=rows, value=value, risk=risk)
            for name, (late, rows, value, risk) in chunks.items()
        ]
        out.append(session.feed(tick(k, *made)))
    return out


GOOD = {"weak": (0, 8, 0.5, 0.9), "strong": (0, 8, 0.5, 0.0)}


@given(answers())
@example([{"weak": (0, 8, NAN, 0.0)}] * 30)
@example([{"weak": (0, 8, INF, 0.0)}] * 30)
@example([GOOD, {}, {}, {}, {"weak": (0, 8, -INF, NAN)}])
@settings(max_examples=150, deadline=None)
def test_a_command_is_always_finite_and_within_the_limits(script: list) -> None:
    robot = toy_embodiment()
    for d in replayed(script, controller()):
        action = d.command.action
        assert action.dtype == np.float32
        assert action.shape == (3,)
        assert np.isfinite(action).all()
        assert ((action >= robot.low) & (action <= robot.high)).all()
        assert not action.flags.writeable


@given(answers())
@settings(max_examples=60, deadline=None)
def test_record_and_replay_are_bit_identical(script: list) -> None:
    def row(d: Decision) -> str:
        action = (type(d.command).__name__, d.command.action.tobytes())
        return repr((d.k, action, d.ask, d.mode, d.next_mode, d.scores, d.verdict, d.fires))

    first, second = replayed(script, controller()), replayed(script, controller())
    assert [row(d) for d in first] == [row(d) for d in second]


@given(st.lists(FLOATS, min_size=25, max_size=25))
@example([NAN] * 25)
@example([INF] * 25)
@example([0.9] * 8 + [NAN] * 17)
@example([0.9, 0.0] * 12 + [0.9])
@settings(max_examples=150, deadline=None)
def test_guard_cap_and_dwell_are_respected_for_any_scores(risks: list[float]) -> None:
    per_tick = [risk for risk in risks for _ in range(4)]
    decisions = drive(controller(), HORIZON, per_tick)
    fired = [b.k for a, b in pairwise(decisions) if b.fires > a.fires]
    assert all(k >= 0.20 * HORIZON for k in fired)
    assert decisions[-1].fires <= 5
    *closed, _ = stays(decisions)
    assert all(n >= 3 for who, n in closed if who == "strong")


@given(st.lists(FLOATS, min_size=25, max_size=25))
@example([NAN] * 25)
@settings(max_examples=100, deadline=None)
def test_unknown_risk_is_never_safe(risks: list[float]) -> None:
    per_tick = [risk for risk in risks for _ in range(4)]
    for d in drive(controller(), HORIZON, per_tick):
        if not d.scores or not np.isnan(d.scores[0].value):
            continue
        open_now = d.k >= 20 and (d.fires < 5 or d.next_mode.active == "strong")
        if d.mode.active == "weak" and open_now:
            assert d.next_mode.active == "strong"
        if d.mode.active == "strong":
            assert d.next_mode.active == "strong"


@given(st.lists(st.floats(0, 1), min_size=25, max_size=25), st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_the_first_fire_comes_no_later_when_scores_rise(risks: list[float], lift: float) -> None:
    def first_fire(values: list[float]) -> int:
        per_tick = [value for value in values for _ in range(4)]
        return next((d.k for d in drive(controller(), HORIZON, per_tick) if d.fires), HORIZON)

    assert first_fire([risk + lift for risk in risks]) <= first_fire(risks)


@given(st.lists(FLOATS, min_size=25, max_size=25))
@settings(max_examples=50, deadline=None)
def test_the_state_is_not_changed_in_place(risks: list[float]) -> None:
    parts = controller()
    state, ask = parts.begin(KEY)
    for k in range(25):
        now = tick(k, *(proposal(name, k, risk=risks[k]) for name in ask))
        forked, once = parts.step(state, now)
        _, twice = parts.step(state, now)
        assert repr(once.scores) == repr(twice.scores)
        assert once.command.action.tobytes() == twice.command.action.tobytes()
        state, ask = forked, once.ask


# --- Construction -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"strong": "weak"}, ConfigError, "different names"),
        ({"first": "other"}, UnknownNameError, "Allowed: weak, strong"),
        ({"execute": {"weak": 4}}, ConfigError, "execute.strong must be at least 1"),
        ({"execute": {"weak": 0, "strong": 1}}, ConfigError, "execute.weak"),
        ({"horizon": 0}, ConfigError, "horizon must be at least 1"),
        ({"patience": -1}, ConfigError, "patience must not be negative"),
        ({"detectors": (FakeDetector(), FakeDetector())}, ConfigError, "different names"),
        ({"detectors": ()}, ConfigError, "there is no detector"),
    ],
)
def test_parts_that_cannot_work_together_are_refused(
    changes: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        controller(**changes)


def test_the_switch_may_name_only_the_two_policies() -> None:
    class Lost(HysteresisSwitch):
        def transition(
            self, state: int | None, verdict: Verdict, scores: Sequence[Score], context: Context
        ) -> tuple[None, str]:
            return None, "nobody"

    with pytest.raises(UnknownNameError, match="nobody"):
        drive(controller(switch=Lost(release=0.1)), 1, 0.0)
