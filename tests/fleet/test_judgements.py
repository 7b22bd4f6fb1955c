"""Judgements read off a recorded episode are those that the panel was shown while it was played."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from aegis.core.types import EpisodeKey
from aegis.fleet.arm import Arm
from aegis.fleet.judgements import JUDGEMENT_COLUMNS, find_constant_bar, replay_judgements
from aegis.fleet.progress import EpisodeProgress, Judgement, NullSink
from aegis.gates.conformal import ConformalGate
from aegis.gates.gain import GainGate
from aegis.gates.schedule import ScheduleGate
from aegis.records.store import RunStore
from tests.fleet.toyrun import controller, toy_plan, toy_run

ARMS = (
    Arm("aegis", controller(ConformalGate(1.0))),
    Arm("gain", controller(GainGate(0.1, (0, 40), (1.0, 0.2), 0.1, score="trunk"))),
    Arm("blind", controller(ScheduleGate(start_tick=16, holds=(2,)))),
)


class Watch(NullSink):
    """Keeps the judgements of each episode."""

    def __init__(self) -> None:
        self.seen: dict[tuple[EpisodeKey, str], list[Judgement]] = {}
        self.quantities: dict[str, str] = {}

    def on_progress(self, progress: EpisodeProgress) -> None:
        path = self.seen.setdefault((progress.key, progress.arm), [])
        path += [one for one in progress.track if one not in path]
        self.quantities[progress.arm] = progress.quantity
        assert progress.helped == (progress.active == "strong")


@pytest.mark.parametrize("sharing", [True, False])
def test_what_was_shown_is_what_was_judged(tmp_path: Path, sharing: bool) -> None:
    watch = Watch()
    toy_run(tmp_path, toy_plan(4, ARMS, sharing=sharing), sink=watch)
    store, compared = RunStore(tmp_path), 0
    for (key, name), path in watch.seen.items():
        arm = next(arm for arm in ARMS if arm.name == name)
        steps = store.read_episode_steps(key, name, JUDGEMENT_COLUMNS).to_pylist()
        replayed = list(replay_judgements(arm, key, steps))
        shown = [one for one in path if not math.isnan(one.value)]
        assert [(one.k, one.value) for one in shown] == [
            (one.k, one.value) for one in replayed[: len(shown)]
        ]
        compared += len(shown)
    assert compared > 20
    assert watch.quantities == {"aegis": "risk", "gain": "trunk", "blind": ""}


def test_a_bar_that_moves_is_no_line() -> None:
    assert find_constant_bar(ARMS[0]) == 1.0
    assert math.isnan(find_constant_bar(ARMS[1]))
    assert math.isnan(find_constant_bar(ARMS[2]))
