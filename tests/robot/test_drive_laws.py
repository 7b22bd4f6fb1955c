"""Drive laws: whatever people press and sensors say, nothing moves unless it may."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.robot.kit import MS, joints, make_contract, open_bus, switch, write
from tests.robot.seat import Seat, read_sent

IDLE = np.zeros(3, np.float32)
EVENTS = st.sampled_from(
    ["enable", "disable", "reset", "takeover", "release", "stop", "nan", "stale", "garbage", "move",
     "wild", "nothing", "nothing", "nothing", "enable", "reset"]
)  # fmt: skip


@pytest.mark.parametrize("in_fault", ["idle", "silence"])
@given(events=st.lists(st.tuples(EVENTS, EVENTS), min_size=5, max_size=40))
def test_nothing_moves_unless_it_may_and_who_asks_is_answered(
    in_fault: str, events: list[tuple[str, str]]
) -> None:
    contract = make_contract(in_fault=in_fault)
    with open_bus(contract) as bus:
        seat, asked = Seat(contract, bus), []
        for pair in events:
            left_out = set[str]()
            for event in pair:
                if event in ("enable", "disable", "reset", "takeover", "release"):
                    asked.append(seat.ask(event))
                elif event != "nothing":
                    left_out |= disturb(seat, event)
            seat.play(1, *left_out)
        check_rows(seat, in_fault)
        assert sorted(one["id"] for one in seat.answers) == sorted(asked)


def disturb(seat: Seat, event: str) -> set[str]:
    """Lets something go wrong; returns the inputs that do not arrive on top of it."""
    now: Any = seat.clock.now
    if event == "stop":
        write(seat.bus, "~/estop", switch(True), now)
    elif event == "nan":
        write(seat.bus, "joints", joints(["px", "py"], [np.nan, 0]), now)
        return {"joints"}
    elif event == "stale":
        seat.clock.now += 6000 * MS
        return {"joints", "camera"}
    elif event == "garbage":
        for topic in ("~/estop", "joints", "~/task"):
            write(seat.bus, topic, b"\0\1\0\0\1", now)
    elif event == "move":
        seat.command(0.3, 0.4)
    elif event == "wild":
        seat.command(np.nan, 10**6)
    return set()


def check_rows(seat: Seat, in_fault: str) -> None:
    sent = [read_sent(row) for row in seat.rows]
    written = [one for one in sent if one is not None]
    assert len(written) == len(seat.sent), "what is said to be sent is what is sent"
    for one, other in zip(written, seat.sent, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.isfinite(one).all()
        assert (np.abs(one) <= 1).all()
    for row, action in zip(seat.rows, sent, strict=True):
        if row["life"] == "active":
            assert action is not None
        elif in_fault == "silence":
            assert action is None
        elif action is not None:
            np.testing.assert_array_equal(action[:2], IDLE[:2])
        if row["life"] == "fault" and in_fault == "idle":
            assert action is not None
