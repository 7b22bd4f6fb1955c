"""JSON values: the numbers of a result as `report.json` holds them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from aegis.records.json_values import replace_non_finite

DIGITS = 10
"""Significant digits of every number that is no count: estimates, limits, p values. More would be
those of the CPU that added them up."""


def flatten_intervals(value: object) -> object:
    """Returns plain JSON values: ``x`` with an interval becomes ``x`` and ``x_ci``.

    A share keeps its counts as ``x_count`` and ``x_of``; what is not a number becomes null; other
    numbers than counts have ``DIGITS`` digits.
    """
    if isinstance(value, Mapping):
        if set(value) == {"low", "high"}:
            return [flatten_intervals(value["low"]), flatten_intervals(value["high"])]
        out: dict[str, object] = {}
        for key, item in value.items():
            if isinstance(item, Mapping) and {"value", "ci"} <= set(item):
                out[str(key)] = flatten_intervals(item["value"])
                out[f"{key}_ci"] = flatten_intervals(item["ci"])
                out |= {f"{key}_{name}": item[name] for name in ("count", "of") if name in item}
            else:
                out[str(key)] = flatten_intervals(item)
        return out
    if isinstance(value, list | tuple):
        return [flatten_intervals(item) for item in value]
    if isinstance(value, float) and math.isfinite(value):
        return float(f"{value:.{DIGITS}g}")
    return replace_non_finite(value)
