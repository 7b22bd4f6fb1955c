"""Results: episodes of one policy, as a harness wrote them, and what it says of how they ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True, order=True)
class EpisodeAddress:
    """What two harnesses can agree on.

    Attributes:
        suite: Task suite, for example ``"libero_spatial"``.
        task: Number of the task in the suite.
        index: Number of the start state among the official ones.
        repetition: How many episodes before this one had the same start state.
    """

    suite: str
    task: int
    index: int
    repetition: int = 0


@dataclass(frozen=True, slots=True)
class ImportedEpisode:
    """An episode of another harness.

    Attributes:
        address: Task and start state.
        success: Whether the goal was reached.
        steps: Control steps; None where the harness does not say.
        instruction: What the robot was told; empty where the harness does not say.
        error: Why the harness could not finish it; empty if it did.
    """

    address: EpisodeAddress
    success: bool
    steps: int | None = None
    instruction: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class ImportedResults:
    """Episodes of one policy.

    Attributes:
        source: File or folder.
        harness: What wrote it.
        episodes: Its episodes, each with an address of its own.
        conditions: How they ran, by name, as far as the harness says.
        notes: What a reader must know, in sentences.
        assumption: What must hold for addresses to name start states, in sentences; empty where
            the harness writes them down.
    """

    source: str
    harness: str
    episodes: tuple[ImportedEpisode, ...]
    conditions: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    assumption: str = ""


def number_repetitions(episodes: Iterable[ImportedEpisode]) -> tuple[ImportedEpisode, ...]:
    """Returns episodes in which those of one start state are numbered, in their order."""
    seen: Counter[EpisodeAddress] = Counter()
    numbered = []
    for one in episodes:
        first = replace(one.address, repetition=0)
        numbered.append(replace(one, address=replace(first, repetition=seen[first])))
        seen[first] += 1
    return tuple(numbered)
