"""Demo result: the effect of help in a demo, computed by the analysis of studies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from aegis.app.screen import Json, Screen
from aegis.records.files import write_atomic
from aegis.records.rows import EpisodeRow
from aegis.study.analysis.arm_results import ArmResult, describe_arms
from aegis.study.analysis.contrast_result import ContrastResult
from aegis.study.analysis.contrasts import compare_success
from aegis.study.analysis.formatting import (
    NO_NUMBER,
    format_decimal,
    format_interval,
    format_p_value,
    format_percent,
    format_points,
)
from aegis.study.analysis.json_values import flatten_intervals
from aegis.study.estimates import Share
from aegis.study.outcomes import Outcomes
from aegis.study.plan.context import AnalysisContext


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The arms of a demo on the same units.

    There was no locked plan, so nothing in it is a claim.

    Attributes:
        units: Number of start states; every arm played all of them.
        reference: Arm that recovered and disrupted refer to.
        arms: In the order of the configuration.
        strong_steps: Arm to steps with the strong policy in charge per unit [control steps].
        contrasts: Every other arm against the reference.
    """

    units: int
    reference: str
    arms: tuple[ArmResult, ...]
    strong_steps: Mapping[str, float]
    contrasts: tuple[ContrastResult, ...]

    def as_dict(self) -> dict[str, object]:
        """Returns plain values for JSON, named as in `report.json`."""
        arms = {
            arm.name: {**asdict(arm), "strong_steps": self.strong_steps[arm.name]}
            for arm in self.arms
        }
        values = {
            "units": self.units,
            "reference": self.reference,
            "arms": arms,
            "contrasts": [contrast.as_dict() for contrast in self.contrasts],
        }
        return {name: flatten_intervals(value) for name, value in values.items()}

    def write_json(self, path: Path) -> dict[str, Json]:
        """Writes the result, and returns what was written."""
        values = self.as_dict()
        write_atomic(path, (json.dumps(values, indent=1, allow_nan=False) + "\n").encode())
        return cast("dict[str, Json]", values)


def summarise_demo(
    episodes: Sequence[EpisodeRow], arms: Sequence[str], reference: str, horizon: int
) -> DemoResult:
    """Summarises the episodes of a demo.

    Args:
        episodes: All arms on all units, in any order.
        arms: Order of the arms.
        reference: Arm to compare the others with.
        horizon: Longest episode [control steps].

    Raises:
        UnknownNameError: If an arm has no episodes.
        PairingError: If arms differ in their units.
    """
    outcomes = Outcomes.from_rows(episodes, arms)
    context = AnalysisContext(name="demo", arms=tuple(arms), horizon=horizon)
    return DemoResult(
        units=outcomes.n,
        reference=reference,
        arms=describe_arms(outcomes, reference, {}, context),
        strong_steps={arm: float(outcomes.strong[arm].mean()) for arm in arms},
        contrasts=tuple(
            _compare_arms(outcomes, arm, reference) for arm in arms if arm != reference
        ),
    )


def choose_episode(episodes: Sequence[EpisodeRow], arm: str, reference: str) -> EpisodeRow | None:
    """Returns the episode of an arm most worth filming; None if the arm never handed over.

    Episodes that the reference failed come first, and among those the one with the least help: a
    short stay that saves an episode shows more than one that takes it over.
    """
    lost = {row.key for row in episodes if row.arm == reference and not row.success}
    helped = [row for row in episodes if row.arm == arm and row.fires]
    recovered = [row for row in helped if row.success and row.key in lost]
    return min(recovered or helped, key=lambda row: (not row.success, row.duty), default=None)


def describe_outcome(episodes: Sequence[EpisodeRow], row: EpisodeRow, reference: str) -> str:
    """Returns how an episode ended beside the reference's on the same unit: ``"recovered"``, ..."""
    reference_won = any(
        other.success for other in episodes if other.arm == reference and other.key == row.key
    )
    if reference_won:
        return "kept" if row.success else "disrupted"
    return "recovered" if row.success else "still failed"


def print_demo(result: DemoResult, recommended: str, screen: Screen) -> None:
    """Prints the table of arms, and the contrast of the recommended arm in words."""
    p_values = {contrast.arm: contrast.p for contrast in result.contrasts}
    rows = [
        [
            arm.name,
            *map(_format_counts, (arm.success, arm.recovered, arm.disrupted)),
            format_percent(arm.duty.value),
            format_decimal(result.strong_steps[arm.name], 1),
            format_p_value(p_values[arm.name]) if arm.name in p_values else NO_NUMBER,
        ]
        for arm in result.arms
    ]
    title = f"{result.units} paired start states; the rest compares with '{result.reference}'"
    columns = ["arm", "success", "recovered", "disrupted", "duty", "strong steps per unit", "p"]
    screen.print_table(title, columns, rows)
    screen.print_line()
    for contrast in result.contrasts:
        if contrast.arm == recommended:
            screen.print_line(_describe_contrast(contrast))


def _compare_arms(outcomes: Outcomes, arm: str, reference: str) -> ContrastResult:
    return compare_success(
        outcomes.success[arm],
        outcomes.success[reference],
        outcomes.success[reference],
        outcomes.task,
        outcomes.start,
        root=outcomes.root,
        names=(arm, reference),
        duty=[table[n] for n in (arm, reference) for table in (outcomes.strong, outcomes.steps)],
    )


def _format_counts(share: Share) -> str:
    if not share.of:
        return NO_NUMBER
    return f"{share.count} of {share.of}\n{format_interval(share.ci, digits=0)} %"


def _describe_contrast(contrast: ContrastResult) -> str:
    interval = format_interval(contrast.difference.ci, sign=True)
    difference = f"{format_points(contrast.difference.value)} {interval}".rstrip()
    return (
        f"{contrast.recovered} units only '{contrast.arm}' solved, {contrast.disrupted} only "
        f"'{contrast.against}': {difference}, "
        f"p = {format_p_value(contrast.p)} (exact McNemar, one-sided)."
    )
