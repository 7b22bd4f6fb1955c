"""Comparison: two results of other harnesses, on the episodes that they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aegis.core.errors import ConfigError, TraceError
from aegis.stats.paired_outcome import PairedOutcome
from aegis.study.comparison.policy_comparison import compute_two_sided_p, estimate_difference
from aegis.study.comparison.required_units import RequiredUnits, require_units
from aegis.study.estimates import Estimate, Share
from aegis.study.imported.error_rules import COUNT_AS_FAILURES, ERROR_RULES, LEAVE_OUT
from aegis.study.imported.results import EpisodeAddress, ImportedEpisode, ImportedResults
from aegis.study.outcomes import wilson_share

_TOLD = 3
"""Tasks that a message names."""


@dataclass(frozen=True, slots=True)
class ImportedSide:
    """One of two results.

    Attributes:
        source: File or folder.
        harness: What wrote it.
        success: Share of all its judged episodes that reached their goal.
        errors: Episodes that the harness could not finish, by reason.
        alone: Judged episodes that the other result has no partner for.
    """

    source: str
    harness: str
    success: Share
    errors: Mapping[str, int]
    alone: int


@dataclass(frozen=True, slots=True)
class ImportedTask:
    """The pairs of one task.

    Attributes:
        suite: Task suite.
        task: Number of the task.
        instruction: What the robot was told; empty where neither harness says.
        n: Pairs.
        both, neither, only_a, only_b: Pairs by who solved them.
        difference: Success rate of A minus that of B.
    """

    suite: str
    task: int
    instruction: str
    n: int
    both: int
    neither: int
    only_a: int
    only_b: int
    difference: Estimate


@dataclass(frozen=True, slots=True)
class ImportedComparison:
    """Two results on the episodes that they share.

    Attributes:
        a, b: The results.
        n: Pairs.
        both, neither, only_a, only_b: Pairs by who solved them.
        difference: Success rate of A minus that of B on the pairs, with Tango's interval.
        p: Two-sided p-value of McNemar's exact test.
        required: Pairs that a difference of the size asked for needs.
        tasks: The same by task.
        notes: What a reader must know, in sentences.
    """

    a: ImportedSide
    b: ImportedSide
    n: int
    both: int
    neither: int
    only_a: int
    only_b: int
    difference: Estimate
    p: float
    required: RequiredUnits
    tasks: tuple[ImportedTask, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnpairedResults:
    """Two results whose episodes are not known to share start states.

    Attributes:
        a, b: The results.
        notes: Why they are not paired, and what else a reader must know, in sentences.
    """

    a: ImportedSide
    b: ImportedSide
    notes: tuple[str, ...]


def list_assumptions(*results: ImportedResults) -> tuple[str, ...]:
    """Returns what must hold for episodes of results to be paired, in sentences."""
    return tuple(dict.fromkeys(one.assumption for one in results if one.assumption))


def summarise_results(
    a: ImportedResults, b: ImportedResults, *, errors: str = LEAVE_OUT
) -> UnpairedResults:
    """Returns two results side by side, each for itself.

    Args:
        a: The first.
        b: The second.
        errors: One of ``ERROR_RULES``.

    Raises:
        ConfigError: If there is no such rule.
    """
    _check_rule(errors)
    left, right = (_summarise(one, _index_judged(one, errors), 0) for one in (a, b))
    why = "Not paired: who says that start states are the same pairs them, --same-starts."
    return UnpairedResults(left, right, (*list_assumptions(a, b), why, *_list_notes(a, b)))


def compare_results(
    a: ImportedResults,
    b: ImportedResults,
    *,
    errors: str = LEAVE_OUT,
    target: float = 0.05,
    alpha: float = 0.05,
    goal: float = 0.8,
) -> ImportedComparison:
    """Compares two results.

    Args:
        a: The first.
        b: The second.
        errors: One of ``ERROR_RULES``.
        target: Difference in success rate that is to be found, in (0, 1].
        alpha: Two-sided level.
        goal: Power to find it with.

    Raises:
        ConfigError: If there is no such rule.
        TraceError: If one task has two instructions, or nothing can be paired.
    """
    _check_rule(errors)
    left, right = _index_judged(a, errors), _index_judged(b, errors)
    words = _find_instructions(a, b)
    shared = [address for address in sorted(left) if address in right]
    if not shared:
        raise TraceError(
            "No judged episode of one has a partner in the other, so nothing can be compared: "
            f"{_say_played(a, left)}; {_say_played(b, right)}. Both must play the same start "
            "states of the same tasks."
        )
    cells = _count_cells(left, right, shared)
    return ImportedComparison(
        a=_summarise(a, left, len(shared)),
        b=_summarise(b, right, len(shared)),
        n=cells.units,
        both=cells.both,
        neither=cells.neither,
        only_a=cells.recovered,
        only_b=cells.disrupted,
        difference=estimate_difference(cells),
        p=compute_two_sided_p(cells),
        required=require_units(cells, target, alpha, goal),
        tasks=_compare_tasks(left, right, shared, words),
        notes=(*list_assumptions(a, b), *_list_notes(a, b)),
    )


def _check_rule(errors: str) -> None:
    if errors not in ERROR_RULES:
        raise ConfigError(f"errors must be one of {', '.join(ERROR_RULES)}. Got: {errors!r}.")


def _index_judged(results: ImportedResults, errors: str) -> dict[EpisodeAddress, ImportedEpisode]:
    """Returns the episodes that count, by address."""
    kept = (one for one in results.episodes if not one.error or errors == COUNT_AS_FAILURES)
    return {one.address: one for one in kept}


def _say_played(results: ImportedResults, judged: Iterable[EpisodeAddress]) -> str:
    """Returns which start states a result has, in words."""
    starts: dict[str, set[int]] = {}
    for at in judged:
        starts.setdefault(f"{at.suite} {at.task}", set()).add(at.index)
    told = [f"{task} from {min(some)} to {max(some)}" for task, some in sorted(starts.items())]
    rest = f" and {len(told) - _TOLD} tasks more" if len(told) > _TOLD else ""
    return f"{results.source} has {', '.join(told[:_TOLD]) or 'none'}{rest}"


def _summarise(
    results: ImportedResults, judged: Mapping[EpisodeAddress, ImportedEpisode], shared: int
) -> ImportedSide:
    return ImportedSide(
        source=results.source,
        harness=results.harness,
        success=wilson_share(np.array([one.success for one in judged.values()], bool)),
        errors=dict(sorted(Counter(one.error for one in results.episodes if one.error).items())),
        alone=len(judged) - shared,
    )


def _count_cells(
    left: Mapping[EpisodeAddress, ImportedEpisode],
    right: Mapping[EpisodeAddress, ImportedEpisode],
    shared: Sequence[EpisodeAddress],
) -> PairedOutcome:
    success = [np.array([side[at].success for at in shared], bool) for side in (left, right)]
    return PairedOutcome.from_success(*success)


def _compare_tasks(
    left: Mapping[EpisodeAddress, ImportedEpisode],
    right: Mapping[EpisodeAddress, ImportedEpisode],
    shared: Sequence[EpisodeAddress],
    words: Mapping[tuple[str, int], str],
) -> tuple[ImportedTask, ...]:
    """Compares the two in each task that they share."""
    tasks = []
    for suite, task in dict.fromkeys((at.suite, at.task) for at in shared):
        here = [at for at in shared if (at.suite, at.task) == (suite, task)]
        cells = _count_cells(left, right, here)
        tasks.append(
            ImportedTask(
                suite=suite,
                task=task,
                instruction=words.get((suite, task), ""),
                n=cells.units,
                both=cells.both,
                neither=cells.neither,
                only_a=cells.recovered,
                only_b=cells.disrupted,
                difference=estimate_difference(cells),
            )
        )
    return tuple(tasks)


def _find_instructions(*results: ImportedResults) -> dict[tuple[str, int], str]:
    """Returns what the robot was told in each task.

    Raises:
        TraceError: If a task has two instructions: the harnesses number tasks otherwise.
    """
    words: dict[tuple[str, int], str] = {}
    for one in results:
        for episode in one.episodes:
            task = (episode.address.suite, episode.address.task)
            said = words.setdefault(task, episode.instruction) or episode.instruction
            if episode.instruction and said != episode.instruction:
                raise TraceError(
                    f"Task {task[1]} of {task[0]} is '{said}' elsewhere and "
                    f"'{episode.instruction}' in {one.source}: tasks are numbered otherwise there, "
                    "so nothing can be paired."
                )
            words[task] = said
    return words


def _list_notes(a: ImportedResults, b: ImportedResults) -> tuple[str, ...]:
    """Returns what keeps pairs from being alike, in sentences."""
    notes = list(dict.fromkeys((*a.notes, *b.notes)))
    if a.harness != b.harness:
        notes.append(
            f"{a.harness} and {b.harness} differ in more than the policy: longest episode, steps "
            "of settling, renderer. Pairs share task and start state, and nothing else."
        )
    for name in sorted(a.conditions.keys() | b.conditions.keys()):
        one, other = (side.conditions.get(name, "not said") for side in (a, b))
        if a.harness == b.harness and one != other:
            notes.append(f"{name} is {one} in A and {other} in B.")
    return tuple(notes)
