"""Report values: the results of a comparison and of a pilot as ``report.json`` holds them."""

from __future__ import annotations

from dataclasses import asdict
from typing import cast

from aegis.study.analysis.json_values import flatten_intervals
from aegis.study.comparison.pilot import PilotResult
from aegis.study.comparison.policy_comparison import PolicyComparison

FORMAT = 1
"""Of these reports; goes up when a key changes its meaning."""


def list_comparison_values(found: PolicyComparison) -> dict[str, object]:
    """Returns a comparison as plain JSON values; differences are A minus B."""
    return {"format": FORMAT, "kind": "compare", **_flatten(asdict(found))}


def list_pilot_values(found: PilotResult) -> dict[str, object]:
    """Returns a pilot as plain JSON values."""
    values = {**asdict(found), "answer": found.answer.value}
    return {"format": FORMAT, "kind": "pilot", **_flatten(values)}


def _flatten(values: dict[str, object]) -> dict[str, object]:
    return cast("dict[str, object]", flatten_intervals(values))
