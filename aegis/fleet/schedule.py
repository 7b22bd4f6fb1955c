"""Schedule: the jobs of a run, the worker that plays each, and recovery of lost ones."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace

from aegis.core.types import EpisodeKey

LOOKAHEAD = 64
"""Jobs that are looked through for a task that a worker knows."""


@dataclass(frozen=True, slots=True)
class UnitJob:
    """A unit, and the arms that are to be played; an audit plays them again, each alone."""

    key: EpisodeKey
    arms: tuple[int, ...]
    audit: bool = False


class JobSchedule:
    """Jobs by number: those that wait, and those that a worker plays."""

    def __init__(self) -> None:
        self._jobs: list[UnitJob] = []
        self._queue: deque[int] = deque()
        self._playing: list[set[int]] = []
        self._tasks: list[set[int]] = []
        self._crashes: Counter[int] = Counter()

    def __getitem__(self, number: int) -> UnitJob:
        return self._jobs[number]

    @property
    def waiting(self) -> int:
        """Jobs that nobody plays yet."""
        return len(self._queue)

    @property
    def is_busy(self) -> bool:
        """Whether some worker plays."""
        return any(self._playing)

    def add_job(self, job: UnitJob) -> None:
        """Adds a job to the end."""
        self._queue.append(len(self._jobs))
        self._jobs.append(job)

    def set_workers(self, workers: int) -> None:
        """Sets the number of workers."""
        self._playing = [set() for _ in range(workers)]
        self._tasks = [set() for _ in range(workers)]

    def count_playing(self, worker: int) -> int:
        """Returns how many jobs a worker plays."""
        return len(self._playing[worker])

    def take_job(self, worker: int) -> int:
        """Gives a worker one of the next jobs: of a task that it knows, else that nobody knows.

        A model and its pictures are then loaded by few workers, and memory stays small. What is
        played does not depend on who plays it.
        """
        near = [self._queue[i] for i in range(min(LOOKAHEAD, len(self._queue)))]
        known = set().union(*self._tasks)

        # False comes before true. A task that is new to a worker costs it the loading of a scene.
        def rank_job(number: int) -> tuple[bool, bool]:
            task = self._jobs[number].key.task
            return task not in self._tasks[worker], task in known

        number = min(near, key=rank_job)
        self._queue.remove(number)
        self._playing[worker].add(number)
        self._tasks[worker].add(self._jobs[number].key.task)
        return number

    def finish_job(self, worker: int, number: int) -> None:
        """Takes note that a worker has finished a job."""
        self._playing[worker].discard(number)

    def release_jobs(self, worker: int) -> list[int]:
        """Takes the jobs of a dead worker from it and returns them; the new one knows no task."""
        lost, self._playing[worker], self._tasks[worker] = self._playing[worker], set(), set()
        self._crashes.update(lost)
        return sorted(lost)

    def requeue_job(self, number: int, arms: tuple[int, ...]) -> None:
        """Puts a lost job to the front, with the arms that are left of it."""
        self._jobs[number] = replace(self._jobs[number], arms=arms)
        self._queue.appendleft(number)

    def count_crashes(self, number: int) -> int:
        """Returns how often a worker died over a job."""
        return self._crashes[number]
