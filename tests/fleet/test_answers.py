"""Answers that do not come: refused, or held; remote policies think while others do."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from aegis.core.answers import ask_policy
from aegis.core.errors import AbsentAnswerError, ConfigError, ShapeError
from aegis.core.protocols import Outcome, PolicySpec, Query
from aegis.core.types import Command, Proposal
from aegis.gates.constant import NeverGate
from aegis.runtime.lockstep import Lockstep
from tests.fakes import ToyPolicy, ToyWorld, toy_key
from tests.fleet.toyrun import (
    HORIZON,
    controller,
    tables,
    toy_arms,
    toy_plan,
    toy_policies,
    toy_queries,
    toy_run,
)

CAMERAS = {"agentview": (8, 8)}


class Deaf(ToyPolicy):
    """Does not answer every third question of an episode."""

    def propose(self, queries: Sequence[Query]) -> list[Proposal | None]:  # type: ignore[override]
        found = super().propose(queries)
        return [
            None if query.k % 12 == 8 else one for query, one in zip(queries, found, strict=True)
        ]


def deaf() -> dict[str, ToyPolicy]:
    return toy_policies() | {"weak": Deaf("weak", weak=True, cameras=CAMERAS)}


def test_a_missing_answer_ends_the_run_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AbsentAnswerError, match=r"'weak' did not answer at tick 8 of toy/.*hold"):
        toy_run(tmp_path, policies=deaf())


def test_a_run_may_hold_instead_and_is_then_another_experiment(tmp_path: Path) -> None:
    plan = toy_plan(2, toy_arms()[:1], absent=True)
    toy_run(tmp_path, plan, policies=deaf())
    steps = pq.read_table(tmp_path / "steps.parquet", columns=["arm", "k", "command"]).to_pylist()
    held = {(step["arm"], step["k"]) for step in steps if step["command"] == "hold"}
    assert ("weak", 8) in held
    with pytest.raises(ConfigError, match="absent"):
        toy_run(tmp_path, replace(plan, absent=False), policies=deaf())


def test_arms_cannot_be_compared_where_answers_may_be_missing() -> None:
    with pytest.raises(ConfigError, match=r"absent=hold is for a run of one arm.*weak, strong"):
        toy_plan(2, toy_arms()[:2], absent=True)


def test_lockstep_holds_and_asks_again() -> None:
    episode = Lockstep(ToyWorld(HORIZON), controller(NeverGate()), deaf(), toy_key(2))
    commands = []
    while not episode.done and episode.k < 14:
        commands.append(type(episode.play_tick().decision.command).__name__)
    assert commands[8] == "Hold"
    assert commands[9] == "Act"


def test_those_who_need_every_answer_say_so() -> None:
    policy = Deaf("weak", weak=True, cameras=CAMERAS)
    queries = [replace(query, k=8) for query in toy_queries(policy)[:2]]
    with pytest.raises(AbsentAnswerError, match="tick 8"):
        ask_policy(policy, queries)

    class Short(ToyPolicy):
        def propose(self, queries: Sequence[Query]) -> list[Proposal]:
            return super().propose(queries)[1:]

    short = Short("weak", weak=True, cameras=CAMERAS)
    with pytest.raises(ShapeError, match="1 proposals for 2 queries"):
        ask_policy(short, queries)


class Elsewhere(ToyPolicy):
    """Answers only after a policy of this process was asked."""

    near_asked = threading.Event()

    @property
    def spec(self) -> PolicySpec:
        return replace(super().spec, remote=True)

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        assert self.near_asked.wait(20), "the policies of this process wait for a remote one"
        return super().propose(queries)


class Near(ToyPolicy):
    """Says when it is asked."""

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        Elsewhere.near_asked.set()
        return super().propose(queries)


def test_remote_policies_think_while_others_do(tmp_path: Path) -> None:
    Elsewhere.near_asked.clear()
    remote = {
        "weak": Near("weak", weak=True, cameras=CAMERAS),
        "strong": Elsewhere("strong", weak=False, cameras=CAMERAS),
    }
    plan = toy_plan(2, audit=0.0)
    # One worker asks for both at once: the arms `weak` and `strong` start together.
    toy_run(tmp_path / "remote", replace(plan, sharing=False), policies=remote, slots=8)
    toy_run(tmp_path / "near", plan)
    assert tables(tmp_path / "remote") == tables(tmp_path / "near")


class Patient(Elsewhere):
    """Answers only when others have been asked many times since."""

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        assert Busy.enough.wait(20), "a slow policy holds episodes that do not need it"
        return ToyPolicy.propose(self, queries)


class Busy(ToyPolicy):
    """Counts its queries."""

    enough = threading.Event()
    asked = 0

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        type(self).asked += len(queries)
        if self.asked >= 30:
            self.enough.set()
        return super().propose(queries)


def test_a_slow_policy_does_not_hold_episodes_that_do_not_need_it(tmp_path: Path) -> None:
    Busy.asked = 0
    Busy.enough.clear()
    slow = {
        "weak": Busy("weak", weak=True, cameras=CAMERAS),
        "strong": Patient("strong", weak=False, cameras=CAMERAS),
    }
    plan = toy_plan(4, toy_arms()[:2], audit=0.0, sharing=False)
    toy_run(tmp_path / "slow", plan, policies=slow, slots=4)
    toy_run(tmp_path / "near", plan)
    assert tables(tmp_path / "slow") == tables(tmp_path / "near")


class Costly(ToyPolicy):
    """Would rather compute many rows at once."""

    def __init__(self, remote: bool) -> None:
        super().__init__("strong", weak=False, cameras=CAMERAS)
        self._spec = replace(self._spec, fill=6, remote=remote)
        self.sizes: list[int] = []

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        self.sizes.append(len(queries))
        return super().propose(queries)


@pytest.mark.parametrize("remote", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_costly_policy_waits_for_its_batch_as_long_as_it_may(
    remote: bool, tmp_path: Path
) -> None:
    costly = Costly(remote)
    plan = toy_plan(12, toy_arms()[1:2])
    toy_run(tmp_path / "full", plan, policies=toy_policies() | {"strong": costly}, slots=12)
    plain = Costly(remote)
    plain._spec = replace(plain._spec, fill=0)
    toy_run(tmp_path / "plain", plan, policies=toy_policies() | {"strong": plain}, slots=12)
    assert tables(tmp_path / "full") == tables(tmp_path / "plain")
    assert sum(costly.sizes) == sum(plain.sizes)
    full = [size for size in costly.sizes if size >= 6]
    # The last episodes find no company; all others do.
    assert sum(full) > 0.6 * sum(costly.sizes)


def test_a_worker_that_dies_takes_its_open_questions_along(tmp_path: Path) -> None:
    # Its successor numbers its questions anew: an answer to the dead one must not reach it.
    remote = {
        name: ToyPolicy(name, weak=name == "weak", cameras=CAMERAS) for name in toy_policies()
    }
    for policy in remote.values():
        policy._spec = replace(policy._spec, remote=True)
    mortal = partial(Mortal, flag=str(tmp_path / "died"), horizon=HORIZON)
    plan = toy_plan(4, audit=0.0)
    toy_run(tmp_path / "died-once", plan, policies=remote, world=mortal, slots=3)
    assert (tmp_path / "died").exists()
    toy_run(tmp_path / "lived", plan)
    assert tables(tmp_path / "died-once") == tables(tmp_path / "lived")


class Mortal(ToyWorld):
    """Kills its process once, in the middle of an episode."""

    def __init__(self, flag: str, horizon: int) -> None:
        super().__init__(horizon)
        self._flag = Path(flag)

    def apply(self, command: Command) -> Outcome:
        if self._k == 17 and not self._flag.exists():
            self._flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().apply(command)
