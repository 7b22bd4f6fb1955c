"""Lead: policies that think for some ticks drive without a pause, and every row is for its tick."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.controller import Controller
from aegis.core.ladder import Ladder, Rung
from aegis.core.types import OPERATOR, Decision, Hold, PolicyId, Proposal, Stop
from aegis.gates.constant import NeverGate
from aegis.gates.schedule import ScheduleGate
from tests.core.driven import make_controller
from tests.core.late import PERIOD, drive_late, propose, with_leads
from tests.core.late_parts import EXECUTED, TICKS, check_rows, make_late


@pytest.mark.parametrize("latency", [1, 4, 8])
def test_neither_chunks_nor_hand_overs_cost_a_tick(latency: int) -> None:
    drive = drive_late(make_late(lead=8), TICKS, {"weak": latency, "strong": latency})
    check_rows(drive.decisions)
    assert drive.list_holds() == list(range(latency)), "just the wait for the first answer"
    drivers = {one.mode.active for one in drive.decisions}
    assert drivers == {"weak", "strong"}
    assert drive.decisions[-1].fires > 3
    assert drive.refused == 0, "nobody is asked who still thinks"


def test_without_a_lead_each_chunk_costs_the_latency() -> None:
    drive = drive_late(make_late(lead=0), TICKS, {"weak": 4, "strong": 4})
    assert len(drive.list_holds()) > 0.2 * TICKS
    check_rows(drive.decisions)


def test_a_lead_too_short_holds_and_coasting_fills_the_gap() -> None:
    latency = {"weak": 8, "strong": 8}
    short = drive_late(make_late(lead=5), TICKS, latency)
    coasting = drive_late(make_late(lead=5, coast=4), TICKS, latency)
    check_rows([*short.decisions, *coasting.decisions])
    assert len(short.list_holds()) > 50
    assert coasting.list_holds() == list(range(8))


def test_the_driver_s_name_changes_when_its_chunk_starts() -> None:
    drive = drive_late(make_late(lead=5, coast=4), TICKS, {"weak": 8, "strong": 8})
    for before, now in zip(drive.decisions, drive.decisions[1:], strict=False):
        if before.mode.active != now.mode.active:
            assert now.boundary, f"tick {now.k}: a spare row of {before.mode.active} ran"


def test_waiting_is_no_risk_and_lateness_is() -> None:
    gate = {"gate": make_controller().gate, "detectors": make_controller().detectors}
    parts = make_late(lead=8, patience=100, **gate)
    in_time = drive_late(parts, TICKS, {"weak": 7, "strong": 7})
    assert not any(np.isnan(s.value) for one in in_time.decisions for s in one.scores)
    assert {one.mode.active for one in in_time.decisions} == {"weak"}
    late = drive_late(parts, 60, {"weak": 12, "strong": 7})
    first = next(one for one in late.decisions if one.scores)
    assert first.k == 8, "the lead is over"
    assert np.isnan(first.scores[0].value)


def test_waiting_is_no_impatience() -> None:
    parts = make_late(lead=8, patience=0)
    drive = drive_late(parts, 40, {"weak": 8, "strong": 8})
    assert not any(isinstance(one.command, Stop) for one in drive.decisions)
    silent = drive_late(parts, 40, lambda *_: None)
    assert isinstance(silent.decisions[8].command, Stop)


def test_an_answer_that_never_comes_is_asked_for_again() -> None:
    lost = lambda _, k: None if k == 0 else 3  # noqa: E731
    drive = drive_late(make_late(lead=4, gate=NeverGate(), patience=50), 60, lost)
    # The process is still busy with the first question: it is asked again and again, in vain.
    assert drive.refused >= 3
    assert all(isinstance(one.command, Hold) for one in drive.decisions[:50])


def test_an_answer_of_no_use_is_asked_for_again_at_once() -> None:
    def spoil(chunk: Proposal) -> Proposal:
        return replace(chunk, actions=chunk.actions * np.float32(nan)) if chunk.k0 == 2 else chunk

    parts = make_late(lead=8, gate=NeverGate(), patience=50)
    drive = drive_late(parts, 60, {"weak": 3}, spoil=spoil)
    assert drive.asked[:3] == [("weak", 0), ("weak", 5), ("weak", 15)]
    bad = drive_late(
        parts, 60, {"weak": 3}, spoil=lambda c: propose(c.policy, c.k0, rows=4) if c.k0 == 0 else c
    )
    assert bad.asked[:2] == [("weak", 0), ("weak", 4)]
    assert bad.list_holds() == list(range(7))
    check_rows(bad.decisions)


def test_fewer_rows_of_a_late_chunk_are_better_than_none() -> None:
    def shorten(chunk: Proposal) -> Proposal:
        return propose(chunk.policy, chunk.k0, rows=12)

    rungs = (Rung("weak", EXECUTED, 6), Rung("strong", EXECUTED, 6))
    strict = make_late(ladder=Ladder(rungs, None), gate=NeverGate(), patience=99)
    lenient = replace(strict, ladder=Ladder(tuple(replace(r, min_rows=3) for r in rungs), None))
    latency = {"weak": 6, "strong": 6}
    assert drive_late(strict, 90, latency, spoil=shorten).list_holds() == list(range(90))
    played = drive_late(lenient, 90, latency, spoil=shorten)
    assert len(played.list_holds()) < 30
    check_rows(played.decisions)


def test_a_question_says_when_its_chunk_starts_and_what_runs_until_then() -> None:
    drive = drive_late(make_late(lead=8), 100, {"weak": 4, "strong": 4})
    executed = {one.k: one.command.action for one in drive.decisions}
    for one in drive.decisions[20:80]:
        for k, row in zip(range(one.k + 1, one.due), one.committed, strict=True):
            np.testing.assert_array_equal(row, executed[k])


# The fallback.


def make_fallback(fallback: PolicyId | None, lead: int) -> Controller:
    rungs = (Rung("weak", EXECUTED, lead), Rung("strong", EXECUTED, lead))
    gate = ScheduleGate(start_tick=20, holds=(4,), period=100)
    return make_late(ladder=Ladder(rungs, fallback), gate=gate, patience=60)


@pytest.mark.parametrize("lead", [0, 8])
def test_a_silent_driver_is_relieved_by_the_fallback(lead: int) -> None:
    latency = lambda rung, _: None if rung == "strong" else min(lead, 4)  # noqa: E731
    with_one = drive_late(make_fallback("weak", lead), 160, latency)
    without = drive_late(make_fallback(None, lead), 160, latency)
    check_rows(with_one.decisions)
    assert len(without.list_holds()) >= 60
    assert isinstance(without.decisions[-1].command, Stop)
    assert len(with_one.list_holds()) < 20
    assert with_one.decisions[-1].mode.active == "weak"


def test_a_rung_that_was_silent_once_costs_no_tick_again() -> None:
    latency = lambda rung, _: None if rung == "strong" else 4  # noqa: E731
    drive = drive_late(make_fallback("weak", 8), 400, latency)
    assert drive.decisions[-1].fires >= 3
    assert all(k < 60 for k in drive.list_holds()), "the first silence, no other one"


# Everything at once.

LATENCIES = st.one_of(st.none(), st.integers(0, 30))


@given(
    leads=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    coast=st.integers(0, 6),
    least=st.integers(1, EXECUTED),
    fallback=st.sampled_from([None, "weak", "strong"]),
    takes=st.lists(LATENCIES, min_size=1, max_size=12),
    hands=st.lists(st.tuples(st.integers(0, 119), st.integers(1, 20)), max_size=3),
    stop=st.one_of(st.none(), st.integers(0, 119)),
    old=st.sets(st.integers(0, 119), max_size=10),
)
def test_whatever_happens_a_row_is_for_its_tick_and_a_stop_is_for_ever(
    leads: tuple[int, int],
    coast: int,
    least: int,
    fallback: PolicyId | None,
    takes: list[int | None],
    hands: list[tuple[int, int]],
    stop: int | None,
    old: set[int],
) -> None:
    rungs = tuple(
        Rung(name, EXECUTED, lead, least)
        for name, lead in zip(("weak", "strong"), leads, strict=True)
    )
    parts = make_late(ladder=Ladder(rungs, fallback), coast=coast, stale_after=PERIOD)
    by_hand = {k for first, stay in hands for k in range(first, first + stay)}

    def play() -> list[Decision]:
        return drive_late(
            parts,
            120,
            lambda rung, k: takes[(k + len(rung)) % len(takes)],
            operator=lambda k: np.full(3, 9, np.float32) if k in by_hand else None,
            stop=lambda k: "pressed" if k == stop else "",
            age=lambda k: 2 * PERIOD if k in old else 0,
        ).decisions

    decisions = play()
    check_rows(decisions)
    stopped = False
    for one in decisions:
        stopped |= isinstance(one.command, Stop)
        assert isinstance(one.command, Stop) == stopped
        assert np.isfinite(one.command.action).all()
        assert (np.abs(one.command.action) <= 1).all()
        if one.k in by_hand and not stopped:
            assert one.mode.active == OPERATOR
        elif one.k in old and not stopped:
            assert isinstance(one.command, Hold)
    again = [(one.command.action.tobytes(), one.ask, one.mode) for one in play()]
    assert again == [(one.command.action.tobytes(), one.ask, one.mode) for one in decisions]


def test_leads_can_be_given_to_any_controller() -> None:
    parts = with_leads(make_controller(), weak=3, strong=2)
    assert [rung.lead for rung in parts.ladder.rungs] == [3, 2]
