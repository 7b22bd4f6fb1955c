"""Cost: what the answers of a policy took, in calls, seconds and bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aegis.records.rows import EpisodeRow

CALLS_EVENT = "calls"
"""Event of the lines of ``timing.jsonl`` that say what the calls of a policy took."""


@dataclass(frozen=True, slots=True)
class PolicyCost:
    """What the answers of a policy took.

    Attributes:
        chunks: Chunks asked for, in all episodes that it drives alone.
        chunks_per_episode: The same per episode.
        timed: Chunks that were timed: all but those of the first call of each session, which warms
            the policy up.
        batch: Chunks per timed call; NaN if none was timed.
        seconds_per_chunk: Time of inference over timed chunks [s]; NaN if none was timed.
        bytes_per_chunk: Sent and received over timed chunks [bytes]; NaN for a policy that has no
            wire.
    """

    chunks: int
    chunks_per_episode: float
    timed: int
    batch: float
    seconds_per_chunk: float
    bytes_per_chunk: float


def summarise_cost(
    policy: str, rows: Sequence[EpisodeRow], lines: Iterable[Mapping[str, Any]]
) -> PolicyCost:
    """Returns what the answers of a policy took.

    Args:
        policy: Name of the policy.
        rows: Episodes that it drives alone.
        lines: Lines of ``timing.jsonl``; those of other events and policies are left out.
    """
    chunks = sum(dict(row.asks).get(policy, 0) for row in rows)
    mine = [line for line in lines if (line["event"], line.get("policy")) == (CALLS_EVENT, policy)]
    timed = sum(line["chunks"] for line in mine)
    calls = sum(line["calls"] for line in mine)
    wired = [line for line in mine if line["bytes"] is not None]
    return PolicyCost(
        chunks=chunks,
        chunks_per_episode=_divide(chunks, len(rows)),
        timed=timed,
        batch=_divide(timed, calls),
        seconds_per_chunk=_divide(sum(line["seconds"] for line in mine), timed),
        bytes_per_chunk=_divide(
            sum(line["bytes"] for line in wired), sum(line["chunks"] for line in wired)
        ),
    )


def _divide(total: float, count: int) -> float:
    return total / count if count else float("nan")
