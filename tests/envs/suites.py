"""Tasks of LIBERO's other suites, for tests with official assets, where those are installed."""

import pytest
from _pytest.mark.structures import ParameterSet

from aegis.core.errors import AssetError
from envs.assets.resolver import resolve_assets
from envs.libero.library import SUITES, list_task_names

FEW = {("libero_object", 0), ("libero_goal", 0), ("libero_goal", 7), ("libero_10", 9)}
"""Tested by default: a basket, a drawer, a stove and a microwave, in three arenas."""


def list_tasks(*suites: str) -> list[ParameterSet]:
    """All tasks for parametrisation, those that are not among the few marked slow."""
    return [
        pytest.param(suite, task, marks=() if (suite, task) in FEW else pytest.mark.slow)
        for suite in suites or SUITES
        for task in range(len(list_task_names(suite)))
    ]


def require_official_assets(suite: str) -> None:
    """Skips a test where there are no official assets."""
    try:
        resolve_assets("official", suite)
    except AssetError as error:
        pytest.skip(f"no official assets: {error}")
