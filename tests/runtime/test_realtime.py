"""Laws of the real-time driver: deadlines, waits, control steps and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import ConfigError
from aegis.core.types import Act, Hold
from aegis.runtime.realtime.driver import RealtimeDriver
from aegis.runtime.realtime.lifecycle import Life
from tests.core.late import make_row
from tests.core.late_parts import make_late
from tests.fakes import KEY
from tests.runtime.realtime_fakes import MS, FakeClock, FakeLane, FakePeer
from tests.runtime.realtime_stage import PERIOD, SETTINGS, Stage


def test_policies_that_think_cost_the_first_wait_only() -> None:
    peer = Stage().play(500)
    decisions = [report.decision for report in peer.reports]
    holds = [d.k for d in decisions if d is not None and isinstance(d.command, Hold)]
    assert holds == list(range(8))
    assert {d.mode.active for d in decisions if d is not None} == {"weak", "strong"}
    for report, sent in zip(peer.reports, peer.sent, strict=True):
        assert report.decision is not None
        if isinstance(report.decision.command, Act):
            np.testing.assert_array_equal(sent, make_row(report.decision.k))


def test_pictures_are_looked_at_only_where_a_policy_is_asked() -> None:
    peer = Stage().play(200)
    assert 0 < sum(bool(looked) for looked in peer.looked) < 60


@given(st.lists(st.integers(0, 130), min_size=1, max_size=20))
def test_a_deadline_is_never_moved_and_a_missed_tick_is_gone(late: list[int]) -> None:
    settings = replace(SETTINGS, max_missed=10**6)
    stage = Stage(
        make_late(lead=8), overshoot=lambda n: late[n % len(late)] * MS, settings=settings
    )
    peer = stage.play(60)
    for before, report in zip(peer.reports, peer.reports[1:], strict=False):
        assert report.number == before.number + 1 + report.missed
    for report in peer.reports:
        assert report.now - report.lateness == PERIOD * (report.number + 1)
        assert 0 <= report.lateness < PERIOD
        decision = report.decision
        if decision is not None and isinstance(decision.command, Act):
            assert decision.k == report.number - peer.reports[0].number
            np.testing.assert_array_equal(decision.command.action, make_row(decision.k))


def test_missing_too_many_ticks_in_a_row_is_a_fault() -> None:
    peer = Stage(overshoot=lambda n: 130 * MS if n >= 20 else 0).play(30)
    assert peer.reports[-1].status.life is Life.FAULT
    assert "ticks missed in a row" in peer.reports[-1].status.fault


# A robot that is faster than its policies.


@pytest.mark.parametrize("parts", [2, 5])
def test_a_control_step_is_divided_into_commands(parts: int) -> None:
    settings = replace(SETTINGS, parts=parts)
    peer = Stage(settings=settings, takes=lambda _: 100 * MS).play(60 * parts)
    steps = [report.decision for report in peer.reports if report.decision is not None]
    assert [one.k for one in steps] == list(range(60))
    assert sum(report.decision is None for report in peer.reports) == 60 * (parts - 1)


def test_a_lane_for_each_rung_is_needed() -> None:
    clock = FakeClock()
    with pytest.raises(ConfigError, match="No lane for strong"):
        RealtimeDriver(
            make_late(), KEY, {"weak": FakeLane("weak", clock, lambda _: 0)}, FakePeer(clock),
            clock, SETTINGS,
        )  # fmt: skip
