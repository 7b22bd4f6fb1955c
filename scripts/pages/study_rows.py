"""A study's committed tables as arrays: one row per unit, the same units for every arm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow.parquet as pq
import yaml  # type: ignore[import-untyped]
from numpy.typing import NDArray

REPOSITORY = Path(__file__).resolve().parents[2]
F64: TypeAlias = NDArray[np.float64]
I64: TypeAlias = NDArray[np.int64]
_COLUMNS = ["task", "index", "arm", "success", "steps", "strong_steps"]


@dataclass(frozen=True, slots=True, eq=False)
class Plays:
    """What one arm did.

    Attributes:
        success: 1 where the unit was solved. Shape (n,).
        steps: Length of the episode [control steps]. Shape (n,).
        strong: Steps under the policy that the arm hands over to [control steps]. Shape (n,).
    """

    success: F64
    steps: F64
    strong: F64

    @property
    def duty(self) -> float:
        """Share of all steps under the policy that the arm hands over to."""
        return float(self.strong.sum() / self.steps.sum())


@dataclass(frozen=True, slots=True, eq=False)
class StudyRows:
    """The episodes of a study.

    Attributes:
        task: Task of each unit. Shape (n,).
        index: Start state of each unit. Shape (n,).
        arms: Arm to what it did on these units.
    """

    task: I64
    index: I64
    arms: Mapping[str, Plays]


def read_rows(study: str, table: str = "episodes") -> StudyRows:
    """Reads ``episodes`` or ``forks`` of a study; a fork tick is an arm, such as strong_at_050."""
    file = pq.read_table(REPOSITORY / "runs" / study / f"{table}.parquet", columns=_COLUMNS)
    columns = {name: file[name].to_pylist() for name in _COLUMNS}
    units = sorted(set(zip(columns["task"], columns["index"], strict=True)))
    place = {unit: n for n, unit in enumerate(units)}
    found: dict[str, F64] = {}
    for task, index, arm, *values in zip(*columns.values(), strict=True):
        found.setdefault(arm, np.full((3, len(units)), np.nan))[:, place[task, index]] = values
    task_index = np.array(units, np.int64)
    arms = {name: Plays(*values) for name, values in found.items()}
    return StudyRows(task_index[:, 0], task_index[:, 1], arms)


def read_report(study: str) -> dict[str, Any]:
    """Reads the committed ``report.json`` of a study."""
    report: dict[str, Any] = json.loads(
        (REPOSITORY / "runs" / study / "report.json").read_text(encoding="utf-8")
    )
    return report


def read_plan(study: str) -> dict[str, Any]:
    """Reads the section ``plan`` of the locked plan of a study."""
    text = (REPOSITORY / "runs" / study / "plan.yaml").read_text(encoding="utf-8")
    plan: dict[str, Any] = yaml.safe_load(text)["plan"]
    return plan
