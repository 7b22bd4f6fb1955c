"""Cost: chunks, seconds and bytes, by hand."""

from __future__ import annotations

import math
from dataclasses import replace

from aegis.study.comparison.cost import summarise_cost
from tests.study.rows import row

LINES = [
    {"event": "run", "wall": 3.0, "ticks": 9},
    {"event": "calls", "policy": "a", "calls": 4, "chunks": 10, "seconds": 0.5, "bytes": 4000},
    {"event": "calls", "policy": "a", "calls": 1, "chunks": 10, "seconds": 1.5, "bytes": None},
    {"event": "calls", "policy": "b", "calls": 9, "chunks": 9, "seconds": 9.0, "bytes": None},
]


def test_sessions_are_added_up() -> None:
    rows = [replace(row("a", i, True), asks=(("a", 5 + i),)) for i in range(2)]
    found = summarise_cost("a", rows, LINES)
    assert (found.chunks, found.chunks_per_episode, found.timed) == (11, 5.5, 20)
    assert (found.batch, found.seconds_per_chunk) == (4.0, 0.1)
    assert found.bytes_per_chunk == 400.0, "of the session that counted them"


def test_what_was_not_measured_is_no_number() -> None:
    assert math.isnan(summarise_cost("b", [row("b", 0, True)], LINES).bytes_per_chunk)
    found = summarise_cost("c", [], LINES)
    assert found.chunks == found.timed == 0
    assert all(map(math.isnan, (found.chunks_per_episode, found.batch, found.seconds_per_chunk)))
