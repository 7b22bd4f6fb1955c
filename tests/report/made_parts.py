"""Parts of the made-up study's result: detector, timing, forks, frontier, criteria, latency."""

from __future__ import annotations

from collections.abc import Sequence

from aegis.stats.intervals import Interval, wilson_interval
from aegis.study.analysis.arm_results import ArmResult
from aegis.study.analysis.fork_points import ForkPoint
from aegis.study.analysis.frontier_points import FrontierPoint
from aegis.study.analysis.kill_criteria import KillResult
from aegis.study.detection.detector_result import DetectorResult, RiskBin, ScoreResult, WindowAuroc
from aegis.study.detection.handover_timing import TimingResult
from aegis.study.detection.latency import ArmLatency, DurationSummary, LatencyResult
from aegis.study.estimates import Estimate, Share

NAN = float("nan")
KINDS = ("missed", "dropped", "misplaced", "blocked", "unreached")
"""Kinds of failure, in the order of the tables."""


def make_share(count: int, of: int) -> Share:
    return Share(count, of, count / of if of else NAN, wilson_interval(count, of))


def make_estimate(value: float, half: float) -> Estimate:
    return Estimate(value, Interval(value - half, value + half))


def make_detector() -> DetectorResult:
    curves = (
        ("probe", False, (0.66, 0.74, 0.82, 0.88)), ("task", True, (0.5, 0.5, 0.5, 0.5)),
        ("proprio", True, (0.52, 0.53, 0.56, 0.62)), ("time", True, (0.5, 0.5, 0.5, 0.74)),
        ("advantage_probe", False, (0.64, 0.72, 0.80, 0.85)),
        ("keep", False, (0.40, 0.35, 0.30, 0.20)),
    )  # fmt: skip
    windows = (0.1, 0.2, 0.3, 0.5)
    scores = tuple(
        ScoreResult(
            name,
            baseline,
            tuple(
                WindowAuroc(
                    w,
                    make_estimate(v + (0.08 if name == "task" else 0.01), 0.03),
                    make_estimate(v, 0.03),
                    0 if w < 0.5 else 17,
                )
                for w, v in zip(windows, values, strict=True)
            ),
        )
        for name, baseline, values in curves
    )
    counts = (3, 6, 9, 13, 16, 20, 24, 30, 35, 38)
    bins = tuple(
        RiskBin(i / 10, (i + 1) / 10, (i + 0.5) / 10, make_share(c, 40))
        for i, c in enumerate(counts)
    )
    return DetectorResult(
        "probe",
        0.3,
        make_estimate(0.83, 0.03),
        make_estimate(0.82, 0.03),
        scores,
        {"time": make_estimate(0.32, 0.03), "proprio": make_estimate(0.26, 0.04)},
        bins,
        0.034,
        "probe",
        0.10,
        make_share(17, 220),
        make_share(161, 180),
    )


def make_latency() -> LatencyResult:
    calls = {"strong": DurationSummary(420, 11.3, 14.9), "weak": DurationSummary(900, 2.1, 2.9)}
    arms = {name: ArmLatency(DurationSummary(300, 2.4, 13.0), DurationSummary(300, 0.2, 0.31), 0.61)
            for name in ("weak", "advantage")}  # fmt: skip
    return LatencyResult({"cpu": "abacus", "cores": "2"}, 10, calls, arms)


def make_timing(name: str, lead: int) -> TimingResult:
    kinds = dict(zip(KINDS, (58, 47, 31, 24, 20), strict=True))
    quartiles = (lead - 19.0, float(lead), lead + 22.0)
    return TimingResult(
        name, kinds, make_share(171, 180), make_share(122, 171), quartiles, (55.0, 70.0, 92.0)
    )


def make_fork(k: int) -> ForkPoint:
    late = k / 220
    return ForkPoint(
        k, 400 - k, make_share(int(200 - 0.2 * k), 400 - k), make_share(int(180 * (1 - late)), 180),
        make_share(2 + k // 40, 200), make_share(int(60 * (1 - late)), 180),
        make_estimate(0.45 - 0.55 * late, 0.06), k < 185,
    )  # fmt: skip


def make_frontier(arms: Sequence[ArmResult]) -> tuple[FrontierPoint, ...]:
    points = [FrontierPoint(a.name, "", a.duty, a.success) for a in arms]
    for gate, grip in (("advantage", 1.0), ("random", 0.72)):
        for duty in (0.06, 0.14, 0.22, 0.28, 0.34):
            solved = int(100 * (0.55 + grip * 1.55 * duty * (1 - duty)))
            points.append(
                FrontierPoint(gate, f"{duty}", make_estimate(duty, 0.012), make_share(solved, 100))
            )
    return tuple(points)


def make_kill_results() -> tuple[KillResult, ...]:
    rows = (
        ("early_auroc", "lower bound of the early AUROC at least 0.60", "0.790", "mark"),
        ("duty", "duty of the recommended arm at most 38 %", "36.1 %", "mark"),
        ("common_prefix", "equal states until the first hand-over", "0 differ", "mark"),
        ("floor", "success of the reference at least 3 %", "55.0 %", "mark"),
        ("ceiling", "success of the reference at most 97 %", "55.0 %", "mark"),
    )
    return tuple(KillResult(*row, killed=False) for row in rows)
