"""The course: recorded inputs survive a file, stages look at their own inputs and fail alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.checks.determinism.course import Course, Look, read_course, write_course
from aegis.checks.determinism.policy_stages import play_detector_stages, play_policy_stages
from aegis.checks.determinism.recording import Recorder
from aegis.checks.determinism.references import (
    TOLERANCE,
    Agreement,
    Reference,
    ReferenceColumn,
    build_column,
    read_references,
    write_references,
)
from aegis.checks.determinism.results import StageResult, digest_parts
from aegis.checks.determinism.statistics_stage import draw_outcomes, play_statistics_stage
from aegis.checks.determinism.world_stages import play_picture_stages, play_world_stages
from aegis.core.errors import ShapeError, TraceError
from aegis.core.protocols import Query
from aegis.core.types import F32, EpisodeKey, Observation, Proposal, Score
from tests.fakes import ToyPolicy, ToyWorld, toy_key

SHIPPED = Path(__file__).resolve().parents[2] / "aegis/checks/determinism/course"
CAMERAS = {"eye": (6, 8)}
WORLDS = {"": ToyWorld}
WORLD = {"start", "physics", "sensing", "pictures eye"}
POLICIES = {"weak seen", "weak taps", "weak actions", "strong taps", "strong actions"}
ALL = WORLD | POLICIES | {"scores tap", "statistics"}


class Staged(ToyPolicy):
    """Shows its picture as a stage."""

    def trace_stages(self, queries: Sequence[Query]) -> Mapping[str, F32]:
        seen = [query.obs.images["eye"].astype(np.float32).ravel() for query in queries]
        return {"seen": np.stack(seen)}


@dataclass(frozen=True)
class Sums:
    """Adds up the tap over an episode."""

    name: str = "tap"

    def start(self, key: EpisodeKey) -> float:
        return float(key.task)

    def update(
        self, state: float, proposal: Proposal | None, obs: Observation
    ) -> tuple[float, Score]:
        assert proposal is not None
        state += float(proposal.features["trunk"].sum())
        return state, Score(self.name, state)


class Breaks(Staged):
    """Fails in everything that it computes."""

    def trace_stages(self, queries: Sequence[Query]) -> Mapping[str, F32]:
        raise ValueError("no stages")

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        raise ShapeError("no chunk")


@cache
def record_toys() -> Course:
    weak = Staged("weak", weak=True, cameras=CAMERAS)
    strong = ToyPolicy("strong", weak=False, cameras=CAMERAS)
    recorder = Recorder(WORLDS, weak, strong, steps=12, spacing=1)
    return recorder.record_course([toy_key(0), toy_key(1, task=3)])


def play_all(course: Course) -> dict[str, str]:
    weak = Staged("weak", weak=True, cameras=CAMERAS)
    strong = ToyPolicy("strong", weak=False, cameras=CAMERAS)
    results = [
        *play_world_stages(WORLDS, course),
        *play_picture_stages(ToyWorld, course),
        *play_policy_stages("weak", weak, course),
        *play_policy_stages("strong", strong, course),
        *play_detector_stages([Sums()], course),
        play_statistics_stage(course),
    ]
    assert not [result for result in results if result.error]
    return {result.name: result.digest for result in results}


def change_look(course: Course, number: int, change: Callable[[Look], Look]) -> Course:
    one = course.episodes[number % 2]
    looks = list(one.looks)
    looks[number % len(looks)] = change(looks[number % len(looks)])
    episodes = list(course.episodes)
    episodes[number % 2] = replace(one, looks=tuple(looks))
    return replace(course, episodes=tuple(episodes))


def nudge(array: np.ndarray, number: int) -> np.ndarray:
    """Changes one number by its last bit."""
    out = array.copy()
    place = number % out.size
    flat = out.reshape(-1)
    flat[place] = flat[place] ^ 1 if out.dtype.kind in "ui" else np.nextafter(flat[place], 0.5)
    return out


def change_actions(course: Course, number: int) -> Course:
    one = course.episodes[number % 2]
    actions = one.actions.copy()
    actions[number % len(actions), 0] *= np.float32(0.5)
    episodes = list(course.episodes)
    episodes[number % 2] = replace(one, actions=actions)
    return replace(course, episodes=tuple(episodes))


def change_picture(course: Course, number: int) -> Course:
    def change(look: Look) -> Look:
        images = {"eye": nudge(look.obs.images["eye"], number)}
        return replace(look, obs=replace(look.obs, images=images))

    return change_look(course, number, change)


def change_state(course: Course, number: int) -> Course:
    """Moves the point of a recorded state by half of the room."""

    def change(look: Look) -> Look:
        state = look.state.copy()
        state[:2] = -state[:2] - 0.3
        return replace(look, state=state)

    return change_look(course, number, change)


def change_features(course: Course, number: int) -> Course:
    def change(look: Look) -> Look:
        return replace(look, features={"trunk": look.features["trunk"] + np.float32(1)})

    return change_look(course, number, change)


def change_outcomes(course: Course, number: int) -> Course:
    arm = course.outcomes["arm"].copy()
    arm[number % len(arm)] = not arm[number % len(arm)]
    return replace(course, outcomes={**course.outcomes, "arm": arm})


CHANGES: Mapping[str, tuple[Callable[[Course, int], Course], set[str]]] = {
    "actions": (change_actions, {"physics"}),
    "picture": (change_picture, {"weak seen"}),
    "state": (change_state, {"sensing", "pictures eye"}),
    "features": (change_features, {"scores tap"}),
    "outcomes": (change_outcomes, {"statistics"}),
}


@settings(deadline=None, max_examples=20)
@given(kind=st.sampled_from(sorted(CHANGES)), number=st.integers(0, 10_000))
def test_a_changed_input_changes_the_stages_that_read_it_alone(kind: str, number: int) -> None:
    change, expected = CHANGES[kind]
    course = record_toys()
    changed = change(course, number)
    before, after = play_all(course), play_all(changed)
    assert set(before) == ALL
    assert {name for name in ALL if before[name] != after[name]} == expected
    assert course.digest != changed.digest


def test_a_file_holds_all_of_a_course(tmp_path: Path) -> None:
    course = record_toys()
    for name in ("one.npz", "two.npz"):
        write_course(course, tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    again = read_course(tmp_path / "one.npz")
    assert again.digest == course.digest
    assert play_all(again) == play_all(course)


@pytest.mark.parametrize("damage", ["missing", "cut", "other", "pickle"])
def test_a_damaged_course_is_refused(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "inputs.npz"
    if damage == "cut":
        write_course(record_toys(), path)
        path.write_bytes(path.read_bytes()[:1000])
    elif damage == "other":
        np.savez(path, something=np.zeros(3))
    elif damage == "pickle":
        np.savez(path, index=np.array([{}], dtype=object))
    with pytest.raises(TraceError, match="aegis doctor determinism record="):
        read_course(path)


def test_what_fails_does_not_hide_the_rest() -> None:
    course = record_toys()
    broken = Breaks("weak", weak=True, cameras=CAMERAS)
    failed = {one.name: one.error for one in play_policy_stages("weak", broken, course)}
    assert failed == {"weak stages": "ValueError: no stages", "weak actions": "no chunk"}
    results = list(play_world_stages({"": ToyWorld, "other": lambda: ToyWorld(horizon=5)}, course))
    errors = {one.name for one in results if one.error}
    assert errors == {"physics other"}
    assert {one.name for one in results} == WORLD - {"pictures eye"} | {"physics other"}


@given(value=st.floats(1e-6, 1e6), relative=st.sampled_from([0.0, 1e-15, 5e-10, 2e-9, 1e-3]))
@settings(deadline=None)
def test_numbers_are_compared_at_a_tolerance(value: float, relative: float) -> None:
    other = value * (1 + relative)
    digests = [digest_parts([np.array([number])]) for number in (value, other)]
    column = ReferenceColumn({}, {"statistics": Reference(digests[0], "x", {"p": value})})
    result = StageResult("statistics", "statistics", digests[1], "", "x", {"p": other})
    expected = Agreement.CLOSE if relative <= TOLERANCE else Agreement.DIFFERS
    assert column.compare_result(result) is (Agreement.EQUAL if other == value else expected)
    elsewhere = replace(result, identity="y")
    assert column.compare_result(elsewhere) is Agreement.UNKNOWN
    assert column.compare_result(replace(result, numbers={})) in (
        Agreement.EQUAL,
        Agreement.DIFFERS,
    )


def test_references_survive_a_file(tmp_path: Path) -> None:
    results = [
        play_statistics_stage(record_toys()),
        StageResult("start", "world", "abc", identity="here"),
        StageResult("sensing", "world", error="no"),
    ]
    columns = {"native": build_column({"cpu": "one"}, results)}
    write_references(tmp_path / "r.json", columns)
    again = read_references(tmp_path / "r.json")
    assert again == columns
    found = [again["native"].compare_result(result) for result in results]
    assert found == [Agreement.EQUAL, Agreement.EQUAL, Agreement.FAILED]
    assert read_references(tmp_path / "none.json") == {}
    (tmp_path / "r.json").write_text('{"native": {"stages": []}}')
    with pytest.raises(TraceError, match="Restore the file"):
        read_references(tmp_path / "r.json")


def test_the_shipped_course_is_small_and_made_by_its_recipe() -> None:
    course = read_course(SHIPPED / "inputs.npz")
    files = list(SHIPPED.iterdir())
    assert {file.name for file in files} == {"inputs.npz", "references.json"}
    assert sum(file.stat().st_size for file in files) < 1_000_000
    assert digest_parts(course.outcomes.values()) == digest_parts(draw_outcomes().values())
    columns = read_references(SHIPPED / "references.json")
    assert set(columns) == {"native", "x86-64-v3/1"}
    assert len({tuple(column.stages) for column in columns.values()}) == 1
