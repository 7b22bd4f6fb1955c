"""Lane in a process: it answers what the policy would, one by one, and says when it dies."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pytest

from aegis.core.protocols import Query
from aegis.core.types import Observation, Proposal
from aegis.runtime.realtime.clock import MonotonicClock
from aegis.runtime.realtime.lane import LaneAnswer, ProcessLane
from tests.fakes import ToyPolicy, ToyWorld, toy_key

WAIT = 60.0
"""Long enough for any machine [s]; no test waits for it unless something is broken."""


class MoodyPolicy(ToyPolicy):
    """Fails at tick 1 and dies at tick 2."""

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        if queries[0].k == 1:
            raise ValueError("not today")
        if queries[0].k == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().propose(queries)


def make_query(k: int) -> Query:
    world = ToyWorld()
    world.begin(toy_key(3))
    return Query(toy_key(3), k, world.observe({"agentview": (8, 8)}))


def test_what_goes_through_the_pipe_pickles() -> None:
    obs = Observation(0, np.zeros(2, np.float32), {}, "reach the goal")
    for value in (Query(toy_key(3), 0, obs), Proposal("weak", 0, np.zeros((4, 3), np.float32))):
        assert type(pickle.loads(pickle.dumps(value))) is type(value)  # noqa: S301  our own bytes


@pytest.fixture(scope="module")
def lane() -> Iterator[ProcessLane]:
    cameras = {"agentview": (8, 8)}
    lane = ProcessLane(partial(MoodyPolicy, "weak", weak=True, cameras=cameras), MonotonicClock())
    assert lane.wait_until_ready(WAIT)
    yield lane
    lane.close()


def wait_for_answer(lane: ProcessLane) -> LaneAnswer | None:
    return lane.wait_for_answer(WAIT)


def test_it_answers_what_the_policy_would(lane: ProcessLane) -> None:
    query = make_query(0)
    assert lane.submit_query(query)
    assert not lane.submit_query(make_query(0)), "one question at a time"
    answer = wait_for_answer(lane)
    assert answer is not None
    assert answer.proposal is not None
    assert answer.query is query
    assert answer.took > 0
    (expected,) = MoodyPolicy("weak", weak=True, cameras={"agentview": (8, 8)}).propose([query])
    np.testing.assert_array_equal(answer.proposal.actions, expected.actions)
    assert lane.poll_answer() is None


def test_a_failure_is_told_and_the_lane_goes_on(lane: ProcessLane) -> None:
    assert lane.submit_query(make_query(1))
    answer = wait_for_answer(lane)
    assert answer is not None
    assert (answer.proposal, answer.fault) == (None, "ValueError: not today")
    assert lane.submit_query(make_query(0))
    assert wait_for_answer(lane) is not None


def test_the_death_of_the_process_is_told(lane: ProcessLane) -> None:
    assert lane.submit_query(make_query(2))
    answer = wait_for_answer(lane)
    assert answer is not None
    assert answer.fault == lane.fault == "its process is gone"
    assert not lane.submit_query(make_query(0))


def test_a_policy_that_cannot_be_built_is_not_ready() -> None:
    lane = ProcessLane(partial(ToyPolicy, "weak"), MonotonicClock())  # type: ignore[call-arg]
    assert not lane.wait_until_ready(WAIT)
    assert lane.spec is None
    assert lane.fault.startswith("TypeError: ")
    assert not lane.submit_query(make_query(0))
    lane.close()


def test_the_clock_sleeps_until_a_deadline_and_not_for_a_time() -> None:
    clock = MonotonicClock()
    deadline = clock.read_time() + 5_000_000
    clock.sleep_until(deadline)
    assert clock.read_time() >= deadline
    before = clock.read_time()
    clock.sleep_until(before - 10**9)
    assert clock.read_time() >= before
