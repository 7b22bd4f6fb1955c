"""Contest: times a piece of work and the same work done by a reference, in turns, in one run.

A ratio measured in one run survives a noisy machine; a time does not. CPU time is what counts: it
adds the worker processes and leaves out what the machine did besides.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Protocol, runtime_checkable

from aegis.core.errors import ConfigError


class Contest(Protocol):
    """A piece of work, done by us and by a reference. What it needs is built before it is timed.

    One that other processes work for is a ``ProcessOwner``, too; one that holds something open is
    ``Closeable``.

    Attributes:
        name: Name of the row.
        reference: What we are held against; empty for none.
    """

    name: str
    reference: str

    def run_ours(self) -> None:
        """Does the work our way."""
        ...

    def run_reference(self) -> None:
        """Does the work the reference's way."""
        ...

    def collect_facts(self) -> dict[str, Any]:
        """Returns, after timing, what else is known.

        ``ours_work`` and ``theirs_work`` make the ratio one per unit of work; ``ratio`` replaces
        it (say, by a ratio of control steps). All else goes into the row as it is.
        """
        ...


@runtime_checkable
class ProcessOwner(Protocol):
    """A contest that other processes work for."""

    def processes(self) -> Sequence[int]:
        """Returns their ids, so that their CPU time is counted."""
        ...


@runtime_checkable
class Closeable(Protocol):
    """A contest that holds processes, renderers or files open."""

    def close(self) -> None:
        """Frees them; called once, after the last repeat."""
        ...


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One line of a benchmark.

    Attributes:
        name: What was timed.
        reference: What against; empty for nothing.
        ratio: Cost of the reference over ours, per unit of work; None without a reference.
        cpu_ms: CPU time of each repeat [ms].
        reference_cpu_ms: The reference's.
        wall_ms: Wall time of each repeat [ms].
        reference_wall_ms: The reference's.
        facts: What else is known.
    """

    name: str
    reference: str
    ratio: float | None
    cpu_ms: tuple[float, ...]
    reference_cpu_ms: tuple[float, ...]
    wall_ms: tuple[float, ...]
    reference_wall_ms: tuple[float, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Returns plain numbers and names, for JSON; facts stand beside the rest."""
        own = {
            "name": self.name,
            "reference": self.reference,
            "ratio": self.ratio,
            "cpu_ms": list(self.cpu_ms),
            "reference_cpu_ms": list(self.reference_cpu_ms),
            "wall_ms": list(self.wall_ms),
            "reference_wall_ms": list(self.reference_wall_ms),
        }
        return {**own, **self.facts}


@dataclass(frozen=True, slots=True)
class Clocks:
    """Time in seconds: of the CPU, here and in other processes, and on the wall."""

    cpu: Callable[[], float] = time.process_time
    other: Callable[[int], float] = lambda pid: read_process_cpu(pid)
    wall: Callable[[], float] = time.perf_counter


def measure_contest(contest: Contest, repeats: int, clocks: Clocks | None = None) -> BenchRow:
    """Times a contest.

    Args:
        contest: What.
        repeats: How often; ours and the reference take turns.
        clocks: Where times come from; by default the machine's.

    Raises:
        ConfigError: If repeats is below 1.
    """
    if repeats < 1:
        raise ConfigError(f"repeats must be at least 1. Got: {repeats}.")
    watch = clocks or Clocks()
    ours, theirs = [], []
    try:
        for _ in range(repeats):
            ours.append(_time_work(contest, contest.run_ours, watch))
            if contest.reference:
                theirs.append(_time_work(contest, contest.run_reference, watch))
        facts = contest.collect_facts()
    finally:
        if isinstance(contest, Closeable):
            contest.close()
    ratio = facts.pop("ratio", None)
    scale = facts.get("ours_work", 1) / facts.get("theirs_work", 1)
    if ratio is None and theirs:
        ratio = scale * median(cpu for cpu, _ in theirs) / median(cpu for cpu, _ in ours)
    return BenchRow(
        name=contest.name,
        reference=contest.reference,
        ratio=ratio,
        cpu_ms=tuple(1e3 * cpu for cpu, _ in ours),
        reference_cpu_ms=tuple(1e3 * cpu for cpu, _ in theirs),
        wall_ms=tuple(1e3 * wall for _, wall in ours),
        reference_wall_ms=tuple(1e3 * wall for _, wall in theirs),
        facts=facts,
    )


def _time_work(contest: Contest, work: Callable[[], None], clocks: Clocks) -> tuple[float, float]:
    before = {pid: clocks.other(pid) for pid in _list_processes(contest)}
    cpu, wall = clocks.cpu(), clocks.wall()
    work()
    cpu, wall = clocks.cpu() - cpu, clocks.wall() - wall
    # A process that was started by the work has its start-up in it.
    return cpu + sum(clocks.other(p) - before.get(p, 0.0) for p in _list_processes(contest)), wall


def _list_processes(contest: Contest) -> Sequence[int]:
    return contest.processes() if isinstance(contest, ProcessOwner) else ()


def read_process_cpu(pid: int) -> float:
    """Returns the CPU time of a process [s]; 0 where the system does not tell (not Linux)."""
    try:
        # From behind the name, which may hold spaces and brackets; then fields 14 and 15 of
        # proc(5), time in user and in kernel mode.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def read_process_peak(pid: int) -> float:
    """Returns the largest resident size of a process so far [MB]; 0 where unknown."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)
