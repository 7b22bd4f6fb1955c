"""Rows made by hand, and a small study of them, for tests of the analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from aegis.records.rows import EpisodeRow
from aegis.study.plan.context import AnalysisContext
from aegis.study.plan.study_plan import Budget, KillCriteria, PlannedContrast, StudyPlan
from aegis.study.play.small_tables import EVENTS, SCORES, StudyTables

HORIZON = 40
TASKS = 2


def row(
    arm: str,
    i: int,
    success: bool,
    *,
    strong: int = 0,
    steps: int = HORIZON,
    handover: int | None = None,
    digest: str = "same",
    tasks: int = TASKS,
) -> EpisodeRow:
    """Returns the row of unit i: units go over the tasks in turn."""
    return EpisodeRow(
        root=7, suite="toy", task=i % tasks, start="wide", index=i // tasks, arm=arm,
        instruction="go", success=success, stop="success" if success else "horizon", steps=steps,
        strong_steps=strong, weak_steps=steps - strong, fires=int(strong > 0),
        first_fire_k=None if handover is None else handover - 1, handover_k=handover,
        holds=(2,) if strong else (), asks=(("weak", 10), ("strong", strong)),
        digest=digest, final="end",
    )  # fmt: skip


def rows(arm: str, outcomes: str, strong: int = 0, handover: int | None = None) -> list[EpisodeRow]:
    """Returns a row per outcome: 1 is success."""
    if strong and handover is None:
        handover = 10
    return [row(arm, i, c == "1", strong=strong, handover=handover) for i, c in enumerate(outcomes)]


def plan(**changes: object) -> StudyPlan:
    """Returns the plan of the small study."""
    fields: dict[str, object] = {
        "question": "Is it better?",
        "reference": "weak",
        "published": "aegis",
        "recommended": "ours",
        "contrasts": (PlannedContrast("ours", "blind"), PlannedContrast("ours", "random")),
        "alpha": 0.05,
        "margin": 0.03,
        "budget": Budget(0.25, 0.3, 0.01),
        "stopping": "fixed",
        "exclusions": "none",
        "windows": (0.1, 0.3),
        "early": 0.3,
        "kill": KillCriteria(0.5, 0.3, 0.03, 0.97),
        "roles": {"weak": "what there is without help"},
        "random": "random",
        "oracle": "oracle",
    }
    return StudyPlan(**{**fields, **changes})  # type: ignore[arg-type]


ARMS = ("weak", "strong", "blind", "random", "aegis", "ours")


def study_rows(n: int = 60, seed: int = 0) -> list[EpisodeRow]:
    """Returns rows of all arms: weak solves a third, ours nearly all."""
    rng = np.random.default_rng(seed)
    weak = rng.random(n) < 0.33
    rates = {"strong": 0.95, "blind": 0.3, "random": 0.3, "aegis": 0.5, "ours": 0.9}
    found = [row("weak", i, bool(ok)) for i, ok in enumerate(weak)]
    for arm, rate in rates.items():
        for i in range(n):
            ok = bool(weak[i] or rng.random() < rate)
            whole = arm == "strong"
            found.append(
                row(
                    arm, i, ok, strong=HORIZON if whole else 10,
                    handover=None if whole else 8, digest=f"{arm}{i}",
                )
            )  # fmt: skip
    return found


def fork_rows(episodes: Sequence[EpisodeRow]) -> list[EpisodeRow]:
    """Returns a fork set: strong from tick 10 on solves all that weak fails, from 30 half."""
    found = [r for r in episodes if r.arm == "weak"]
    for i, first in enumerate(list(found)):
        unit = first.task + TASKS * first.index
        for k, ok in ((10, True), (30, i % 2 == 0)):
            found.append(
                row(f"strong_at_{k:03d}", unit, first.success or ok, strong=HORIZON - k, handover=k)
            )
            found.append(
                row(f"reseed_at_{k:03d}", unit, first.success, strong=HORIZON - k, handover=k)
            )
    return found


def score_table(
    episodes: Sequence[EpisodeRow], scores: Mapping[str, Sequence[float]], arm: str = "weak"
) -> pa.Table:
    """Returns scores that are constant over an episode, at a boundary every five ticks."""
    found = []
    for i, r in enumerate(e for e in episodes if e.arm == arm):
        for k in range(0, r.steps, 5):
            values = [(name, float(values[i])) for name, values in scores.items()]
            found.append(
                {"task": r.task, "start": r.start, "index": r.index, "arm": arm, "k": k,
                 "active": "weak", "scores": values}
            )  # fmt: skip
    return pa.Table.from_pylist(found, schema=SCORES)


def event_rows(episodes: Sequence[EpisodeRow], k: int = 20, kind: str = "missed") -> pa.Table:
    """Returns the same event for every failing episode of the reference."""
    found = [
        {"task": r.task, "start": r.start, "index": r.index, "kind": "" if r.success else kind,
         "k": -1 if r.success else k}
        for r in episodes if r.arm == "weak"
    ]  # fmt: skip
    return pa.Table.from_pylist(found, schema=EVENTS)


def tables(n: int = 60) -> StudyTables:
    """Returns all tables of the small study; its probe is good and noisy."""
    episodes = study_rows(n)
    weak = np.array([r.success for r in episodes if r.arm == "weak"])
    noise = np.random.default_rng(1).normal(size=n)
    probe = 1 / (1 + np.exp(-(2.0 * ~weak - 1 + noise)))
    scores = score_table(episodes, {"probe": probe, "task": np.arange(n) % TASKS})
    return StudyTables(tuple(episodes), scores, event_rows(episodes), tuple(fork_rows(episodes)))


def facts(**changes: object) -> AnalysisContext:
    """Returns the facts of the small study."""
    fields: dict[str, object] = {
        "name": "small", "arms": ARMS, "horizon": HORIZON, "threshold": 0.5, "false_alarms": 0.1,
        "lock": {"file": "abc"}, "duty_target": {"ours": 0.25},
        "duty_calibration": {"ours": 0.24}, "draws": 400,
    }  # fmt: skip
    return AnalysisContext(**{**fields, **changes})  # type: ignore[arg-type]
