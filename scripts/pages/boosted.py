"""A stronger baseline: boosted trees on pose, task and time, fitted on other studies' weak arms.

`python -m scripts.pages.boosted` prints its early AUROC, as docs/results/ has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from scripts.pages.study_rows import F64, I64, REPOSITORY, read_plan, read_rows

PAIRS = {
    "reference": ("reference-first", "reference-second"),
    "reference-tenth": ("reference-tenth-first",),
}
HORIZON = 220
TASKS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Boundaries:
    """Chunk boundaries of the weak policy alone.

    Attributes:
        design: Pose, task (one-hot) and tick. Shape (n, 8 + 10 + 1).
        unit: Number of the unit of each boundary. Shape (n,).
        failed: Whether each unit failed. Shape (units,).
        task: Task of each unit. Shape (units,).
    """

    design: F64
    unit: I64
    failed: F64
    task: I64


def read_boundaries(study: str) -> Boundaries:
    """Reads the sealed scores table of a study."""
    rows = read_rows(study)
    place = {unit: n for n, unit in enumerate(zip(rows.task, rows.index, strict=True))}
    names = ["task", "index", "k", "proprio"]
    file = REPOSITORY / "runs" / study / "scores.parquet"
    table = pq.read_table(file, columns=names, filters=[("arm", "=", "weak")])
    task, index, tick, pose = (table[name].to_pylist() for name in names)
    unit = np.array([place[one] for one in zip(task, index, strict=True)])
    design = np.column_stack([np.array(pose), np.eye(TASKS)[task], tick])
    return Boundaries(design, unit, 1 - rows.arms["weak"].success, rows.task)


def measure_boosted(train: Sequence[str], test: str) -> tuple[float, float]:
    """Returns the early AUROC within task and pooled."""
    parts = [read_boundaries(study) for study in train]
    model = HistGradientBoostingClassifier(random_state=0)
    model.fit(
        np.concatenate([part.design for part in parts]),
        np.concatenate([part.failed[part.unit] for part in parts]),
    )
    found = read_boundaries(test)
    early = found.design[:, -1] < read_plan(test)["early"] * HORIZON
    risk = model.predict_proba(found.design[early])[:, 1]
    unit = found.unit[early]
    count = np.bincount(unit, minlength=len(found.failed))
    score = np.bincount(unit, risk, minlength=len(found.failed)) / count
    return _within(score, found), float(roc_auc_score(found.failed, score))


def _within(score: F64, found: Boundaries) -> float:
    """Returns the share of pairs of one failure and one success of the same task ranked right."""
    right = pairs = 0.0
    for task in range(TASKS):
        here = found.task == task
        failed = found.failed[here]
        weight = failed.sum() * (1 - failed).sum()
        if weight:
            right += weight * roc_auc_score(failed, score[here])
            pairs += weight
    return float(right / pairs)


if __name__ == "__main__":
    for test, train in PAIRS.items():
        within, pooled = measure_boosted(train, test)
        print(f"{test}: AUROC within task {within:.3f}, pooled {pooled:.3f}")
