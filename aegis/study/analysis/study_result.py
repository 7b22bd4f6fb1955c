"""Study result: every number of a report; the one value that is analysed, drawn and verified."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from aegis.study.analysis.arm_results import ArmResult
from aegis.study.analysis.contrast_result import ContrastResult
from aegis.study.analysis.fork_points import ForkPoint
from aegis.study.analysis.frontier_points import FrontierPoint
from aegis.study.analysis.json_values import flatten_intervals
from aegis.study.analysis.kill_criteria import KillResult
from aegis.study.analysis.oracle import OracleGap
from aegis.study.analysis.supplement import Supplement
from aegis.study.detection.detector_result import DetectorResult
from aegis.study.detection.handover_timing import TimingResult
from aegis.study.detection.latency import LatencyResult

FORMAT = "aegis-report-1"
"""Of plans that were locked before ``plan.draws`` existed: their report never changes its keys."""
EXTENDED_FORMAT = "aegis-report-2"
"""Of plans locked since: the same keys, and besides ``published`` and ``supplement``."""


@dataclass(frozen=True, slots=True)
class StudyResult:
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
        exploratory: Whether the plan was not locked before the test units were played.
        published: Arm of the published rule.
        supplement: Readings beside the planned ones.
        format: ``FORMAT``, which leaves out the last two, or ``EXTENDED_FORMAT``.
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
    exploratory: bool = False
    published: str = ""
    supplement: Supplement | None = None
    format: str = FORMAT

    def as_dict(self) -> dict[str, object]:
        """Returns plain values for JSON: see ``flatten_intervals`` for intervals."""
        found: dict[str, object] = {"format": self.format, **asdict(self)}
        if self.format == FORMAT:
            del found["published"], found["supplement"]
        found["arms"] = {arm.name: _without_name(asdict(arm)) for arm in self.arms}
        found["contrasts"] = [contrast.as_dict() for contrast in self.contrasts]
        if self.detector is not None:
            found["detector"] = {
                **asdict(self.detector),
                "baselines": self.detector.summarise_baselines(),
            }
        return {name: flatten_intervals(value) for name, value in found.items()}

    def to_json_text(self) -> str:
        """Returns the JSON; equal results give equal bytes."""
        return json.dumps(self.as_dict(), indent=1, allow_nan=False) + "\n"


def _without_name(arm: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in arm.items() if key != "name"}
