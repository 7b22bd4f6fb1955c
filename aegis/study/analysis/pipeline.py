"""Analysis pipeline: from a study's tables and plan to its result, in one pass.

Everything here is a function of rows, plan and facts. Resampling is addressed by the root seed and
the name of what is estimated, so the same tables give the same result to the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aegis.records.rows import EpisodeRow
from aegis.study.analysis.arm_results import describe_arms
from aegis.study.analysis.claim import compose_claim
from aegis.study.analysis.contrast_result import ContrastResult
from aegis.study.analysis.families import compare_families
from aegis.study.analysis.fork_points import describe_forks
from aegis.study.analysis.frontier_points import compute_frontier
from aegis.study.analysis.kill_criteria import evaluate_kill_criteria
from aegis.study.analysis.oracle import OracleGap, estimate_oracle_gap, make_oracle_rows
from aegis.study.analysis.study_result import EXTENDED_FORMAT, FORMAT, StudyResult
from aegis.study.analysis.supplement import compute_supplement
from aegis.study.detection.detector_evaluation import evaluate_detector
from aegis.study.detection.handover_timing import TimingResult, describe_timing
from aegis.study.detection.latency import summarise_latency
from aegis.study.outcomes import Outcomes
from aegis.study.plan.context import AnalysisContext
from aegis.study.plan.study_plan import SEQUENTIAL, StudyPlan
from aegis.study.play.small_tables import StudyTables, map_events


def analyse_study(plan: StudyPlan, tables: StudyTables, facts: AnalysisContext) -> StudyResult:
    """Computes a study's result.

    Args:
        plan: What was decided beforehand.
        tables: All that was measured.
        facts: What neither of them says.

    Raises:
        UnknownNameError: If the plan names an arm that was not played.
        PairingError: If arms were not played on the same units.
    """
    plan.check_arms(facts.arms)
    # A plan without a lock may have been written after its result was seen.
    facts = replace(facts, exploratory=facts.exploratory or not facts.lock)
    rows = _StudyRows.from_tables(plan, tables, facts)
    played = rows.played
    arms = describe_arms(rows.outcomes, plan.reference, _complete_roles(plan), facts)
    contrasts = compare_families(rows.outcomes, plan, facts.draws)
    detector = evaluate_detector(played, tables.scores, plan, facts)
    kills = evaluate_kill_criteria(played, plan, arms, detector)
    recommended = next(arm for arm in arms if arm.name == plan.recommended)
    primary = [contrast for contrast in contrasts if contrast.is_primary]
    first = played.keys[0]
    return StudyResult(
        name=facts.name,
        claim=compose_claim(
            recommended, plan.reference, primary, kills, exploratory=facts.exploratory
        ),
        question=plan.question,
        suite=facts.suite or first.suite,
        start=facts.start or first.start,
        units=played.n,
        excluded=dict(facts.excluded),
        reference=plan.reference,
        recommended=plan.recommended,
        lock=dict(facts.lock),
        arms=arms,
        contrasts=contrasts,
        detector=detector,
        timing=_describe_timings(plan, played, tables, facts),
        forks=describe_forks(rows.forks, plan.reference, draws=facts.draws),
        gaps=_estimate_gaps(plan, rows.episodes, rows.oracle, facts),
        frontier=compute_frontier(arms, facts, rows.oracle),
        kill_criteria=kills,
        latency=summarise_latency(tables.latency),
        notes=_write_notes(plan, played, tables, primary, facts),
        exploratory=facts.exploratory,
        published=plan.published,
        supplement=compute_supplement(plan, tables, facts),
        format=FORMAT if plan.draws is None else EXTENDED_FORMAT,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _StudyRows:
    """Rows of a study without the units that the plan's rule leaves out.

    Attributes:
        episodes: Of the arms that were played.
        forks: Of the fork set.
        oracle: Of the arm that is made from forks; empty without.
        played: The arms that were played, paired.
        outcomes: These, and the oracle where it covers every unit: an arm on some units alone
            cannot be compared with the others.
    """

    episodes: Sequence[EpisodeRow]
    forks: Sequence[EpisodeRow]
    oracle: Sequence[EpisodeRow]
    played: Outcomes
    outcomes: Outcomes

    @classmethod
    def from_tables(
        cls, plan: StudyPlan, tables: StudyTables, facts: AnalysisContext
    ) -> _StudyRows:
        left_out = set(facts.excluded)
        episodes = [row for row in tables.episodes if str(row.key) not in left_out]
        forks = [row for row in tables.forks if str(row.key) not in left_out]
        oracle = _make_oracle(plan, forks)
        played = Outcomes.from_rows(episodes, facts.arms, facts.tasks)
        outcomes = played
        if oracle and {row.key for row in oracle} == set(played.keys):
            outcomes = Outcomes.from_rows(
                [*episodes, *oracle], [*facts.arms, oracle[0].arm], facts.tasks
            )
        return cls(episodes, forks, oracle, played, outcomes)


def _complete_roles(plan: StudyPlan) -> dict[str, str]:
    made = "one hand-over at the best tick of each unit, chosen in hindsight from forks"
    return {**({plan.oracle: made} if plan.oracle else {}), **plan.roles}


def _make_oracle(plan: StudyPlan, forks: Sequence[EpisodeRow]) -> tuple[EpisodeRow, ...]:
    if plan.oracle is None or not forks:
        return ()
    return make_oracle_rows(forks, plan.reference, plan.budget.duty, plan.oracle)


def _describe_timings(
    plan: StudyPlan, outcomes: Outcomes, tables: StudyTables, facts: AnalysisContext
) -> tuple[TimingResult, ...]:
    events = map_events(tables.events)
    arms = dict.fromkeys(facts.scored or (plan.published, plan.recommended))
    return tuple(describe_timing(outcomes, arm, plan.reference, events) for arm in arms)


def _estimate_gaps(
    plan: StudyPlan,
    episodes: Sequence[EpisodeRow],
    oracle: Sequence[EpisodeRow],
    facts: AnalysisContext,
) -> tuple[OracleGap, ...]:
    """Places arms between random and oracle, on the units that were forked."""
    if not oracle:
        return ()
    name, units = oracle[0].arm, {row.key for row in oracle}
    arms = dict.fromkeys([plan.recommended, plan.published])
    shared = [row for row in episodes if row.key in units]
    forked = Outcomes.from_rows([*shared, *oracle], [plan.random, name, *arms], facts.tasks)
    return tuple(
        estimate_oracle_gap(forked, arm, plan.random, name, draws=facts.draws) for arm in arms
    )


def _write_notes(
    plan: StudyPlan,
    outcomes: Outcomes,
    tables: StudyTables,
    primary: Sequence[ContrastResult],
    facts: AnalysisContext,
) -> tuple[str, ...]:
    """Says what a reader has to know besides the numbers."""
    notes = list(facts.notes)
    if facts.exploratory:
        notes.append(
            "The plan was not locked before the test units were played: all is exploratory."
        )
    notes.append(
        "Contrasts outside the plan's family are secondary or exploratory: not corrected, no claim."
    )
    if len(set(outcomes.start.tolist())) == outcomes.n:
        notes.append("Each start state was played once, so start states are the units.")
    tasks = len(set(outcomes.task.tolist()))
    notes.append(
        f"Intervals over whole tasks rest on {tasks} of them and are too short on average; "
        "they say what other tasks may show, not what these did."
    )
    if plan.stopping == SEQUENTIAL:
        notes.append(
            "A sequential study: p-values after correction hold at any time, being one over the "
            "largest e; the exact test is given for comparison. Non-inferiority is tested once."
        )
    if not tables.events.num_rows:
        notes.append("No simulator truth was written down, so failure events are not known.")
    return (*notes, *_note_unequal_duty(primary, plan, facts))


def _note_unequal_duty(
    primary: Sequence[ContrastResult], plan: StudyPlan, facts: AnalysisContext
) -> tuple[str, ...]:
    """Says where an arm spent more than a control that was to spend the same."""
    return tuple(
        f"{c.arm} had the strong policy in charge on {100 * c.duty_difference.value:.1f} pp more "
        f"of all steps than {c.against}, whose dial was set for the same: part of its gain may be "
        "that."
        for c in primary
        if c.against in facts.duty_target and c.duty_difference.value > plan.budget.tolerance
    )
