"""Deal: the jobs of a run, which worker plays which, and what becomes of those of a dead one."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace

from aegis.core.types import EpisodeKey

NEAR = 64
"""Jobs that are looked through for a task that a worker knows."""


@dataclass(frozen=True, slots=True)
class Job:
    """A unit, and the arms that are to be played; an audit plays them again, each alone."""

    key: EpisodeKey
    arms: tuple[int, ...]
    audit: bool = False


class Deal:
    """Jobs by number: those that wait, and those that a worker plays."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._queue: deque[int] = deque()
        self._playing: list[set[int]] = []
        self._tasks: list[set[int]] = []
        self._crashes: Counter[int] = Counter()

    def __getitem__(self, number: int) -> Job:
        return self._jobs[number]

    @property
    def waiting(self) -> int:
        """Jobs that nobody plays yet."""
        return len(self._queue)

    @property
    def busy(self) -> bool:
        """Whether some worker plays."""
        return any(self._playing)

    def add(self, job: Job) -> None:
        """Adds a job to the end."""
        self._queue.append(len(self._jobs))
        self._jobs.append(job)

    def start(self, workers: int) -> None:
        """Sets the number of workers."""
        self._playing = [set() for _ in range(workers)]
        self._tasks = [set() for _ in range(workers)]

    def load(self, worker: int) -> int:
        """Returns how many jobs a worker plays."""
        return len(self._playing[worker])

    def take(self, worker: int) -> int:
        """Gives a worker one of the next jobs: of a task that it knows, else that nobody knows.

        A model and its pictures are then loaded by few workers, and memory stays small. What is
        played does not depend on who plays it.
        """
        near = [self._queue[i] for i in range(min(NEAR, len(self._queue)))]
        known = set().union(*self._tasks)

        def rank(number: int) -> tuple[bool, bool]:
            task = self._jobs[number].key.task
            return task not in self._tasks[worker], task in known

        number = min(near, key=rank)
        self._queue.remove(number)
        self._playing[worker].add(number)
        self._tasks[worker].add(self._jobs[number].key.task)
        return number

    def close(self, worker: int, number: int) -> None:
        """Takes note that a worker has finished a job."""
        self._playing[worker].discard(number)

    def lose(self, worker: int) -> list[int]:
        """Takes the jobs of a dead worker from it and returns them; the new one knows no task."""
        lost, self._playing[worker], self._tasks[worker] = self._playing[worker], set(), set()
        self._crashes.update(lost)
        return sorted(lost)

    def again(self, number: int, arms: tuple[int, ...]) -> None:
        """Puts a lost job to the front, with the arms that are left of it."""
        self._jobs[number] = replace(self._jobs[number], arms=arms)
        self._queue.appendleft(number)

    def crashes(self, number: int) -> int:
        """Returns how often a worker died over a job."""
        return self._crashes[number]
