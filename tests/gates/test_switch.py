"""Laws of the hysteresis switch."""

from __future__ import annotations

from math import inf, isfinite, nan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aegis.core.errors import ConfigError
from aegis.core.protocols import Context
from aegis.core.types import Level, Mode, Score, Verdict
from aegis.gates.switch import HysteresisSwitch

STAY = Verdict(Level.STAY, "")
FLOATS = st.floats(allow_nan=True, allow_infinity=True)


def next_driver(
    switch: HysteresisSwitch,
    verdict: Verdict,
    values: list[float],
    dwell: int,
    active: str = "strong",
    state: int | None = None,
) -> str:
    context = Context(80, 220, 20, Mode(active, 60), ("weak", "strong"), dwell, 1)
    scores = [Score(str(i), value) for i, value in enumerate(values)]
    return switch.transition(state, verdict, scores, context)[1]


@given(st.sampled_from(Level), st.lists(FLOATS, max_size=3), st.integers(0, 9))
def test_only_a_verdict_hands_over(level: Level, values: list[float], dwell: int) -> None:
    got = next_driver(HysteresisSwitch(0.3), Verdict(level, ""), values, dwell, "weak")
    assert (got == "strong") == (level >= Level.ESCALATE)


@given(st.lists(FLOATS, max_size=3), st.integers(0, 12), st.integers(1, 6), st.integers(0, 6))
@example([nan], 12, 3, 0)
@example([-inf], 12, 3, 0)
@example([0.0, nan], 12, 3, 0)
@example([nan, 0.0], 12, 1, 0)
@example([], 12, 3, 0)
def test_control_returns_only_after_the_stay_and_never_on_unknown_risk(
    values: list[float], dwell: int, hold: int, more: int
) -> None:
    switch = HysteresisSwitch(0.3, hold_chunks=hold, max_chunks=hold + more)
    known = bool(values) and all(isfinite(value) for value in values)
    back = next_driver(switch, STAY, values, dwell) == "weak"
    if dwell < hold or not known:
        assert not back
    elif dwell >= hold + more:
        assert back
    else:
        assert back == (max(values) < 0.3)


@given(st.lists(FLOATS, max_size=3), st.integers(1, 12), st.integers(1, 6))
@example([nan], 2, 2)
def test_an_exact_hold_is_kept_exactly_whatever_the_scores(
    values: list[float], dwell: int, hold: int
) -> None:
    got = next_driver(HysteresisSwitch(0.3), STAY, values, dwell, state=hold)
    assert (got == "weak") == (dwell >= hold)


def test_the_hold_of_a_verdict_is_remembered_until_control_returns() -> None:
    switch = HysteresisSwitch(0.3)
    weak = Context(80, 220, 20, Mode("weak", 0), ("weak", "strong"), 4, 0)
    state, _ = switch.transition(None, Verdict(Level.ESCALATE, "", 2), (), weak)
    assert state == 2
    strong = [Context(84, 220, 21, Mode("strong", 84), ("weak", "strong"), d, 1) for d in (1, 2)]
    assert switch.transition(state, STAY, (), strong[0]) == (2, "strong")
    assert switch.transition(state, STAY, (), strong[1]) == (None, "weak")


def test_a_gate_that_still_wants_the_strong_policy_keeps_it() -> None:
    assert next_driver(HysteresisSwitch(0.3), Verdict(Level.ESCALATE, ""), [0.0], 9) == "strong"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hold_chunks": 0}, "hold_chunks must be at least 1"),
        ({"max_chunks": 2}, "max_chunks must be at least hold_chunks 3"),
        ({"release": nan}, "release must be a number"),
        ({"release": 0.6, "threshold": 0.5}, "must not exceed the gate's threshold"),
    ],
)
def test_settings_that_make_no_hysteresis_are_refused(
    changes: dict[str, float], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        HysteresisSwitch(**({"release": 0.3} | changes))  # type: ignore[arg-type]


@given(st.lists(FLOATS, max_size=3), st.sampled_from(["0", "2", "nobody"]), st.integers(0, 12))
@example([0.0, nan], "0", 9)
@example([0.0], "nobody", 9)
def test_a_named_score_alone_gives_control_back(values: list[float], name: str, dwell: int) -> None:
    known = [value for i, value in enumerate(values) if str(i) == name]
    got = next_driver(HysteresisSwitch(0.3, score=name), STAY, values, dwell)
    assert got == next_driver(HysteresisSwitch(0.3), STAY, known, dwell)
