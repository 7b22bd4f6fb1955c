"""Bench of portable arithmetic: episodes whose bits no machine changes, against native ones."""

from __future__ import annotations

from statistics import mean
from typing import Any

from aegis.bench.study_contests import PlanPlayer, count_simulated_steps
from aegis.fleet.run_plan import RunPlan
from aegis.records.store import RunTables


class PortableContest:
    """The same arm on the same units, portable against native; the work is control steps.

    Episodes of the two part after some steps, since their last bits differ; a cost per control step
    does not depend on how many each takes.

    Args:
        name: Name of the row.
        portable: Plays with held libraries and portable policies.
        portable_plan: What it plays.
        native: Plays with libraries that choose by the CPU.
        native_plan: What it plays: the same arm and units.
    """

    reference = "portable=false"

    def __init__(
        self,
        name: str,
        portable: PlanPlayer,
        portable_plan: RunPlan,
        native: PlanPlayer,
        native_plan: RunPlan,
    ) -> None:
        self.name = name
        self._players, self._plans = (portable, native), (portable_plan, native_plan)
        self._tables: list[RunTables] = []
        for player, plan in zip(self._players, self._plans, strict=True):  # warms both
            self._tables.append(player.play_fresh(plan))

    def processes(self) -> tuple[int, ...]:
        """Returns the ids of the workers of both; one side's rest while the other's play."""
        return tuple(pid for player in self._players for pid in player.process_ids())

    def run_ours(self) -> None:
        """Plays portable episodes."""
        self._tables[0] = self._players[0].play_fresh(self._plans[0])

    def run_reference(self) -> None:
        """Plays native episodes."""
        self._tables[1] = self._players[1].play_fresh(self._plans[1])

    def collect_facts(self) -> dict[str, Any]:
        """Returns control steps and success of both, and the level of the first."""
        steps = [count_simulated_steps(tables.root) for tables in self._tables]
        success = [mean(row.success for row in tables.episodes) for tables in self._tables]
        return {
            "ours_work": steps[0],
            "theirs_work": steps[1],
            "success": success[0],
            "reference_success": success[1],
            "level": self._plans[0].identity["level"],
            "reference_cpu": self._plans[1].machine["cpu"],
        }

    def close(self) -> None:
        """Ends the workers of both."""
        for player in self._players:
            player.close()
