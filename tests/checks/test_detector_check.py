"""The check of detectors finds what breaks a promise, and says how to fix it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import nan

import pytest

from aegis.checks import check_detector
from aegis.core.errors import PluginError
from aegis.core.protocols import Detector
from aegis.core.types import EpisodeKey, Observation, Proposal, Score
from tests.fakes import KEY, FakeDetector, proposal, toy_observation


@dataclass(frozen=True)
class Counts(FakeDetector):
    """Keeps its state inside."""

    name: str = "counts"
    seen: list[int] = field(default_factory=list)

    def update(self, state: int, proposal: Proposal | None, obs: Observation) -> tuple[int, Score]:
        self.seen.append(1)
        value = nan if proposal is None else float(len(self.seen))
        return state, Score(self.name, value)


class Appends(FakeDetector):
    """Changes the state that it is given."""

    def start(self, key: EpisodeKey) -> list[float]:
        return []

    def update(self, state: list, proposal: Proposal | None, obs: Observation) -> tuple:
        state.append(0.0)
        return state, Score(self.name, nan if proposal is None else 0.0)


class Optimist(FakeDetector):
    def update(self, state: int, proposal: Proposal | None, obs: Observation) -> tuple[int, Score]:
        return state, Score(self.name, 0.0)


class Nameless(FakeDetector):
    def update(self, state: int, proposal: Proposal | None, obs: Observation) -> tuple[int, Score]:
        return state, Score("other", nan)


@pytest.mark.parametrize(
    ("detector", "says"),
    [
        (Counts(), "Detector.update of Counts: equal state and input give equal answers. Got: Sco"),
        (Appends(), "the state that it is given stays as it is. Got: one that changed. Allowed: a"),
        (Optimist(), "without a proposal the score is NaN. Got: 0.0. Allowed: nan. Answer Score("),
        (Nameless(), "it answers a Score under its name. Got: Score(detector='other', value=nan)"),
        (FakeDetector(""), "it is the name of its score. Got: ''. Allowed: a text that is not em"),
        (object(), "Detector.name of object: it has this member. Got: none."),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_a_broken_detector_is_caught(detector: Detector, says: str) -> None:
    cases = [(proposal("weak", k, risk=0.1), toy_observation(k)) for k in (0, 4, 8)]
    with pytest.raises(PluginError, match=re.escape(says)):
        check_detector(detector, KEY, cases)
