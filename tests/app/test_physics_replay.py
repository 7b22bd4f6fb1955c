"""Physics replay: kept actions lead to the recorded states and pictures, in other processes."""

from __future__ import annotations

from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from aegis.app.study.physics_replay import (
    RecordedEpisode,
    check_physics,
    gather_episodes,
    replay_episodes,
)
from aegis.records.store import RunTables
from aegis.study.play.action_table import ACTIONS, KEPT_UNITS, choose_kept_units, read_kept_actions
from tests.fakes import ToyWorld
from tests.fleet.toyrun import HORIZON, toy_plan, toy_policies, toy_run

WORLD = partial(ToyWorld, horizon=HORIZON)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunTables:
    """A run of two units in five arms that part, whose policies look at pictures."""
    return toy_run(tmp_path_factory.mktemp("run"), toy_plan(2))


def _gather(run: RunTables, table: pa.Table | None = None) -> tuple[RecordedEpisode, ...]:
    units = [row.key for row in run.episodes]
    kept = read_kept_actions(run.root, units) if table is None else table
    cameras = {name: policy.spec.cameras for name, policy in toy_policies().items()}
    return gather_episodes(kept, run.episodes, cameras, units)


def test_the_table_holds_every_step_of_the_kept_units(run: RunTables) -> None:
    kept = read_kept_actions(run.root, [row.key for row in run.episodes])
    assert kept.schema.equals(ACTIONS)
    assert kept.num_rows == sum(row.steps for row in run.episodes)
    looked = kept.filter(pc.not_equal(kept.column("pictures"), ""))
    assert 0 < looked.num_rows < kept.num_rows
    assert all(looked.column("asked").to_pylist())


def test_units_are_drawn_once_for_all_and_no_more_than_needed(run: RunTables) -> None:
    many = toy_plan(3 * KEPT_UNITS).units
    assert choose_kept_units(many) == choose_kept_units(tuple(reversed(many)))
    assert len(set(choose_kept_units(many))) == KEPT_UNITS
    assert set(choose_kept_units(toy_plan(2).units)) == set(toy_plan(2).units)


def test_states_and_pictures_are_those_that_were_recorded(run: RunTables) -> None:
    episodes = _gather(run)
    assert len(episodes) == len(run.episodes)
    physics, pictures = check_physics(episodes, replay_episodes(episodes, WORLD, 1, {}), True)
    assert physics.passed
    assert pictures.passed
    assert physics.count == sum(row.steps for row in run.episodes)
    assert pictures.count == sum(bool(step["pictures"]) for e in episodes for step in e.steps)


def test_another_world_is_found(run: RunTables) -> None:
    episodes = _gather(run)
    calm = partial(ToyWorld, horizon=HORIZON, noise=0.0)
    physics, *_ = check_physics(episodes, replay_episodes(episodes, calm, 1, {}), True)
    assert not physics.passed
    assert "goes another way" in physics.detail


def test_other_pictures_are_a_fault_only_of_the_same_driver(run: RunTables) -> None:
    table = read_kept_actions(run.root, [row.key for row in run.episodes])
    looked = pc.not_equal(table.column("pictures"), "")
    other = pc.if_else(looked, "0" * 16, table.column("pictures"))
    edited = table.set_column(table.schema.get_field_index("pictures"), "pictures", other)
    episodes = _gather(run, edited)
    replayed = replay_episodes(episodes, WORLD, 1, {})
    assert not check_physics(episodes, replayed, same_renderer=True)[1].passed
    counted = check_physics(episodes, replayed, same_renderer=False)[1]
    assert counted.passed
    assert counted.detail.startswith("0 of ")
