"""Toy policies and a detector: the words of the task say how they behave, so a replay repeats it.

``strong nan`` in a task makes the strong policy answer NaN; words are separated by commas.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aegis.core.protocols import PolicySpec, Query
from aegis.core.seeds import episode_stream
from aegis.core.types import EpisodeKey, Observation, PolicyId, Proposal, Score

ROWS, EXECUTED, AXES = 10, 5, 7
CAMERAS = {"agentview": (64, 64), "wrist": (64, 64)}


def read_behaviour(task: str, name: str) -> tuple[str, float]:
    """Returns what a task says of a part, and a number; empty and 0 if it says nothing."""
    for words in (part.split() for part in task.split(",")):
        if len(words) > 1 and words[0] == name:
            return words[1], float(words[2]) if len(words) > 2 else 0.0
    return "", 0.0


class ToyPolicy:
    """Moves along x by a value of its own, so that a command says who drives.

    Args:
        name: Who it is.
        value: Its action along x; others depend on pictures, state, life and tick.
    """

    def __init__(self, name: PolicyId, value: float) -> None:
        self._name, self._value = name, value

    @property
    def spec(self) -> PolicySpec:
        return PolicySpec(self._name, f"toy {self._value}", CAMERAS, ROWS, EXECUTED, {})

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        return [self._answer(query) for query in queries]

    def close(self) -> None:
        pass

    def _answer(self, query: Query) -> Proposal:
        behaviour, number = read_behaviour(query.obs.instruction, self._name)
        actions = np.zeros((ROWS, AXES), np.float32)
        actions[:, 0] = self._value
        actions[:, 1] = np.mean([image.mean() for image in query.obs.images.values()]) / 1000
        actions[:, 2] = query.obs.proprio.sum() / 100
        actions[:, 3] = episode_stream(query.key, "toy", query.k).random() / 100
        if behaviour == "nan":
            actions[:] = np.nan
        elif behaviour == "shape":
            actions = actions[:, :5]
        elif behaviour == "fail":
            raise RuntimeError("as the task says")
        elif behaviour == "late" and "TOY_HURRY" not in os.environ:
            time.sleep(number)
        return Proposal(self._name, query.k, actions)


@dataclass(frozen=True)
class ToyDetector:
    """Says the risk that the task names; 0 if it names none."""

    name: str = "toy"

    def start(self, key: EpisodeKey) -> None:
        pass

    def update(
        self, state: None, proposal: Proposal | None, obs: Observation
    ) -> tuple[None, Score]:
        behaviour, number = read_behaviour(obs.instruction, "risk")
        known = proposal is not None and behaviour != "unknown"
        return None, Score(self.name, number if known else float("nan"))
