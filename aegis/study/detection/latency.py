"""Latency: durations of calls and decisions of a study, summarised."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from aegis.study.play.latency_table import MACHINE_KEY

_MS = 1e-6


@dataclass(frozen=True, slots=True)
class DurationSummary:
    """Durations.

    Attributes:
        n: How many.
        median_ms: Half of them were shorter [ms].
        p95_ms: 95 % of them were shorter [ms].
    """

    n: int
    median_ms: float
    p95_ms: float

    @classmethod
    def from_nanoseconds(cls, nanos: Sequence[int]) -> DurationSummary:
        """Summarises durations [ns]; NaN if there are none."""
        if not nanos:
            return cls(0, float("nan"), float("nan"))
        middle, most = np.quantile(np.array(nanos, np.float64) * _MS, [0.5, 0.95])
        return cls(len(nanos), float(middle), float(most))


@dataclass(frozen=True, slots=True)
class ArmLatency:
    """What one arm took.

    Attributes:
        decision: At a chunk boundary: queries and all that is decided from them.
        controller: Of this, what detectors, gate and switch took.
        per_step_ms: Both together, over all control steps of its episodes [ms].
    """

    decision: DurationSummary
    controller: DurationSummary
    per_step_ms: float


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """What calls and decisions took; one query at a time, simulator and pictures left out.

    Attributes:
        machine: What it was measured on, in words.
        units: Units that were played for it.
        calls: By policy, one query.
        arms: By arm.
    """

    machine: Mapping[str, str]
    units: int
    calls: Mapping[str, DurationSummary]
    arms: Mapping[str, ArmLatency]


def summarise_latency(table: pa.Table) -> LatencyResult | None:
    """Summarises a table of times; None if nothing was measured."""
    rows = table.to_pylist()
    if not rows:
        return None
    calls: dict[str, list[int]] = {}
    by_arm: dict[str, list[tuple[int, int]]] = {}
    for row in rows:
        for policy, took in row["calls"]:
            calls.setdefault(policy, []).append(took)
        asked = sum(took for _, took in row["calls"])
        by_arm.setdefault(row["arm"], []).append((asked, row["decide"]))
    machine = json.loads((table.schema.metadata or {}).get(MACHINE_KEY, b"{}"))
    return LatencyResult(
        machine={str(name): str(value) for name, value in machine.items()},
        units=len({(row["task"], row["start"], row["index"]) for row in rows}),
        calls={policy: DurationSummary.from_nanoseconds(calls[policy]) for policy in sorted(calls)},
        arms={arm: _summarise_arm(pairs) for arm, pairs in by_arm.items()},
    )


def _summarise_arm(pairs: Sequence[tuple[int, int]]) -> ArmLatency:
    boundaries = [pair for pair in pairs if pair[0]]
    return ArmLatency(
        decision=DurationSummary.from_nanoseconds([asked + decide for asked, decide in boundaries]),
        controller=DurationSummary.from_nanoseconds([decide for _, decide in boundaries]),
        per_step_ms=sum(map(sum, pairs)) * _MS / len(pairs),
    )
