"""Laws of dealing: every job is played by somebody, and workers keep to few tasks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aegis.fleet.schedule import Deal, Job
from tests.fakes import toy_key


def deal_of(tasks: list[int], workers: int) -> Deal:
    deal = Deal()
    for index, task in enumerate(tasks):
        deal.add(Job(toy_key(index, task=task), (0, 1)))
    deal.start(workers)
    return deal


@given(
    tasks=st.lists(st.integers(0, 9), max_size=100),
    workers=st.integers(1, 4),
    deaths=st.lists(st.booleans(), max_size=120),
)
def test_every_job_is_played_once_whoever_dies(
    tasks: list[int], workers: int, deaths: list[bool]
) -> None:
    deal = deal_of(tasks, workers)
    played, turn = [], 0
    fate = iter(deaths)
    while deal.waiting:
        worker = turn % workers
        number = deal.take(worker)
        if next(fate, False):
            assert deal.lose(worker) == [number]
            deal.again(number, (1,))
            assert deal.crashes(number) >= 1
        else:
            deal.close(worker, number)
            played.append(number)
        turn += 1
    assert sorted(played) == list(range(len(tasks)))
    assert not deal.busy


def test_workers_keep_to_their_tasks() -> None:
    deal = deal_of([task for _ in range(30) for task in range(10)], workers=2)
    tasks: list[set[int]] = [set(), set()]
    while deal.waiting:
        for worker in range(2):
            number = deal.take(worker)
            tasks[worker].add(deal[number].key.task)
            deal.close(worker, number)
    assert [len(known) for known in tasks] == [5, 5]
    assert not tasks[0] & tasks[1]


def test_what_is_lost_comes_first() -> None:
    deal = deal_of([0, 0, 0, 0], workers=1)
    first, second = deal.take(0), deal.take(0)
    assert deal.load(0) == 2
    assert deal.lose(0) == [first, second]
    deal.again(second, (1,))
    deal.again(first, (0,))
    assert [deal.take(0), deal.take(0)] == [first, second]
    assert deal[second].arms == (1,)
