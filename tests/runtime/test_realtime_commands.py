"""No unsafe command leaves the real-time driver, whatever happens around it."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.core.types import OPERATOR, Act, Proposal
from aegis.runtime.realtime.lifecycle import Life, Request
from aegis.runtime.realtime.watchdog import HeardInput
from tests.core.late import make_row
from tests.core.late_parts import make_late
from tests.runtime.realtime_fakes import MS
from tests.runtime.realtime_stage import FREE, PERIOD, SETTINGS, Stage

RUBBISH = st.sampled_from(["nan", "inf", "wide", "short", "flat", "other", "none", "huge", ""])


def spoil(chunk: Proposal, how: str) -> Proposal | None:
    rows = np.array(chunk.actions)
    if how == "nan":
        rows[3:] = nan
    if how == "inf":
        rows[0] = inf
    if how == "huge":
        rows = rows * np.float32(1e30)
    if how == "wide":
        rows = np.hstack([rows, rows])
    if how == "short":
        rows = rows[:2]
    if how == "flat":
        rows = rows[0]
    if how == "none":
        return None
    return replace(chunk, actions=rows, policy="forged" if how == "other" else chunk.policy)


TICKS = 80


@given(st.data())
def test_no_unsafe_command_leaves_whatever_happens(data: st.DataObject) -> None:
    check_commands(data)


@pytest.mark.slow
@given(st.data())
@settings(max_examples=1_000_000 // TICKS)
def test_no_unsafe_command_leaves_in_a_million_ticks(data: st.DataObject) -> None:
    check_commands(data)


def check_commands(data: st.DataObject) -> None:
    """Drives a robot while everything goes wrong, and looks at each command."""
    draw, ticks = data.draw, TICKS
    takes = draw(st.lists(st.one_of(st.none(), st.integers(0, 400)), min_size=1, max_size=8))
    late = draw(st.lists(st.integers(0, 70), min_size=1, max_size=8))
    rubbish = draw(st.lists(RUBBISH, min_size=1, max_size=8))
    asked = draw(st.lists(st.sampled_from([*Request][:-1]), max_size=10))
    when = draw(st.lists(st.integers(1, ticks - 1), min_size=len(asked), max_size=len(asked)))
    pressed = draw(st.sets(st.integers(0, ticks - 1), max_size=10))
    old = draw(st.sets(st.integers(0, ticks - 1), max_size=10))
    hands = draw(st.sets(st.integers(0, ticks - 1), max_size=20))
    step = draw(st.sampled_from([inf, 0.2]))
    limits = replace(FREE, step=np.full(3, step))
    count = iter(range(10**6))
    stage = Stage(
        make_late(lead=8, coast=draw(st.integers(0, 5)), stale_after=2 * PERIOD),
        takes=lambda n: None if (t := takes[n % len(takes)]) is None else t * MS,
        overshoot=lambda n: late[n % len(late)] * MS,
        spoil=lambda chunk: spoil(chunk, rubbish[next(count) % len(rubbish)]),
        settings=replace(SETTINGS, limits=limits, parts=draw(st.integers(1, 3)), max_missed=1),
        inputs=None,
        requests=lambda n: [
            *([Request.ENABLE] if n == 0 else []),
            *(one for one, at in zip(asked, when, strict=True) if at == n),
        ],
        operator=lambda n: np.full(3, nan if n % 3 else 9, np.float32) if n in hands else None,
        age=lambda n: 3 * PERIOD if n in old else 0,
    )
    stage.peer.inputs = lambda n: {
        "camera": HeardInput(stage.clock.now, stage.clock.now),
        "e-stop": HeardInput(stage.clock.now, stage.clock.now, n in pressed),
    }
    peer = stage.play(ticks)
    before = np.zeros(3)
    for n, (sent, report) in enumerate(zip(peer.sent, peer.reports, strict=True)):
        if report.status.life is Life.ACTIVE:
            assert sent is not None
            assert n not in pressed
        elif report.status.life is Life.FAULT:
            assert report.decision is None or "ticks in a row" in report.status.fault
            np.testing.assert_array_equal(sent[:2], [0, 0])  # type: ignore[index]
        elif sent is not None:
            np.testing.assert_array_equal(sent[:2], [0, 0])
        if sent is not None:
            assert np.isfinite(sent).all()
            assert (np.abs(sent) <= 1).all()
            if report.status.life is Life.ACTIVE:
                assert (np.abs(sent - before) <= step + 1e-6).all()
        before = np.array([0, 0, before[2]]) if sent is None else sent
        decision = report.decision
        if decision is None or decision.mode.active == OPERATOR or "huge" in rubbish:
            continue
        if isinstance(decision.command, Act):
            np.testing.assert_array_equal(decision.command.action, make_row(decision.k))
