"""Laws of the controller, under generated proposals that come, fail to come, or are rubbish."""

from __future__ import annotations

from itertools import pairwise
from math import inf, nan

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aegis.core.controller import Controller
from aegis.core.types import Decision
from aegis.runtime.session import Session
from tests.core.driven import HORIZON, drive_controller, list_stays, make_controller
from tests.fakes import KEY, proposal, tick, toy_embodiment

FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)


@st.composite
def draw_answers(draw: st.DrawFn) -> list[dict[str, tuple[int, int, float, float]]]:
    """What comes at each tick: name to (lateness, rows, value, risk)."""
    chunk = st.tuples(st.integers(-1, 6), st.integers(0, 9), FLOATS, FLOATS)
    one = st.dictionaries(st.sampled_from(["weak", "strong"]), chunk, max_size=2)
    return draw(st.lists(one, min_size=1, max_size=60))


def replay_answers(
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


@given(draw_answers())
@example([{"weak": (0, 8, nan, 0.0)}] * 30)
@example([{"weak": (0, 8, inf, 0.0)}] * 30)
@example([GOOD, {}, {}, {}, {"weak": (0, 8, -inf, nan)}])
@settings(max_examples=150, deadline=None)
def test_a_command_is_always_finite_and_within_the_limits(script: list) -> None:
    robot = toy_embodiment()
    for d in replay_answers(script, make_controller()):
        action = d.command.action
        assert action.dtype == np.float32
        assert action.shape == (3,)
        assert np.isfinite(action).all()
        assert ((action >= robot.low) & (action <= robot.high)).all()
        assert not action.flags.writeable


@given(draw_answers())
@settings(max_examples=60, deadline=None)
def test_record_and_replay_are_bit_identical(script: list) -> None:
    def row(d: Decision) -> str:
        action = (type(d.command).__name__, d.command.action.tobytes())
        return repr((d.k, action, d.ask, d.mode, d.next_mode, d.scores, d.verdict, d.fires))

    first, second = (
        replay_answers(script, make_controller()),
        replay_answers(script, make_controller()),
    )
    assert [row(d) for d in first] == [row(d) for d in second]


@given(st.lists(FLOATS, min_size=25, max_size=25))
@example([nan] * 25)
@example([inf] * 25)
@example([0.9] * 8 + [nan] * 17)
@example([0.9, 0.0] * 12 + [0.9])
@settings(max_examples=150, deadline=None)
def test_guard_cap_and_dwell_are_respected_for_any_scores(risks: list[float]) -> None:
    per_tick = [risk for risk in risks for _ in range(4)]
    decisions = drive_controller(make_controller(), HORIZON, per_tick)
    fired = [b.k for a, b in pairwise(decisions) if b.fires > a.fires]
    assert all(k >= 0.20 * HORIZON for k in fired)
    assert decisions[-1].fires <= 5
    *closed, _ = list_stays(decisions)
    assert all(n >= 3 for who, n in closed if who == "strong")


@given(st.lists(FLOATS, min_size=25, max_size=25))
@example([nan] * 25)
@settings(max_examples=100, deadline=None)
def test_unknown_risk_is_never_safe(risks: list[float]) -> None:
    per_tick = [risk for risk in risks for _ in range(4)]
    for d in drive_controller(make_controller(), HORIZON, per_tick):
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
        return next(
            (d.k for d in drive_controller(make_controller(), HORIZON, per_tick) if d.fires),
            HORIZON,
        )

    assert first_fire([risk + lift for risk in risks]) <= first_fire(risks)


@given(st.lists(FLOATS, min_size=25, max_size=25))
@settings(max_examples=50, deadline=None)
def test_the_state_is_not_changed_in_place(risks: list[float]) -> None:
    parts = make_controller()
    state, ask = parts.begin(KEY)
    for k in range(25):
        now = tick(k, *(proposal(name, k, risk=risks[k]) for name in ask))
        forked, once = parts.step(state, now)
        _, twice = parts.step(state, now)
        assert repr(once.scores) == repr(twice.scores)
        assert once.command.action.tobytes() == twice.command.action.tobytes()
        state, ask = forked, once.ask
