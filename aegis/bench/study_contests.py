"""Bench of studies: what sharing the common prefix saves, and what a whole study takes."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aegis.bench.contest import read_process_peak
from aegis.core.protocols import Policy, World
from aegis.core.types import PolicyId
from aegis.fleet.messages import PlayUnit, Questions, RunSetup, ViewSpec
from aegis.fleet.pool import WorkerPool
from aegis.fleet.progress import NullSink
from aegis.fleet.run_plan import RunPlan
from aegis.fleet.runner import play_plan
from aegis.records.store import RunTables

TABLES = ("episodes", "steps", "features")


class PlanPlayer:
    """Plays plans again and again with workers that stay; each time into a fresh folder.

    Args:
        policies: The policies.
        world: Builds a world; must pickle.
        workers: Simulator processes.
        slots: Branches that each of them keeps in flight.
        dispatch: Environment variables of the processes; see ``aegis.host.dispatch``.
    """

    def __init__(
        self,
        policies: Mapping[PolicyId, Policy],
        world: Callable[[], World],
        workers: int,
        slots: int,
        dispatch: Mapping[str, str],
    ) -> None:
        self._policies, self._slots = policies, slots
        self._pool = WorkerPool(world, workers, dispatch)
        self._scratch = tempfile.TemporaryDirectory(prefix="aegis-bench-")
        self._runs = 0

    def play_fresh(self, plan: RunPlan) -> RunTables:
        """Plays a plan from nothing."""
        self._runs += 1
        out = Path(self._scratch.name) / str(self._runs)
        return play_plan(plan, self._policies, self._pool, out, NullSink(), self._slots)

    def process_ids(self) -> tuple[int, ...]:
        """Returns the ids of the workers."""
        return self._pool.pids

    def close(self) -> None:
        """Ends the workers and removes what was played."""
        self._pool.close()
        self._scratch.cleanup()


class SharingContest:
    """The same arms and units with shared prefixes against every arm from the start, alone.

    The ratio is that of control steps simulated, which no noise touches.
    """

    name = "prefix_sharing"
    reference = "every arm alone"

    def __init__(self, player: PlanPlayer, plan: RunPlan) -> None:
        self._player = player
        self._shared = replace(plan, sharing=True, audit=0.0)
        self._alone = replace(plan, sharing=False, audit=0.0)
        self._tables: dict[str, RunTables] = {}
        self.processes, self.close = player.process_ids, player.close
        player.play_fresh(
            replace(self._shared, units=plan.units[:20])
        )  # workers start, models load

    def run_ours(self) -> None:
        """Plays with shared prefixes."""
        self._tables["ours"] = self._player.play_fresh(self._shared)

    def run_reference(self) -> None:
        """Plays every arm alone."""
        self._tables["theirs"] = self._player.play_fresh(self._alone)

    def collect_facts(self) -> dict[str, Any]:
        """Returns control steps of both, and whether all tables are equal byte for byte."""
        ours, theirs = self._tables["ours"], self._tables["theirs"]
        steps = {name: count_simulated_steps(tables.root) for name, tables in self._tables.items()}
        return {
            "ratio": steps["theirs"] / steps["ours"],
            "measure": "control steps simulated",
            "steps": steps["ours"],
            "reference_steps": steps["theirs"],
            "arms": len(self._shared.arms),
            "units": len(self._shared.units),
            "equal": all(
                (ours.root / f"{name}.parquet").read_bytes()
                == (theirs.root / f"{name}.parquet").read_bytes()
                for name in TABLES
            ),
        }


class PlayContest:
    """Plays a plan and says how long it took, and how large the workers grew."""

    reference = ""

    def __init__(self, name: str, player: PlanPlayer, plan: RunPlan, *, warm: bool) -> None:
        self.name, self._player, self._plan = name, player, plan
        self._tables: RunTables | None = None
        self._peaks: list[float] = []
        self.processes, self.close = player.process_ids, player.close
        if warm:
            player.play_fresh(plan)

    def run_ours(self) -> None:
        """Plays."""
        began = time.perf_counter()
        self._tables = self._player.play_fresh(self._plan)
        self._wall = time.perf_counter() - began
        self._peaks = [read_process_peak(pid) for pid in self._player.process_ids()]

    def run_reference(self) -> None:
        """There is no reference."""

    def collect_facts(self) -> dict[str, Any]:
        """Returns minutes, episodes per second, steps, and the largest worker [MB]."""
        assert self._tables is not None
        rows = self._tables.episodes
        return {
            "minutes": self._wall / 60,
            "episodes": len(rows),
            "units": len(self._plan.units),
            "arms": len(self._plan.arms),
            "episodes_per_second": len(rows) / self._wall,
            "steps": count_simulated_steps(self._tables.root),
            "steps_of_arms": sum(row.steps for row in rows),
            "worker_peak_mb": max(self._peaks, default=0.0),
            "workers": len(self._peaks),
        }


class WarmStartContest:
    """Starts a worker on a task that the machine has seen, up to its first question."""

    name = "warm_start"
    reference = ""

    def __init__(
        self, world: Callable[[], World], plan: RunPlan, policies: Mapping[PolicyId, Policy]
    ) -> None:
        self._world, self._plan = world, plan
        view_specs = {
            name: ViewSpec.from_policy_spec(policy.spec) for name, policy in policies.items()
        }
        self._setup = RunSetup(plan.arms[:1], view_specs, (), Path(), slots=1, sharing=False)
        self._seconds: list[float] = []
        self.run_ours()  # models and compiled code reach the disk cache
        self._seconds.clear()

    def run_ours(self) -> None:
        """Starts a process and waits until an episode has begun and its pictures are there."""
        with WorkerPool(self._world, 1) as pool:
            began = time.perf_counter()
            pool.prepare_run(self._setup, 1)
            pool.send_message(0, PlayUnit(0, self._plan.units[0], (0,)))
            while not any(
                isinstance(message, Questions) for _, message in pool.receive_messages(1.0)
            ):
                pass
            self._seconds.append(time.perf_counter() - began)

    def run_reference(self) -> None:
        """There is no reference."""

    def collect_facts(self) -> dict[str, Any]:
        """Returns the seconds of each start, end of the process not included."""
        return {"seconds": sorted(self._seconds)}


def count_simulated_steps(root: Path) -> int:
    """Returns the control steps that a run simulated, resumed parts included."""
    lines = (root / "timing.jsonl").read_text().splitlines()
    events: Sequence[dict[str, Any]] = [json.loads(line) for line in lines]
    return sum(int(event["ticks"]) for event in events if event["event"] == "run")
