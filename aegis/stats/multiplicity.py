"""Correction of a family of planned tests by Holm's rule, for which scipy has no function."""

from __future__ import annotations

from collections.abc import Mapping

from aegis.core.errors import ShapeError


def holm_adjusted(p_values: Mapping[str, float]) -> dict[str, float]:
    """Returns adjusted p-values by Holm's step-down rule (Holm 1979), in the order given.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none may fall below the
    one before it or exceed 1. It controls the family-wise error under any dependence.

    Args:
        p_values: Name of a test to its p-value.

    Raises:
        ShapeError: If a p-value lies outside [0, 1].
    """
    _check_p_values(p_values)
    adjusted: dict[str, float] = {}
    floor = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        floor = max(floor, min(1.0, p_values[name] * (len(p_values) - rank)))
        adjusted[name] = floor
    return {name: adjusted[name] for name in p_values}


def _check_p_values(p_values: Mapping[str, float]) -> None:
    for name, p in p_values.items():
        if not 0 <= p <= 1:
            raise ShapeError(f"p-value of '{name}' must lie in [0, 1]. Got: {p}.")
