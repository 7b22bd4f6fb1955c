"""The check of gates finds what breaks a promise, and says how to fix it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from aegis.checks import check_gate
from aegis.core.errors import PluginError
from aegis.core.protocols import Context, Gate
from aegis.core.types import EpisodeKey, Level, Score, Verdict
from aegis.gates.conformal import ConformalGate
from aegis.gates.constant import NeverGate
from aegis.gates.rescue import RescueGate
from tests.fakes import KEY


class Compares(ConformalGate):
    """Forgets that NaN > threshold is False."""

    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple:
        high = context.k >= 40 and any(score.value > self.threshold for score in scores)
        return None, Verdict(Level.ESCALATE if high else Level.STAY, "")


class Silent(ConformalGate):
    """Takes no score for a good sign."""

    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple:
        return super().judge(state, scores or (Score("none", -9.0),), context)


class Patient(ConformalGate):
    """Fires on the second alarm in a row; unknown risk does not count as one."""

    def start(self, key: EpisodeKey) -> int:
        return 0

    def judge(self, state: int, scores: Sequence[Score], context: Context) -> tuple:
        count = state + 1 if any(score.value > self.threshold for score in scores) else 0
        return count, Verdict(Level.ESCALATE if count >= 2 else Level.STAY, "")


class Hopeful(RescueGate):
    """Takes an unknown chance of rescue for a small one, and stays."""

    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple:
        known = [s for s in scores if s.detector == self.risk or s.value == s.value]
        one = known if len(known) == len(scores) else [*known, Score(self.rescue, 0.0)]
        return super().judge(state, one, context)


class Once(NeverGate):
    """Remembers in itself that it has been asked."""

    asked: list[int] = []  # noqa: RUF012

    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple:
        self.asked.append(context.k)
        return None, Verdict(Level.STAY, str(len(self.asked)))


class PlainInt(NeverGate):
    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple:
        return None, Verdict(0, "")


class NoHold(NeverGate):
    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple:
        return None, Verdict(Level.ESCALATE, "", 0)


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        (Compares(0.5), "is risk. Got: STAY on [nan] at tick 40 of 200. Allowed: ESCALATE, as for"),
        (Silent(0.5), "is risk. Got: STAY on [] at tick 40 of 200. Allowed: ESCALATE, as for a sc"),
        (Patient(0.5), "Gate.judge of Patient: NaN, or no score where scores are needed, is risk"),
        (
            Hopeful(0.5, "a", "b"),
            "is risk. Got: STAY on [-1000000000.0, nan] at tick 0 of 200. All",
        ),
        (Once(), "Gate.judge of Once: equal state and input give equal answers. Got: Verdict("),
        (
            PlainInt(),
            "it answers a Verdict. Got: Verdict(level=0, reason='', hold=None, target=None)",
        ),
        (NoHold(), "Return Verdict(Level..., 'why'), with hold None or at least 1 chunk."),
        (NeverGate(needs_scores=1), "Gate.needs_scores of NeverGate: it is yes or no. Got: 1."),
        (object(), "Gate.needs_scores of object: it has this member. Got: none."),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_a_broken_gate_is_caught(gate: Gate, says: str) -> None:
    with pytest.raises(PluginError, match=re.escape(says)):
        check_gate(gate, KEY)
