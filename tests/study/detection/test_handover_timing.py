"""Timing: detected is not predicted, and a hand-over that never came is none."""

from __future__ import annotations

import math
from dataclasses import replace

from aegis.study.detection.handover_timing import describe_timing, first_strong_tick
from aegis.study.outcomes import Outcomes
from aegis.study.play.small_tables import map_events
from tests.study.rows import event_rows, row, rows


def test_before_and_after_the_event() -> None:
    """Four failures with an event at 20; handed over at 8, 20 and 30, and once never."""
    episodes = rows("weak", "00001")
    ticks = (8, 20, 30)
    ours = [row("ours", i, True, strong=10, handover=k) for i, k in enumerate(ticks)]
    ours += [row("ours", 3, False), row("ours", 4, True, strong=10, handover=9)]
    outcomes = Outcomes.from_rows([*episodes, *ours], ("weak", "ours"))
    found = describe_timing(outcomes, "ours", "weak", map_events(event_rows(episodes)))
    assert found.events["missed"] == 4
    assert (found.fired.count, found.fired.of) == (3, 4)
    assert (found.before.count, found.before.of) == (1, 3)
    assert found.lead == (-5.0, 0.0, 6.0)
    assert found.first_fire == (8.75, 14.5, 22.5)


def test_takeover() -> None:
    assert first_strong_tick(row("ours", 0, True)) is None
    assert first_strong_tick(row("ours", 0, True, strong=10, handover=8)) == 8
    assert first_strong_tick(row("strong", 0, True, strong=40)) == 0
    early = replace(row("early", 0, True, strong=10, handover=12), fires=0, first_fire_k=None)
    assert first_strong_tick(early) == 0
    assert first_strong_tick(replace(early, fires=1, first_fire_k=30)) == 0
    fired = replace(row("ours", 0, True), fires=1, first_fire_k=38)  # the end came first
    assert first_strong_tick(fired) is None


def test_without_events_there_is_no_lead() -> None:
    outcomes = Outcomes.from_rows(rows("weak", "01") + rows("ours", "11", 10), ("weak", "ours"))
    found = describe_timing(outcomes, "ours", "weak", {})
    assert found.before.of == 0
    assert all(math.isnan(tick) for tick in found.lead)
    assert sum(found.events.values()) == 0
