"""Laws of policies that look back: what they see depends on the episode alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.controller import Controller
from aegis.core.protocols import PolicySpec, Query
from aegis.core.types import Observation, Proposal
from aegis.fleet.arm import Arm
from aegis.gates.constant import NeverGate
from aegis.gates.schedule import ScheduleGate
from aegis.runtime.history import History
from aegis.runtime.lockstep import Lockstep
from aegis.runtime.snapshot import Snapshot
from tests.fakes import ToyPolicy, ToyWorld, toy_key, toy_observation
from tests.fleet.toyrun import (
    HORIZON,
    controller,
    tables,
    toy_arms,
    toy_plan,
    toy_policies,
    toy_run,
)

BACK = (5, 2, 0)


class Looker(ToyPolicy):
    """Steers by where it was five and two ticks ago, and by what the pictures showed."""

    @property
    def spec(self) -> PolicySpec:
        return replace(super().spec, history=BACK)

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        return [
            self._bend(q, one) for q, one in zip(queries, super().propose(queries), strict=True)
        ]

    def _bend(self, query: Query, proposal: Proposal) -> Proposal:
        assert len(query.past) == len(BACK) - 1
        wanted = [max(query.k - back, 0) * 50_000_000 for back in BACK if back]
        assert [obs.stamp for obs in query.past] == wanted
        seen = [obs.proprio.sum() + obs.images["agentview"].sum() for obs in query.past]
        bent = proposal.actions + np.float32(1e-5 * (seen[0] - 0.5 * seen[1]))
        return replace(proposal, actions=np.clip(bent, -1, 1).astype(np.float32))


def lookers() -> dict[str, ToyPolicy]:
    cameras = {"agentview": (8, 8)}
    return toy_policies() | {"strong": Looker("strong", weak=False, cameras=cameras)}


def test_sharing_workers_and_slots_change_no_byte(tmp_path: Path) -> None:
    arms = (*toy_arms(), Arm("late", controller(ScheduleGate(start_tick=28, holds=(9,)))))
    plan = toy_plan(3, arms, audit=0.0)
    toy_run(tmp_path / "shared", plan, policies=lookers(), workers=2, slots=3)
    toy_run(tmp_path / "alone", replace(plan, sharing=False), policies=lookers())
    assert tables(tmp_path / "shared") == tables(tmp_path / "alone")


def test_looking_back_changes_nothing_for_arms_that_do_not_ask(tmp_path: Path) -> None:
    plan = toy_plan(2, toy_arms()[:1])
    toy_run(tmp_path / "looker", plan, policies=lookers())
    toy_run(tmp_path / "plain", plan)
    assert tables(tmp_path / "looker") == tables(tmp_path / "plain")


def play(episode: Lockstep) -> list[bytes]:
    played = []
    while not episode.done:
        played.append(episode.play_tick().decision.command.action.tobytes())
    return played


def strong_alone() -> Controller:
    return controller(NeverGate(), first="strong")


@pytest.mark.parametrize("at", [0, 1, 3, 7, 12])
def test_an_episode_that_was_left_sees_the_same_past(at: int, tmp_path: Path) -> None:
    key = toy_key(2)
    whole = play(Lockstep(ToyWorld(HORIZON), strong_alone(), lookers(), key))
    left = Lockstep(ToyWorld(HORIZON), strong_alone(), lookers(), key)
    left.play_until(at)
    left.take_snapshot().write_npz(tmp_path / "left.npz")
    snapshot = Snapshot.read_npz(tmp_path / "left.npz")
    taken = Lockstep.from_snapshot(ToyWorld(HORIZON), strong_alone(), lookers(), snapshot)
    assert play(taken) == whole[at:]
    twin = left.fork_into(ToyWorld(HORIZON))
    assert play(twin) == whole[at:]


def test_a_fleet_plays_what_lockstep_plays(tmp_path: Path) -> None:
    plan = toy_plan(2, (Arm("strong", strong_alone()),))
    rows = toy_run(tmp_path, plan, policies=lookers()).episodes
    for row in rows:
        episode = Lockstep(ToyWorld(HORIZON), strong_alone(), lookers(), row.key)
        assert len(play(episode)) == row.steps
        assert episode.success == row.success


def test_hand_overs_take_the_past_along() -> None:
    # The one who takes over was never asked before; it sees what was seen while others drove.
    before = Lockstep(ToyWorld(HORIZON), controller(NeverGate()), lookers(), toy_key(2))
    before.play_until(9)
    after = before.hand_over(ToyWorld(HORIZON), strong_alone())
    assert play(after)  # Looker asserts what it sees


@given(
    ticks=st.integers(0, 12),
    back=st.sets(st.integers(1, 8), min_size=1, max_size=4),
)
def test_the_past_is_what_was_seen_then(ticks: int, back: set[int]) -> None:
    history = (*sorted(back, reverse=True), 0)
    kept = History()
    for k in range(ticks):
        kept = kept.add_tick({"p": toy_observation(k)}, {"p": history})
    past = kept.list_past("p", history, toy_observation(ticks))
    assert [obs.stamp for obs in past] == [max(ticks - b, 0) for b in history if b]
    assert len(kept.seen) <= max(back)


def test_without_a_memory_nothing_is_kept() -> None:
    here: Observation = toy_observation(3)
    kept = History().add_tick({"p": here}, {})
    assert kept.seen == ()
    assert kept.list_past("p", (0,), here) == ()
