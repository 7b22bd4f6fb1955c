"""The controller: parts that fit together, chunks that are asked for and executed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from aegis.core.errors import ConfigError, TraceError, UnknownNameError
from aegis.core.protocols import Context
from aegis.core.types import Act, Hold, Proposal, Score, Verdict
from aegis.gates.switch import HysteresisSwitch
from aegis.runtime.session import Session
from tests.core.driven import drive_controller, make_controller
from tests.fakes import KEY, FakeDetector, proposal, tick


def test_a_chunk_is_asked_for_at_its_first_tick_and_executed_row_by_row() -> None:
    session = Session(make_controller(), KEY)
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
    (decision,) = drive_controller(make_controller(), 1, 0.0, value=7.0)
    np.testing.assert_array_equal(decision.command.action, [1, 1, 1])


def test_a_late_proposal_skips_its_stale_rows() -> None:
    session = Session(make_controller(), KEY)
    rows = np.arange(24, dtype=np.float32).reshape(8, 3) / 24
    chunk = Proposal("weak", 0, rows, {"risk": np.zeros(1, np.float32)})
    assert isinstance(session.feed(tick(0)).command, Hold)
    assert isinstance(session.feed(tick(1)).command, Hold)
    late = session.feed(tick(2, chunk))
    np.testing.assert_array_equal(late.command.action, rows[2])
    assert session.feed(tick(5)).ask == ("weak",)


def test_ticks_must_ascend() -> None:
    session = Session(make_controller(), KEY)
    session.feed(tick(0, proposal("weak", 0)))
    with pytest.raises(TraceError, match="Tick 0 came after tick 0"):
        session.feed(tick(0))


def test_a_skipped_tick_skips_its_row() -> None:
    session = Session(make_controller(), KEY)
    rows = np.arange(24, dtype=np.float32).reshape(8, 3) / 24
    session.feed(tick(0, Proposal("weak", 0, rows, {"risk": np.zeros(1, np.float32)})))
    np.testing.assert_array_equal(session.feed(tick(2)).command.action, rows[2])


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"first": "other"}, UnknownNameError, "Allowed: weak, strong"),
        ({"horizon": 0}, ConfigError, "horizon must be at least 1"),
        ({"coast": -1}, ConfigError, "coast must be at least 0"),
        ({"stale_after": 0}, ConfigError, "stale_after must be at least 1"),
        ({"patience": -1}, ConfigError, "patience must be at least 0"),
        ({"detectors": (FakeDetector(), FakeDetector())}, ConfigError, "different names"),
        ({"detectors": ()}, ConfigError, "there is no detector"),
    ],
)
def test_parts_that_cannot_work_together_are_refused(
    changes: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make_controller(**changes)


def test_the_switch_may_name_only_the_two_policies() -> None:
    class Lost(HysteresisSwitch):
        def transition(
            self, state: int | None, verdict: Verdict, scores: Sequence[Score], context: Context
        ) -> tuple[None, str]:
            return None, "nobody"

    with pytest.raises(UnknownNameError, match="nobody"):
        drive_controller(make_controller(switch=Lost(release=0.1)), 1, 0.0)
