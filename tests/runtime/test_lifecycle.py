"""Laws of the lifecycle: nothing moves without being enabled, and a fault stays until a reset."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.runtime.realtime.lifecycle import Life, Request, Status, answer_request, raise_fault

TROUBLES = st.sampled_from(["", "e-stop is on"])
EVENTS = st.lists(st.tuples(st.sampled_from([*Request, None]), TROUBLES), max_size=30)


@given(EVENTS)
def test_only_enabling_makes_active_and_only_a_reset_ends_a_fault(
    events: list[tuple[Request | None, str]],
) -> None:
    status = Status(Life.UNCONFIGURED)
    for request, trouble in events:
        before = status
        if request is None:
            status = raise_fault(status, trouble or "a fault")
        else:
            answer = answer_request(status, request, trouble)
            status = answer.status
            assert answer.granted == (not answer.reason)
            assert answer.granted or status == before
        if status.life is Life.ACTIVE and before.life is not Life.ACTIVE:
            assert request is Request.ENABLE
            assert not trouble
        if before.life is Life.FAULT and status.life is not Life.FAULT:
            assert request in (Request.RESET, Request.SHUTDOWN)
            assert status.life is not Life.ACTIVE
        if before.life is Life.FINALIZED:
            assert status == before
        assert (status.life is not Life.FAULT) or status.fault


def test_the_first_cause_of_a_fault_stays() -> None:
    status = raise_fault(Status(Life.ACTIVE), "camera is old")
    assert raise_fault(status, "e-stop is on") == Status(Life.FAULT, "camera is old")


@pytest.mark.parametrize("life", [Life.UNCONFIGURED, Life.INACTIVE, Life.FINALIZED])
def test_who_does_not_drive_has_no_fault(life: Life) -> None:
    assert raise_fault(Status(life), "camera is old") == Status(life)


def test_a_refusal_says_why_and_what_is_allowed() -> None:
    refused = answer_request(Status(Life.FAULT, "e-stop is on"), Request.ENABLE, "")
    assert refused.reason == ("cannot enable while fault (e-stop is on); allowed: reset, shutdown")
    assert answer_request(Status(Life.INACTIVE), Request.ENABLE, "camera never heard").reason == (
        "camera never heard"
    )
