"""The checks look at optional members where they are there, and only there."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from aegis.checks import check_detector, check_gate, check_switch, check_world
from aegis.core.capabilities import Dial, DialRange, ScoreReader, ThresholdGate, Tunable
from aegis.core.errors import PluginError, UnknownNameError
from aegis.core.protocols import Context
from aegis.core.types import EpisodeKey, Level, Score, Verdict
from aegis.gates.conformal import ConformalGate
from aegis.gates.lead import LeadSwitch
from aegis.gates.schedule import ScheduleGate
from tests.fakes import KEY, FakeDetector, ToyWorld, toy_key


@dataclass(frozen=True)
class Bare:
    """The least that a gate is: no optional member at all."""

    needs_scores: bool = True

    def start(self, key: EpisodeKey) -> None: ...

    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple[None, Verdict]:
        safe = scores and all(score.value < 0.5 for score in scores)
        return None, Verdict(Level.STAY if safe else Level.ESCALATE, "bare")


class Flat(ConformalGate):
    """Forgets the guard in its bar."""

    def bar(self, k: int, horizon: int) -> float:
        return self.threshold


class Other(ConformalGate):
    """Measures another number than it judges."""

    def measure(self, state: None, scores: Sequence[Score], k: int) -> float:
        return 1 - super().measure(state, scores, k)

    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple[None, Verdict]:
        return ConformalGate(self.threshold, guard_fraction=0.0).judge(state, scores, context)


class Lists(ConformalGate):
    @property
    def reads(self) -> list[str]:  # type: ignore[override]
        return ["probe", "probe"]


class Foreign(ScheduleGate):
    def dials(self) -> Mapping[str, Dial]:
        return {"rate": Dial(("rate",), rises=True, list_settings=lambda _: (0.1, 0.2))}


class Falling(ScheduleGate):
    def dials(self) -> Mapping[str, Dial]:
        def fall(known: DialRange) -> tuple[int, ...]:
            return (known.horizon, 0)

        return {"start": Dial(("start_tick",), rises=False, list_settings=fall)}


class Vague(LeadSwitch):
    def dials(self) -> Mapping[str, Dial]:
        return {"lead": "holds"}  # type: ignore[dict-item]


def test_a_gate_without_optional_members_is_whole() -> None:
    gate = Bare()
    assert not isinstance(gate, ScoreReader | Tunable | ThresholdGate)
    check_gate(gate, KEY)


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (Flat(0.5), "Gate.bar of Flat.*STAY at 0.7, bar 0.5, tick 0 of 200"),
        (Other(0.6, guard_fraction=0.0), "Gate.bar of Other"),
        (Lists(0.5), "Gate.reads of Lists.*'probe', 'probe'"),
        (Foreign(0, (3,)), r"Gate.dials of Foreign.*'rate' sets its own arguments.*\['rate'\]"),
        (Falling(0, (3,)), r"Gate.dials of Falling.*settings of 'start' ascend.*\[200, 0\]"),
    ],
)
def test_a_broken_member_is_named(gate: ConformalGate, words: str) -> None:
    with pytest.raises(PluginError) as caught:
        check_gate(gate, KEY)
    assert re.search(words, str(caught.value), re.DOTALL), caught.value


def test_switches_are_held_to_it_too() -> None:
    with pytest.raises(PluginError, match=r"Switch\.dials of Vague"):
        check_switch(Vague((3,)), KEY)


def test_detectors_are_held_to_it_too() -> None:
    count = itertools.count()

    class Restless(FakeDetector):
        @property
        def digest(self) -> str:
            return str(next(count))

    class Unsure(FakeDetector):
        calibration = {"threshold": float("nan")}  # noqa: RUF012

    with pytest.raises(PluginError, match=r"Detector\.digest of Restless"):
        check_detector(Restless(), KEY, [])
    with pytest.raises(PluginError, match=r"Detector\.calibration of Unsure"):
        check_detector(Unsure(), KEY, [])


class Tasks(ToyWorld):
    """Lists tasks, and refuses others unless it is lax."""

    def __init__(self, tasks: Sequence[int], lax: bool = False) -> None:
        super().__init__()
        self._tasks, self._lax = tasks, lax

    def list_tasks(self) -> Sequence[int]:
        return self._tasks

    def begin(self, key: EpisodeKey) -> None:
        if key.task not in self._tasks and not self._lax:
            raise UnknownNameError("task", key.task, self._tasks, "toy")
        super().begin(key)


def test_a_world_that_lists_its_tasks() -> None:
    check_world(lambda: Tasks((0, 1, 4)), toy_key(0))


@pytest.mark.parametrize(
    ("tasks", "lax", "said"),
    [
        ((0, 0), True, "numbers ascend"),
        ((0, -1), True, "numbers ascend"),
        ((1, 2), True, "it names the task of the episode"),
        ((0, 2), True, "begin refuses others"),
    ],
)
def test_a_list_of_tasks_that_is_wrong(tasks: tuple[int, ...], lax: bool, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        check_world(lambda: Tasks(tasks, lax), toy_key(0))
