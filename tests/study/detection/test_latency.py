"""Latency: times are summarised from the table alone, and read back as they were written."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from aegis.study.analysis.pipeline import analyse_study
from aegis.study.detection.latency import DurationSummary, summarise_latency
from aegis.study.play.latency_table import LATENCY, make_latency_table
from aegis.study.play.small_tables import StudyTables, write_latency
from tests.study.play.test_small_tables import make_run
from tests.study.rows import facts, plan, tables

MS = 1_000_000


def measure_calls() -> pa.Table:
    """Two steps of one chunk: a query of 3 ms and one of 1 ms, 0.5 ms to decide, then 0.1 ms."""
    rows = []
    for index in range(2):
        for k in range(2):
            calls = [] if k else [("weak", 3 * MS), ("strong", MS)]
            place = {"task": 0, "start": "wide", "index": index, "arm": "aegis", "k": k}
            rows.append({**place, "calls": calls, "decide": MS // 10 if k else MS // 2})
    return make_latency_table(rows, {"cpu": "abacus"})


def test_known_times() -> None:
    found = summarise_latency(measure_calls())
    assert found is not None
    assert (found.units, found.machine) == (2, {"cpu": "abacus"})
    assert found.calls == {
        "strong": DurationSummary(2, 1.0, 1.0),
        "weak": DurationSummary(2, 3.0, 3.0),
    }
    arm = found.arms["aegis"]
    assert (arm.decision, arm.controller) == (
        DurationSummary(2, 4.5, 4.5),
        DurationSummary(2, 0.5, 0.5),
    )
    assert math.isclose(arm.per_step_ms, 2.3)


def test_quantiles() -> None:
    found = DurationSummary.from_nanoseconds([k * MS for k in range(101)])
    assert (found.n, found.median_ms, found.p95_ms) == (101, 50.0, 95.0)
    assert math.isnan(DurationSummary.from_nanoseconds([]).median_ms)


def test_nothing_measured_is_said_as_such() -> None:
    assert summarise_latency(LATENCY.empty_table()) is None
    assert analyse_study(plan(), tables(), facts()).as_dict()["latency"] is None


def test_it_is_read_back_and_reported(tmp_path: Path) -> None:
    make_run(tmp_path)
    write_latency(tmp_path, measure_calls())
    back = StudyTables.read_folder(tmp_path).latency
    assert summarise_latency(back) == summarise_latency(measure_calls())
    said = analyse_study(plan(), replace(tables(), latency=back), facts()).as_dict()["latency"]
    assert isinstance(said, dict)
    assert said["calls"]["weak"] == {"n": 2, "median_ms": 3.0, "p95_ms": 3.0}
    assert said["machine"] == {"cpu": "abacus"}
