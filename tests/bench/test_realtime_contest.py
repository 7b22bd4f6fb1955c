"""Bench of the real-time driver: it drives to the end and counts what it says it counts."""

from __future__ import annotations

import json
import multiprocessing

import pytest

from aegis.bench.realtime_contest import build_contests
from aegis.core.errors import UnknownNameError

ROW = {"rate": 200.0, "lead": 6, "coast": 2, "execute": 20}
QUICK = {"weak": 0.0, "strong": 0.0}


def test_it_drives_to_the_end_and_counts() -> None:
    (contest,) = build_contests(0.5, {"turns": {**ROW, "latency": QUICK, "gate": "turns"}})
    try:
        contest.run_ours()
        facts = contest.collect_facts()
    finally:
        contest.close()
    assert facts == json.loads(json.dumps(facts))
    assert facts["ticks"] == 100
    numbers = [report.number for report in contest._reports]
    assert numbers[-1] >= 99
    assert len(numbers) + facts["missed_share"] * 100 >= 100
    assert 0 <= facts["hold_share"] <= 1
    assert 0 <= facts["late_p50"] <= facts["late_p99"]


def test_an_unknown_gate_is_refused_before_a_process_starts() -> None:
    before = multiprocessing.active_children()
    with pytest.raises(UnknownNameError, match="Allowed: calm, turns, never"):
        build_contests(0.1, {"broken": {**ROW, "latency": QUICK, "gate": "turn"}})
    assert multiprocessing.active_children() == before
