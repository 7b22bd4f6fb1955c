"""Exported actions hold what was executed, and the replay policy reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aegis.core.errors import UnknownNameError
from aegis.export.actions import export_actions
from policies.replay import load_trace
from tests.fleet.toyrun import toy_arms, toy_plan, toy_run


def test_actions_of_a_run_are_what_the_replay_policy_reads(tmp_path: Path) -> None:
    tables = toy_run(tmp_path, toy_plan(2, toy_arms()[1:2]))
    assert export_actions(tables, "strong", tmp_path / "actions.npz") == 2
    actions = load_trace(tmp_path / "actions.npz")
    for row in tables.episodes:
        assert actions[str(row.key)].shape == (row.steps, 3)
    flat = np.concatenate([actions[str(row.key)] for row in tables.episodes])
    recorded = tables.read_steps().column("action").to_pylist()
    assert np.array_equal(flat, np.array(recorded, np.float32))
    with pytest.raises(UnknownNameError, match="Unknown arm 'wek'"):
        export_actions(tables, "wek", tmp_path / "no.npz")
