"""Frame source: the one replay of an episode that all formats of an export share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aegis.core.protocols import World
from aegis.core.types import F64, EpisodeKey, Observation, Proposal, Score
from aegis.export.episode import Episode, ExportFrame, ExportView
from aegis.export.replay import RecordedStep, read_recorded_steps, replay_episode
from aegis.fleet.judgements import JUDGEMENT_COLUMNS, replay_judgements
from aegis.fleet.progress import Judgement

_DECISION_COLUMNS = (
    "k", "active", "since_k", "next", "boundary", "dwell", "command", "command_reason", "risk",
    "scores", "level", "reason", "hold", "fires", "asked", "digest",
)  # fmt: skip
_HAND, _TURN = "ee_pos", "ee_mat"
"""Names under which a world tells where the hand is and how it is turned."""


@dataclass(frozen=True, slots=True)
class RecordedDetector:
    """Stands for a detector whose scores were recorded; without it a gate would lack its scores.

    Attributes:
        name: Name of its score.
    """

    name: str

    def start(self, key: EpisodeKey) -> None:
        """Keeps nothing."""

    def update(
        self, state: None, proposal: Proposal | None, obs: Observation
    ) -> tuple[None, Score]:
        """Knows nothing: what was scored stands in the table of steps."""
        return None, Score(self.name, math.nan)


def make_frames(
    root: Path, world: World, episode: Episode, view: ExportView
) -> Iterator[ExportFrame]:
    """Plays an episode again and yields its frames; every state is compared with the recorded one.

    Args:
        root: Run folder.
        world: Of the kind that the episode was played in.
        episode: The episode.
        view: How pictures are taken.

    Raises:
        TraceError: If steps are missing, or the world goes another way.
    """
    row = episode.row
    steps = read_recorded_steps(root, row, (*JUDGEMENT_COLUMNS, *_DECISION_COLUMNS))
    judged = _replay_gate(episode, steps)
    first = steps[0]["active"] if steps else ""
    risk, last = math.nan, Judgement(0, math.nan, math.nan, helped=False)
    for one in replay_episode(world, row, steps, lambda _: view.cameras):
        step = one.step
        k = step["k"]
        # Scores arrive where a chunk starts; in between the last one stands.
        risk = risk if step["risk"] is None else float(step["risk"])
        last = judged.get(k, last)
        yield ExportFrame(
            k=k,
            stamp=one.obs.stamp,
            images=view.take_pictures(one.obs.images),
            state=one.obs.proprio,
            action=np.array(step["action"], np.float32),
            active=step["active"],
            intervention=step["active"] != first,
            boundary=bool(step["boundary"]),
            risk=risk,
            value=last.value,
            bar=last.bar,
            success=row.success and k == row.steps - 1,
            done=k == row.steps - 1,
            hand=_read_truth(one.obs, _HAND, (3,)),
            turn=_read_truth(one.obs, _TURN, (3, 3)),
            decision=_describe_decision(step),
        )


def _replay_gate(episode: Episode, steps: Sequence[RecordedStep]) -> dict[int, Judgement]:
    """Returns tick to what the gate judged there; empty if it compares nothing."""
    if episode.arm is None:
        return {}
    return {one.k: one for one in replay_judgements(episode.arm, episode.row.key, steps)}


def _read_truth(obs: Observation, name: str, shape: tuple[int, ...]) -> F64 | None:
    value = obs.privileged.get(name)
    return value if value is not None and value.shape == shape else None


def _describe_decision(step: RecordedStep) -> dict[str, Any]:
    return {name: step[name] for name in _DECISION_COLUMNS} | {"scores": dict(step["scores"] or ())}
