"""A person on the ladder: called, waited for or stood in for, and relieved by the weak policy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.controller import Controller
from aegis.core.errors import ConfigError
from aegis.core.ladder import Ladder, Rung
from aegis.core.types import F32, OPERATOR, Act, Hold, PolicyId, Stop
from tests.core.late import drive_late
from tests.core.late_parts import EXECUTED, check_rows, make_late

WEAK = Rung("weak", EXECUTED, lead=4)
PERSON = Rung("person", 1, person=True)
HAND = np.array([0.3, -0.2, 0.1], np.float32)
CALLED_AT = 23
"""Boundary at which the gate of ``make_late`` hands over first; the first chunk is waited for."""


def make_called(fallback: PolicyId | None, patience: int = 1000) -> Controller:
    return make_late(ladder=Ladder((WEAK, PERSON), fallback), patience=patience)


def answer(rung: PolicyId, k: int) -> int | None:
    return None if rung == "person" else 3


def test_who_is_called_is_stood_in_for_without_a_pause() -> None:
    drive = drive_late(make_called("weak"), 100, answer)
    assert [k for k in drive.list_holds() if k > 4] == []
    check_rows(drive.decisions)
    called = [one.k for one in drive.decisions if one.next_mode.active == "person"]
    assert called[0] == CALLED_AT
    assert {one.mode.active for one in drive.decisions} == {"weak"}


def test_without_a_fallback_the_robot_waits_and_gives_up() -> None:
    drive = drive_late(make_called(None, patience=12), 60, answer)
    begin = CALLED_AT + EXECUTED
    waited = drive.decisions[begin : begin + 12]
    assert all(isinstance(one.command, Hold) for one in waited)
    assert {one.mode.active for one in waited} == {"person"}
    assert isinstance(drive.decisions[begin + 12].command, Stop)


@given(come=st.integers(CALLED_AT, 60), stay=st.integers(1, 30), fallback=st.booleans())
def test_who_takes_over_is_relieved_by_the_watched_policy(
    come: int, stay: int, fallback: bool
) -> None:
    def operate(k: int) -> F32 | None:
        return HAND if come <= k < come + stay else None

    parts = make_called("weak" if fallback else None)
    decisions = drive_late(parts, 130, answer, operator=operate).decisions
    for one in decisions[come : come + stay]:
        assert one.mode.active == OPERATOR
        np.testing.assert_array_equal(one.command.action, HAND)
        assert one.next_mode.active in (OPERATOR, "weak")
    driven = [one for one in decisions[come + stay :] if isinstance(one.command, Act)]
    assert driven[0].mode.active == "weak"
    check_rows(decisions)


def test_a_person_between_two_policies_is_climbed_to() -> None:
    rungs = (WEAK, PERSON, Rung("strong", EXECUTED, lead=4))
    parts = make_late(ladder=Ladder(rungs, "weak"))
    assert parts.strong == "strong"
    names = {one.next_mode.active for one in drive_late(parts, 60, answer).decisions}
    assert names == {"weak", "person"}


@pytest.mark.parametrize(
    ("rungs", "fallback", "message"),
    [
        ((PERSON, WEAK), None, "weakest rung is 'person', a person"),
        ((WEAK, PERSON), "person", "fallback is 'person', a person"),
    ],
)
def test_a_person_is_neither_watched_nor_a_fallback(
    rungs: tuple[Rung, ...], fallback: PolicyId | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Ladder(rungs, fallback)


def test_a_person_is_not_asked_ahead_and_does_not_begin() -> None:
    with pytest.raises(ConfigError, match=r"lead\.person must be 0"):
        replace(PERSON, lead=4)
    with pytest.raises(ConfigError, match="first is 'person', a person"):
        replace(make_called("weak"), first="person")
