"""Rollouts: which rows of a run say how the weak policy ends when it is left alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from aegis.core.errors import CalibrationError, ConfigError, UnknownNameError
from aegis.core.protocols import Context
from aegis.core.types import EpisodeKey, Level, Score, Verdict
from aegis.detectors.reading import encode_ticks
from aegis.fitting.collected_run import CollectedRun
from aegis.fitting.table import FittingTable
from aegis.fleet.arm import Arm
from aegis.gates.constant import NeverGate
from aegis.gates.schedule import ScheduleGate
from aegis.gates.stint import StintGate
from aegis.records.store import RunTables
from tests.fleet.toyrun import controller, toy_plan, toy_run

PLACE = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Shadowed(ScheduleGate):
    """A schedule under which the weak policy is asked while the strong one drives."""

    needs_scores: bool = True


@dataclass(frozen=True, slots=True)
class Twice:
    """Two stays: the rows between them are followed by a strong chunk."""

    needs_scores: bool = True

    def start(self, key: EpisodeKey) -> None:
        return None

    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple[None, Verdict]:
        weak = context.mode.active == context.weak
        due = weak and context.k in (0, 8)
        return None, Verdict(Level.ESCALATE if due else Level.STAY, "", 1 if due else None)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("stints")
    arms = (
        Arm("weak", controller(NeverGate())),
        Arm("once", controller(Shadowed(0, (1,)))),
        Arm("twice", controller(Twice())),
        Arm("end", controller(Shadowed(0, (1000,)))),
        Arm("stint", replace(controller(StintGate(0, 12, (1, 2))), shadow=True, detectors=())),
    )
    toy_run(out, toy_plan(8, tuple(replace(arm, log_features=True) for arm in arms)))
    return out


def list_boundaries(root: Path, arm: str) -> Mapping[tuple[int, int], list[tuple[int, str]]]:
    """Boundaries of each episode of an arm: tick and driver."""
    found: dict[tuple[int, int], list[tuple[int, str]]] = {}
    for step in RunTables.read_folder(root).read_steps().to_pylist():
        if step["arm"] == arm and step["boundary"]:
            found.setdefault((step["task"], step["index"]), []).append((step["k"], step["active"]))
    return found


def list_places(rows: FittingTable) -> set[PLACE]:
    units = map(place_of, rows.start, rows.task)
    return {(*unit, int(k)) for unit, k in zip(units, rows.k, strict=True)}


def tabulate_alone(root: Path, arms: Sequence[str], layer: str = "trunk") -> FittingTable:
    return CollectedRun.from_tables(RunTables.read_folder(root), "weak", layer).tabulate_rollouts(
        arms
    )


def tabulate_stays(
    root: Path,
    arms: Sequence[str],
    holds: tuple[int, int],
    layer: str = "trunk",
    alone: str | None = None,
    solved: bool = False,
) -> FittingTable:
    return CollectedRun.from_tables(RunTables.read_folder(root), "weak", layer).tabulate_stays(
        arms, holds, alone, solved
    )


@pytest.mark.parametrize("arm", ["weak", "once", "twice", "stint"])
def test_kept_are_rows_from_which_the_weak_policy_finished_alone(run: Path, arm: str) -> None:
    want: set[PLACE] = set()
    for (task, index), chunks in list_boundaries(run, arm).items():
        for i, (k, _) in enumerate(chunks):
            rest = [driver for _, driver in chunks[i + 1 :]]
            mine = not rest and chunks[i][1] == "weak"
            if mine or (rest and set(rest) == {"weak"}):
                want.add((task, index, k))
    assert list_places(tabulate_alone(run, [arm])) == want


def test_a_shadow_needs_no_detector(run: Path) -> None:
    steps = RunTables.read_folder(run).read_steps().to_pylist()
    shadowed = [step for step in steps if step["arm"] == "stint" and step["active"] == "strong"]
    assert {tuple(sorted(step["asked"])) for step in shadowed if step["boundary"]} == {
        ("strong", "weak")
    }
    assert not any(step["scores"] for step in shadowed)
    again = [step["k"] for step in steps if step["arm"] == "stint" and step["hold"]]
    assert len(set(again)) > 1  # Stays begin at different ticks.


def test_what_another_policy_finished_says_nothing_about_this_one(run: Path) -> None:
    with pytest.raises(CalibrationError, match=r"no episodes that 'weak' finished.*end"):
        tabulate_alone(run, ["end"])
    weak, both = (tabulate_alone(run, a) for a in (["weak"], ["weak", "end"]))
    assert both.episodes == weak.episodes


def test_hand_back_itself_is_judged_and_labelled_with_what_came_of_it(run: Path) -> None:
    rows = tabulate_alone(run, ["once"])
    drivers = {
        (*unit, k): driver
        for unit, chunks in list_boundaries(run, "once").items()
        for k, driver in chunks
    }
    first = {place[:2]: place for place in sorted(list_places(rows), reverse=True)}
    assert {drivers[place] for place in first.values()} == {"strong"}
    won = {
        (r.task, r.index): r.success for r in RunTables.read_folder(run).episodes if r.arm == "once"
    }
    assert dict(zip(map(place_of, rows.start, rows.task), ~rows.positive, strict=True)) == won


def place_of(start: str, task: int) -> tuple[int, int]:
    return int(task), int(start.rsplit("/", 1)[1].partition("@")[0])


def test_an_arm_is_episodes_of_its_own_from_the_same_start_states(run: Path) -> None:
    weak, once = (tabulate_alone(run, [arm]) for arm in ("weak", "once"))
    both = tabulate_alone(run, ["weak", "once"])
    assert both.episodes == weak.episodes + once.episodes
    assert set(both.start) == set(weak.start)
    np.testing.assert_array_equal(both.features, np.concatenate([weak.features, once.features]))
    np.testing.assert_array_equal(both.proprio, np.concatenate([weak.proprio, once.proprio]))
    with pytest.raises(UnknownNameError, match=r"Unknown arm 'onse'.*Did you mean 'once'"):
        tabulate_alone(run, ["weak", "onse"])


def test_time_is_joined_where_it_is_named(run: Path) -> None:
    plain = tabulate_alone(run, ["once"])
    timed = tabulate_alone(run, ["once"], "tick+trunk")
    np.testing.assert_array_equal(timed.features[:, 4:], plain.features)
    np.testing.assert_array_equal(timed.features[:, :4], encode_ticks(timed.k, timed.horizon))
    assert timed.layer == "tick+trunk"
    with pytest.raises(UnknownNameError, match="Unknown layer 'trnk'"):
        tabulate_alone(run, ["once"], "trunk+trnk")
    with pytest.raises(ConfigError, match="does not say what to read"):
        tabulate_alone(run, ["once"], "trunk+")


@pytest.mark.parametrize("holds", [(1, 1), (2, 2), (1, 2)])
def test_a_stay_is_a_row_at_its_decision_labelled_with_whether_it_rescued(
    run: Path, holds: tuple[int, int]
) -> None:
    tables = RunTables.read_folder(run)
    won = {(r.task, r.index): r.success for r in tables.episodes if r.arm == "stint"}
    want = {
        (step["task"], step["index"], step["k"]): won[step["task"], step["index"]]
        for step in tables.read_steps().to_pylist()
        if step["arm"] == "stint" and step["hold"] in range(holds[0], holds[1] + 1)
    }
    rows = tabulate_stays(run, ["stint"], holds, "trunk+tick")
    units = map(place_of, rows.start, rows.task)
    got = {(*unit, int(k)): s for unit, k, s in zip(units, rows.k, rows.positive, strict=True)}
    assert got == want
    assert rows.episodes == len(want) > 0
    np.testing.assert_array_equal(rows.features[:, 4:], encode_ticks(rows.k, rows.horizon))


def test_stays_are_single_and_of_the_length_that_was_ordered(run: Path) -> None:
    ordered = tabulate_stays(run, ["once", "end", "twice"], (1, 1000))
    assert ordered.episodes == 2 * tabulate_alone(run, ["once"]).episodes
    with pytest.raises(CalibrationError, match=r"one stay of 2 to 6 chunks in end.*stints=true"):
        tabulate_stays(run, ["end"], (2, 6))  # ended with the episode, not by order
    with pytest.raises(UnknownNameError, match=r"Unknown arm 'stnt'.*Did you mean 'stint'"):
        tabulate_stays(run, ["stnt"], (2, 6))


def test_stays_given_an_outcome_are_those_of_start_states_that_ended_so(run: Path) -> None:
    lost = {
        str(r.key) for r in RunTables.read_folder(run).episodes if r.arm == "weak" and not r.success
    }
    every = tabulate_stays(run, ["once", "stint"], (1, 1000))
    some = tabulate_stays(run, ["once", "stint"], (1, 1000), alone="weak")
    assert set(some.start) == set(every.start) & lost
    assert some.episodes == np.isin(every.start, sorted(lost)).sum() > 0
    rest = tabulate_stays(run, ["once", "stint"], (1, 1000), alone="weak", solved=True)
    assert set(rest.start) == set(every.start) - lost
    assert rest.episodes == every.episodes - some.episodes > 0
    with pytest.raises(UnknownNameError, match=r"Unknown arm 'weal'.*Did you mean 'weak'"):
        tabulate_stays(run, ["once"], (1, 1000), alone="weal")
    with pytest.raises(CalibrationError, match=r"whose start state 'weak' fails with one stay"):
        tabulate_stays(run, ["once"], (900, 1000), alone="weak")
