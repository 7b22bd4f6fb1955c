"""A person takes over and lets go, a stop is for good, and nothing old is acted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import nan

import numpy as np
import pytest

from aegis.core.types import F32, OPERATOR, Hold, Proposal, Stop
from tests.core.late import drive_late
from tests.core.late_parts import check_rows, make_late


def operate(first: int, last: int) -> Callable[[int], F32 | None]:
    return lambda k: np.array([0.3, -7, 0.1], np.float32) if first <= k < last else None


@pytest.mark.parametrize("first", [0, 3, 40, 47, 50])
@pytest.mark.parametrize("stay", [1, 5, 31])
def test_a_person_drives_at_once_and_lets_go_without_a_pause(first: int, stay: int) -> None:
    parts, latency = make_late(lead=8), {"weak": 7, "strong": 7}
    drive = drive_late(parts, 200, latency, operator=operate(first, first + stay))
    check_rows(drive.decisions)
    for one in drive.decisions[first : first + stay]:
        assert one.mode.active == OPERATOR
        assert one.mode.since_k == first
        np.testing.assert_array_equal(
            one.command.action, np.array([0.3, -1, 0.1], np.float32), "clipped"
        )
        assert one.verdict.reason == "operator drives"
        assert not one.boundary
    if stay > 20:
        assert all(k < first + stay or k < 8 for k in drive.list_holds())
    assert all(k < first + stay + 8 for k in drive.list_holds())
    assert {one.mode.active for one in drive.decisions[first + stay + 8 :]} >= {"weak"}


def test_a_person_in_a_world_that_waits_lets_go_without_a_pause() -> None:
    drive = drive_late(make_late(lead=0), 100, {"weak": 0, "strong": 0}, operator=operate(33, 37))
    assert drive.list_holds() == []
    check_rows(drive.decisions)


def test_rows_that_a_person_voided_are_not_executed_later() -> None:
    """A policy that begins with the committed rows answers after a person has taken over."""

    def begin_with_committed(chunk: Proposal) -> Proposal:
        actions = chunk.actions.copy()
        actions[:, 2] = -0.5 if chunk.k0 == asked_at else 0.5
        return replace(chunk, actions=actions)

    parts, latency = make_late(lead=8), {"weak": 7, "strong": 7}
    asked_at = next(k for _, k in drive_late(parts, 60, latency).asked if k > 20)
    rungs = tuple(replace(rung, from_due=True) for rung in parts.ladder.rungs)
    parts = replace(parts, ladder=replace(parts.ladder, rungs=rungs))
    hand = operate(asked_at + 2, asked_at + 3)
    drive = drive_late(parts, 100, latency, operator=hand, spoil=begin_with_committed)
    assert asked_at in {k for _, k in drive.asked}
    after = drive.decisions[asked_at + 3 :]
    assert not any(one.command.action[2] == -0.5 for one in after)
    assert any(one.boundary for one in after)


@pytest.mark.parametrize(
    "action", [np.array([nan, 0, 0], np.float32), np.zeros(2, np.float32), np.zeros((1, 3))]
)
def test_what_is_no_action_of_a_person_is_not_sent(action: np.ndarray) -> None:
    parts = make_late(lead=0)
    drive = drive_late(parts, 3, {"weak": 0}, operator=lambda k: action if k == 1 else None)
    assert isinstance(drive.decisions[1].command, Hold)
    assert drive.decisions[1].mode.active == OPERATOR


# Stop, and observations that are too old.


@pytest.mark.parametrize("when", [0, 5, 20, 21])
def test_a_stop_works_at_any_tick_and_stays(when: int) -> None:
    stop = lambda k: "pressed" if k == when else ""  # noqa: E731
    drive = drive_late(
        make_late(), 60, {"weak": 2, "strong": 2}, stop=stop, operator=operate(18, 30)
    )
    for one in drive.decisions[when:]:
        assert isinstance(one.command, Stop)
        assert one.command.reason == "stop: pressed"
        assert one.ask == ()


@pytest.mark.parametrize("age", [51_000_000, -51_000_000])
def test_an_observation_too_old_or_from_the_future_is_not_acted_on(age: int) -> None:
    parts = make_late(lead=0, stale_after=50_000_000)
    drive = drive_late(
        parts, 60, {"weak": 0, "strong": 0}, age=lambda k: age if 13 <= k < 16 else 50_000_000
    )
    assert drive.list_holds() == [13, 14, 15]
    assert drive.decisions[13].command.reason == f"observation is {age} ns old, limit 50000000 ns"
    check_rows(drive.decisions)
