"""Result: every number that a study reports; the one thing that is analysed, drawn and verified."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from aegis.stats.intervals import Interval
from aegis.study.latency import LatencyResult

FORMAT = "aegis-report-1"
PRIMARY, SECONDARY, EXPLORATORY = "primary", "secondary", "exploratory"
"""Families of contrasts; only the first is corrected, and the claim rests on it alone."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    ci: Interval


@dataclass(frozen=True, slots=True)
class Share:
    """A share of units, with its 95 % interval."""

    count: int
    of: int
    value: float
    ci: Interval


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm on all units.

    Attributes:
        name: The arm.
        role: What it is there for, in words; from the plan.
        n: Units.
        success: Of all units.
        recovered: Of the units that the reference failed, those that this arm solved.
        disrupted: Of the units that the reference solved, those that this arm failed.
        duty: Steps under the strong policy over all steps.
        duty_target: The duty that its dial was set for; None if it has no dial.
        duty_calibration: The duty that it then had on calibration units; None without a dial.
        fires: Hand-overs per episode.
        hold_chunks: Mean length of a stay with the strong policy [chunks]; NaN without one.
        steps: Control steps per episode.
        asks: Queries per episode, by policy; ``strong`` are the strong calls.
    """

    name: str
    role: str
    n: int
    success: Share
    recovered: Share
    disrupted: Share
    duty: Estimate
    duty_target: float | None
    duty_calibration: float | None
    fires: float
    hold_chunks: float
    steps: float
    asks: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TaskDifference:
    """A contrast in one task."""

    task: int
    n: int
    recovered: int
    disrupted: int
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Looks:
    """A sequential reading of a contrast: units in their planned order.

    Attributes:
        log_e: Logarithm of the e-process after the last unit.
        stop: Units after which it first reached 1 / alpha; None if it never did.
    """

    log_e: float
    stop: int | None


@dataclass(frozen=True, slots=True)
class Posterior:
    """A Bayesian reading of a contrast: Dirichlet posteriors of the four cells, task by task."""

    mean: float
    ci: Interval
    p_positive: float
    p_above_2pp: float


@dataclass(frozen=True, slots=True)
class ContrastResult:
    """An arm against another on the same units.

    Attributes:
        arm, against: The two arms.
        primary: Whether the plan names it as confirmatory; others are exploratory.
        alternative: ``greater``, or ``noninferior`` with a margin.
        margin: Of non-inferiority; None otherwise.
        alpha: Level of its family.
        n: Units.
        recovered: Units that only the arm solved.
        disrupted: Units that only the other solved.
        difference: Of success rates over all units; BCa interval, units resampled within tasks.
        difference_clustered: The same estimate with start states resampled as clusters.
        difference_tasks: The same with whole tasks resampled: for claims about other tasks.
        failures: Units that the reference failed.
        recovered_difference: Of success rates on these units: the recovered-task rates.
        p: Exact one-sided McNemar; for ``noninferior``, one-sided from the paired interval.
        mid_p: Its mid-p variant.
        p_holm: ``p``, or ``p_starts`` where start states were played several times, corrected
            within the family of primary contrasts; NaN if exploratory.
        failures_p: Exact one-sided McNemar on the units that the reference failed; NaN if
            one of the arms is the reference, where it would be empty.
        duty_difference: Duty of the arm minus that of the other.
        per_task: The difference in each task.
        looks: Sequential reading.
        posterior: Bayesian reading.
        passed: Whether the claim holds at alpha after correction.
        p_starts: Exact sign-flip test with start states as clusters; McNemar's where each start
            state was played once.
        p_tasks: The same with whole tasks as clusters; it cannot fall below 1 / 2^tasks.
        family: ``primary``; ``secondary``: planned, not corrected, no claim; ``exploratory``.
    """

    arm: str
    against: str
    primary: bool
    alternative: str
    margin: float | None
    alpha: float
    n: int
    recovered: int
    disrupted: int
    difference: Estimate
    difference_clustered: Interval
    difference_tasks: Interval
    failures: int
    recovered_difference: Estimate
    p: float
    mid_p: float
    p_holm: float
    failures_p: float
    duty_difference: Estimate
    per_task: tuple[TaskDifference, ...]
    looks: Looks
    posterior: Posterior
    passed: bool
    p_starts: float = float("nan")
    p_tasks: float = float("nan")
    family: str = EXPLORATORY


@dataclass(frozen=True, slots=True)
class WindowAuroc:
    """How well a score ranks failing episodes in a fixed first part of the horizon."""

    window: float
    pooled: Estimate
    within_task: Estimate
    ended: int


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """One score on the reference arm's episodes.

    Attributes:
        name: The detector, or the baseline: ``time``, ``task``, ``proprio``.
        baseline: Whether it is one.
        windows: AUROC of the episode's mean score in windows of the horizon.
    """

    name: str
    baseline: bool
    windows: tuple[WindowAuroc, ...]


@dataclass(frozen=True, slots=True)
class Bin:
    """Episodes whose risk lay in a range, and how many of them failed."""

    low: float
    high: float
    mean_risk: float
    failed: Share


@dataclass(frozen=True, slots=True)
class DetectorResult:
    """The score that the recommended arm reads, judged on the reference arm, before any hand-over.

    Attributes:
        name: The score that this is about.
        early: The window that counts as early, share of the horizon.
        auroc_early: Pooled AUROC in it.
        auroc_early_within_task: AUROC over pairs of episodes of the same task.
        scores: All scores and baselines, in all windows.
        gain: Within-task AUROC minus that of each other score, early; paired bootstrap by episode.
        reliability: Calibration curve of the risk, by episode, early.
        calibration_error: Expected calibration error of it.
        alarm: The score of the published rule, which the rest is about.
        alpha: False alarms that its threshold was set for; NaN if there is none.
        false_alarms: Successful episodes in which it passed the threshold after the guard.
        alarms: Failed episodes in which it did.
    """

    name: str
    early: float
    auroc_early: Estimate
    auroc_early_within_task: Estimate
    scores: tuple[ScoreResult, ...]
    gain: Mapping[str, Estimate]
    reliability: tuple[Bin, ...]
    calibration_error: float
    alarm: str
    alpha: float
    false_alarms: Share
    alarms: Share

    def baselines(self) -> dict[str, object]:
        """Returns the early AUROC of each baseline, for those who look for these alone."""
        return {
            score.name: {
                "auroc_early": asdict(window.pooled),
                "auroc_early_within_task": asdict(window.within_task),
            }
            for score in self.scores
            for window in score.windows
            if score.baseline and window.window == self.early
        }


@dataclass(frozen=True, slots=True)
class TimingResult:
    """When an arm handed over, held against what went wrong in the reference arm.

    Attributes:
        arm: The arm.
        events: Kind of failure event in the reference arm (``missed``, ``dropped``, ``blocked``,
            ``misplaced``, ``unreached``) to number of episodes.
        fired: Failing episodes in which the arm handed over.
        before: Of these with an event, those handed over before it: predicted, not detected.
        lead: Quartiles of event tick minus hand-over tick [control steps]; NaN without any.
        first_fire: Quartiles of the tick of the first hand-over [control steps].
    """

    arm: str
    events: Mapping[str, int]
    fired: Share
    before: Share
    lead: tuple[float, float, float]
    first_fire: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ForkPoint:
    """What a hand-over at one tick was worth.

    Attributes:
        k: Tick of the fork [control steps].
        n: Episodes still running then.
        failing: Of these, the share that the weak policy goes on to fail: p.
        recovers: Strong's success where the weak policy fails: r.
        disrupts: Strong's failure where the weak policy succeeds: d.
        reseeded: Success of the weak policy with fresh noise where it fails with the first.
        advantage: Success of strong minus success of weak with fresh noise.
        pays: Whether p > d / (r + d).
    """

    k: int
    n: int
    failing: Share
    recovers: Share
    disrupts: Share
    reseeded: Share
    advantage: Estimate
    pays: bool


@dataclass(frozen=True, slots=True)
class OracleGap:
    """How much of the way from random to oracle timing an arm goes, at no more duty.

    Attributes:
        arm, random, oracle: The arms.
        closed: (arm - random) / (oracle - random), success over all units.
    """

    arm: str
    random: str
    oracle: str
    closed: Estimate


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """Success against duty at one setting of one gate.

    Attributes:
        gate: Name of the family of settings.
        setting: The dial, in words.
        duty: Steps under the strong policy over all steps.
        success: Of all units.
    """

    gate: str
    setting: str
    duty: Estimate
    success: Share


@dataclass(frozen=True, slots=True)
class KillResult:
    """A criterion of the plan that stops the study or marks its result.

    Attributes:
        name: For example ``early_auroc``, ``duty``, ``common_prefix``, ``floor``, ``ceiling``.
        rule: The rule in words, with its number.
        measured: What was found, in words.
        action: ``stop`` or ``mark``.
        killed: Whether it struck.
    """

    name: str
    rule: str
    measured: str
    action: str
    killed: bool


@dataclass(frozen=True, slots=True)
class Result:
    """A study.

    Attributes:
        name: Of the study.
        claim: What was found, in one sentence.
        question: What the plan asked, in one sentence.
        suite: Task suite.
        start: Family of start states.
        units: Paired units analysed.
        excluded: Units left out by the plan's rule, with why.
        reference: Arm that recovered and disrupted refer to.
        recommended: Arm that the project recommends.
        lock: Digests that the plan was locked with; empty for an exploratory study.
        arms: In the order of the plan.
        contrasts: Primary ones first.
        detector: None if no arm of the study was scored.
        timing: One entry per arm that hands over on a score.
        forks: Fork set, by tick; empty if none was made.
        gaps: Arms between random and oracle.
        frontier: Success against duty of all gates.
        kill_criteria: All of the plan.
        latency: What calls and decisions took; None if it was not measured.
        notes: What a reader has to know, for example which analyses are exploratory.
    """

    name: str
    claim: str
    question: str
    suite: str
    start: str
    units: int
    excluded: Mapping[str, str]
    reference: str
    recommended: str
    lock: Mapping[str, str]
    arms: tuple[ArmResult, ...]
    contrasts: tuple[ContrastResult, ...]
    detector: DetectorResult | None
    timing: tuple[TimingResult, ...] = ()
    forks: tuple[ForkPoint, ...] = ()
    gaps: tuple[OracleGap, ...] = ()
    frontier: tuple[FrontierPoint, ...] = ()
    kill_criteria: tuple[KillResult, ...] = ()
    latency: LatencyResult | None = None
    notes: tuple[str, ...] = ()
    exploratory: bool = field(default=False)

    def as_dict(self) -> dict[str, object]:
        """Returns plain values for JSON: see ``flatten`` for how intervals are written."""
        found = {"format": FORMAT, **asdict(self)}
        found["arms"] = {arm.name: _named(asdict(arm)) for arm in self.arms}
        if self.detector is not None:
            found["detector"] = {**asdict(self.detector), "baselines": self.detector.baselines()}
        return {name: flatten(value) for name, value in found.items()}

    def text(self) -> str:
        """Returns the JSON; equal results give equal bytes."""
        return json.dumps(self.as_dict(), indent=1, allow_nan=False) + "\n"


def _named(arm: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in arm.items() if key != "name"}


def flatten(value: object) -> object:
    """Returns plain JSON values: ``x`` with an interval becomes ``x`` and ``x_ci``.

    A share keeps its counts as ``x_count`` and ``x_of``; what is not a number becomes null.
    """
    if isinstance(value, Mapping):
        if set(value) == {"low", "high"}:
            return [flatten(value["low"]), flatten(value["high"])]
        out: dict[str, object] = {}
        for key, item in value.items():
            if isinstance(item, Mapping) and {"value", "ci"} <= set(item):
                out[str(key)] = flatten(item["value"])
                out[f"{key}_ci"] = flatten(item["ci"])
                out |= {f"{key}_{name}": item[name] for name in ("count", "of") if name in item}
            else:
                out[str(key)] = flatten(item)
        return out
    if isinstance(value, list | tuple):
        return [flatten(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
