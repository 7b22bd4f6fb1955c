"""Laws of the lead: who drives first gives control back after exactly that long."""

from __future__ import annotations

from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.checks import check_switch
from aegis.core.errors import ConfigError
from aegis.core.protocols import Context
from aegis.core.types import EpisodeKey, Level, Mode, Score, Verdict
from aegis.gates.lead import LeadSwitch

KEY = EpisodeKey(7, "toy", 0, "wide", 0)
STAY = Verdict(Level.STAY, "")


def drive_switch(
    switch: LeadSwitch, active: str, dwell: int, state: int | None, verdict: Verdict
) -> str:
    context = Context(5 * dwell, 220, dwell, Mode(active, 0), ("weak", "strong"), dwell, 0)
    return switch.transition(state, verdict, (Score("a", nan),), context)[1]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 20))
def test_the_lead_is_one_of_its_lengths_and_kept_exactly(holds: list[int], dwell: int) -> None:
    switch = LeadSwitch(tuple(holds))
    lead = switch.start(KEY)
    assert lead in holds
    assert (drive_switch(switch, "strong", dwell, lead, STAY) == "weak") == (dwell >= lead)


def test_lengths_mix_over_episodes_and_are_the_episode_s_own() -> None:
    switch = LeadSwitch((3, 3, 3, 4, 4))
    leads = [switch.start(EpisodeKey(7, "toy", 0, "wide", i)) for i in range(500)]
    assert 3.3 < sum(leads) / 500 < 3.5
    assert leads[:9] == [switch.start(EpisodeKey(7, "toy", 0, "wide", i)) for i in range(9)]


def test_after_the_lead_only_a_verdict_hands_over_and_for_good() -> None:
    switch = LeadSwitch((3,))
    assert drive_switch(switch, "weak", 1, None, STAY) == "weak"
    assert drive_switch(switch, "weak", 1, None, Verdict(Level.ESCALATE, "")) == "strong"
    assert drive_switch(switch, "strong", 40, None, STAY) == "strong"


def test_it_keeps_the_promises_of_a_switch() -> None:
    check_switch(LeadSwitch((2, 5)), KEY)


def test_a_lead_has_a_length() -> None:
    for holds in ((), (0,), (3, -1)):
        with pytest.raises(ConfigError, match="holds must be"):
            LeadSwitch(holds)
