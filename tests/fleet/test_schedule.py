"""Laws of dealing: every job is played by somebody, and workers keep to few tasks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aegis.fleet.schedule import JobSchedule, UnitJob
from tests.fakes import toy_key


def deal_of(tasks: list[int], workers: int) -> JobSchedule:
    deal = JobSchedule()
    for index, task in enumerate(tasks):
        deal.add_job(UnitJob(toy_key(index, task=task), (0, 1)))
    deal.set_workers(workers)
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
        number = deal.take_job(worker)
        if next(fate, False):
            assert deal.release_jobs(worker) == [number]
            deal.requeue_job(number, (1,))
            assert deal.count_crashes(number) >= 1
        else:
            deal.finish_job(worker, number)
            played.append(number)
        turn += 1
    assert sorted(played) == list(range(len(tasks)))
    assert not deal.is_busy


def test_workers_keep_to_their_tasks() -> None:
    deal = deal_of([task for _ in range(30) for task in range(10)], workers=2)
    tasks: list[set[int]] = [set(), set()]
    while deal.waiting:
        for worker in range(2):
            number = deal.take_job(worker)
            tasks[worker].add(deal[number].key.task)
            deal.finish_job(worker, number)
    assert [len(known) for known in tasks] == [5, 5]
    assert not tasks[0] & tasks[1]


def test_what_is_lost_comes_first() -> None:
    deal = deal_of([0, 0, 0, 0], workers=1)
    first, second = deal.take_job(0), deal.take_job(0)
    assert deal.count_playing(0) == 2
    assert deal.release_jobs(0) == [first, second]
    deal.requeue_job(second, (1,))
    deal.requeue_job(first, (0,))
    assert [deal.take_job(0), deal.take_job(0)] == [first, second]
    assert deal[second].arms == (1,)
