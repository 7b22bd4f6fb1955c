"""A made-up study that looks like a real one: rows drawn from a seed, and a result of them."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from PIL import Image

from aegis.records.rows import EpisodeRow
from aegis.report.tables import Rule, Tables
from aegis.stats.paired_outcome import PairedOutcome
from aegis.study.analysis.arm_results import ArmResult
from aegis.study.analysis.contrast_result import (
    BayesianReading,
    ContrastResult,
    SequentialReading,
    TaskDifference,
)
from aegis.study.analysis.oracle import OracleGap
from aegis.study.analysis.study_result import StudyResult
from aegis.study.plan.study_plan import Budget, KillCriteria, PlannedContrast, StudyPlan
from aegis.study.play.small_tables import EVENTS, SCORES
from tests.report.made_parts import (
    KINDS,
    NAN,
    make_detector,
    make_estimate,
    make_fork,
    make_frontier,
    make_kill_results,
    make_latency,
    make_share,
    make_timing,
)

HORIZON, CHUNK = 220, 10
# Name, strong's grip on the outcome: chance to recover, to disrupt, duty, and what it is there for.
ARMS = (
    ("weak", 0.0, 0.0, 0.0, "The weak policy alone: the reference."),
    ("strong", 0.96, 0.01, 1.0, "The strong policy alone."),
    ("advantage", 0.79, 0.012, 0.36, "The recommended gate: hands over where forks say it pays."),
    ("aegis", 0.50, 0.03, 0.33, "The published rule."),
    ("blind_late", 0.61, 0.05, 0.36, "Strong from a fixed tick to the end."),
    ("blind_early", 0.66, 0.03, 0.37, "Strong leads, weak finishes."),
    ("blind_periodic", 0.52, 0.06, 0.35, "Strong in every third stint."),
    ("random", 0.60, 0.05, 0.36, "A coin with the hold lengths of the recommended gate."),
    ("reseed", 0.27, 0.20, 0.0, "As the recommended gate, but weak with fresh noise takes over."),
    ("oracle", 0.93, 0.002, 0.31, "The best fork of each unit within the budget."),
)
PLACES = ("between the plate and the ramekin", "next to the ramekin", "from table center",
          "on the cookie box", "in the top drawer of the wooden cabinet", "on the ramekin",
          "next to the cookie box", "on the stove", "next to the plate",
          "on the wooden cabinet")  # fmt: skip


def episodes(per_task: int = 40, tasks: int = 10) -> tuple[EpisodeRow, ...]:
    rng = np.random.default_rng(4)
    rows = []
    for task in range(tasks):
        for index in range(per_task):
            solved = bool(rng.random() < 0.42 + 0.03 * task)
            luck, fire = rng.random(), int(rng.integers(4, 14)) * CHUNK
            for name, recovers, disrupts, duty, _ in ARMS:
                success = luck > disrupts if solved else luck < recovers
                hands_over = name != "weak" and (not solved or luck < 0.4 or name == "strong")
                first = 0 if name == "strong" else fire + (30 if name == "aegis" else 0)
                steps = int(110 + 50 * luck) if success else HORIZON
                k = first if hands_over and first < steps else None
                strong = min(int(2 * duty * steps), steps - k) if k is not None else 0
                words = f"pick up the black bowl {PLACES[task]} and place it on the plate"
                rows.append(
                    EpisodeRow(
                        0, "libero_spatial", task, "wide", index, name, words, success,
                        "success" if success else "horizon", steps, strong, steps - strong,
                        0 if name == "strong" else int(k is not None),
                        None if k is None or name == "strong" else k - 5, k or None,
                        (strong // CHUNK,) if strong else (),
                        (("strong", strong // CHUNK), ("weak", (steps - strong) // CHUNK)),
                        "d", "f",
                    )
                )  # fmt: skip
    return tuple(rows)


def scores(rows: Sequence[EpisodeRow]) -> pa.Table:
    rng = np.random.default_rng(5)
    found = []
    for row in rows:
        if row.arm not in ("weak", "advantage", "aegis"):
            continue
        drift = 0.1 if row.success and row.arm == "weak" else 0.42
        for k in range(0, row.steps, CHUNK):
            first = row.handover_k if row.handover_k is not None else 10**6
            strong = first <= k < first + row.strong_steps
            risk = float(np.clip(0.2 + drift * k / 100 + rng.normal(0, 0.06), 0.01, 0.99))
            known = [] if strong else [("probe", risk), ("proprio", 1 - risk)]
            found.append(
                {"task": row.task, "start": row.start, "index": row.index, "arm": row.arm, "k": k,
                 "active": "strong" if strong else "weak", "scores": known}
            )  # fmt: skip
    return pa.Table.from_pylist(found, schema=SCORES)


def events(rows: Sequence[EpisodeRow]) -> pa.Table:
    rng = np.random.default_rng(6)
    found = []
    for row in (row for row in rows if row.arm == "weak"):
        kind = "" if row.success else KINDS[int(rng.integers(0, 5))]
        k = -1 if row.success else int(np.clip(rng.normal(100, 28), 20, HORIZON - 1))
        place = {"task": row.task, "start": row.start, "index": row.index}
        found.append({**place, "kind": kind, "k": k})
    return pa.Table.from_pylist(found, schema=EVENTS)


def tables(rows: Sequence[EpisodeRow]) -> Tables:
    rules = {"advantage": Rule("probe", 0.62, 44), "aegis": Rule("probe", 0.8, 44)}
    return Tables(tuple(rows), scores(rows), events(rows), rules)


def result(rows: Sequence[EpisodeRow]) -> StudyResult:
    by_arm = {name: [r for r in rows if r.arm == name] for name, *_ in ARMS}
    arms = tuple(
        _make_arm(name, by_arm[name], by_arm["weak"], role) for name, _, _, _, role in ARMS
    )
    main = [_make_contrast(by_arm, "advantage", other, True) for other in
            ("blind_early", "blind_late", "random", "reseed")]  # fmt: skip
    main.append(
        replace(
            _make_contrast(by_arm, "advantage", "strong", True),
            alternative="noninferior",
            margin=0.03,
            passed=False,
            p=0.98,
            p_holm=0.98,
        )
    )
    rest = [_make_contrast(by_arm, "aegis", o, False) for o in ("random", "blind_late", "weak")]
    rest[0] = replace(rest[0], family="secondary")
    return StudyResult(
        name="reference",
        claim="At the same share of steps, handing over when the gate says so recovers more of "
        "the tasks that the weak policy loses than any schedule or chance, and disrupts 1 %.",
        question="Does timing, and not only the extra compute, recover tasks?",
        suite="libero_spatial",
        start="wide",
        units=len(by_arm["weak"]),
        excluded={},
        reference="weak",
        recommended="advantage",
        lock={n: zlib.crc32(n.encode()).to_bytes(4, "big").hex() * 8
              for n in ("plan", "code", "policy.weak", "policy.strong", "detectors")},
        arms=arms,
        contrasts=(*main, *rest),
        detector=make_detector(),
        timing=(make_timing("advantage", 41), make_timing("aegis", -12)),
        forks=tuple(make_fork(k) for k in (0, 45, 70, 100, 130, 160, 190)),
        gaps=(OracleGap("advantage", "random", "oracle", make_estimate(0.62, 0.14)),),
        frontier=make_frontier(arms),
        kill_criteria=make_kill_results(),
        latency=make_latency(),
        notes=("Blind arms are every schedule that a reviewer would think of.",),
    )  # fmt: skip


def _make_arm(
    name: str, rows: Sequence[EpisodeRow], weak: Sequence[EpisodeRow], role: str
) -> ArmResult:
    pairs = [(row.success, other.success) for row, other in zip(rows, weak, strict=True)]
    lost, kept = [x for x, y in pairs if not y], [x for x, y in pairs if y]
    duty = sum(r.strong_steps for r in rows) / sum(r.steps for r in rows)
    half = 0.0 if duty in (0.0, 1.0) else 0.018
    dial = name not in ("weak", "strong", "oracle")
    asks = {p: float(np.mean([dict(r.asks)[p] for r in rows])) for p in ("strong", "weak")}
    return ArmResult(
        name,
        role,
        len(rows),
        make_share(sum(r.success for r in rows), len(rows)),
        make_share(sum(lost), len(lost)),
        make_share(len(kept) - sum(kept), len(kept)),
        make_estimate(duty, half),
        0.36 if dial else None,
        duty + 0.004 if dial else None,
        float(np.mean([r.fires for r in rows])),
        5.4 if duty else NAN,
        float(np.mean([r.steps for r in rows])),
        asks,
    )


def _make_contrast(
    by_arm: Mapping[str, Sequence[EpisodeRow]], one: str, other: str, primary: bool
) -> ContrastResult:
    x, y, z = (np.array([r.success for r in by_arm[n]]) for n in (one, other, "weak"))
    task = np.array([r.task for r in by_arm[one]])
    cells, lost = PairedOutcome.from_success(x, y), PairedOutcome.from_success(x[~z], y[~z])
    per_task = []
    for t in sorted(set(task.tolist())):
        mine = PairedOutcome.from_success(x[task == t], y[task == t])
        estimate = make_estimate(mine.difference, 0.11)
        per_task.append(TaskDifference(t, mine.units, mine.recovered, mine.disrupted, estimate))
    difference, p = make_estimate(cells.difference, 0.04), cells.mcnemar_p()
    return ContrastResult(
        one, other, "greater", None, 0.05, cells.units, cells.recovered,
        cells.disrupted, difference, difference.ci, difference.ci, lost.units,
        make_estimate(lost.difference, 0.06), p, p * 0.8, min(1.0, 5 * p) if primary else NAN,
        lost.mcnemar_p(), make_estimate(0.004, 0.02), tuple(per_task),
        SequentialReading(12.3 if p < 0.01 else -1.2, 260 if p < 0.01 else None),
        BayesianReading(cells.difference, difference.ci, 1 - p, 0.9 * (1 - p)),
        primary and p < 0.01,
        p, max(p, 2.0 ** -len(per_task)), "primary" if primary else "exploratory",
    )  # fmt: skip


def plan() -> StudyPlan:
    """Returns what was decided before the made-up study."""
    pairs = [("blind_early", "greater"), ("blind_late", "greater"), ("random", "greater"),
             ("reseed", "greater"), ("strong", "noninferior")]  # fmt: skip
    return StudyPlan(
        question="Does timing, and not only the extra compute, recover tasks?",
        reference="weak", published="aegis", recommended="advantage",
        contrasts=tuple(PlannedContrast("advantage", *pair) for pair in pairs),
        alpha=0.05, margin=0.03, budget=Budget(0.36, 0.38, 0.01), stopping="fixed",
        exclusions="none", windows=(0.1, 0.2, 0.3, 0.5), early=0.3,
        kill=KillCriteria(0.6, 0.42, 0.03, 0.97), roles={}, random="random", oracle="oracle",
        secondary=(PlannedContrast("aegis", "random"),),
    )  # fmt: skip


def png(wide: int = 16, high: int = 16, shade: int = 128) -> bytes:
    """Returns a small grey picture."""
    file = io.BytesIO()
    Image.new("L", (wide, high), shade).save(file, format="PNG")
    return file.getvalue()


def pictures() -> dict[str, dict[int, bytes]]:
    return {
        kind: {k: png(shade=60 + k) for k in (0, 30, 60, 90, 120)}
        for kind in ("recovered", "missed", "disrupted")
    }
