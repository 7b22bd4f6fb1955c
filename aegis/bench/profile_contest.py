"""Profile: where the CPU time of episodes goes: physics, pixels, matrix products, and the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aegis.core.answers import ask_policy
from aegis.core.protocols import ForkableWorld, Policy, Query
from aegis.core.types import EpisodeKey, PolicyId, Proposal
from aegis.fleet.arm import Arm, Source
from aegis.fleet.branches import Branch, Pause, play_branch, start_branches
from aegis.fleet.messages import ViewSpec

Spent = dict[str, float]
"""Part to CPU time [s]."""


class ProfileContest:
    """Plays units in this process, branch after branch, with a stopwatch at every seam.

    It drives the branches of `aegis.fleet.branches` itself, as a worker does, since the sharing of
    prefixes is what it times. Inference is timed on full batches afterwards: here a branch is
    alone, in a run it is not.

    Args:
        world: Where; it has been used before, so that nothing is built.
        policies: The policies.
        arms: The arms, which share prefixes.
        keys: The units.
    """

    name = "where_time_goes"
    reference = ""

    def __init__(
        self,
        world: ForkableWorld,
        policies: Mapping[PolicyId, Policy],
        arms: Sequence[Arm],
        keys: Sequence[EpisodeKey],
    ) -> None:
        self._world, self._policies, self._arms, self._keys = world, policies, arms, keys
        self._view_specs = {
            name: ViewSpec.from_policy_spec(policy.spec) for name, policy in policies.items()
        }
        self._queries: dict[PolicyId, list[Query]] = {name: [] for name in policies}
        self._spent: Spent = {}
        self._total, self._ticks = 0.0, 0
        for key in {key.task: key for key in keys}.values():
            self._play_unit(key)  # models, pictures and code are loaded

    def run_ours(self) -> None:
        """Plays all units."""
        self._spent, self._ticks = dict.fromkeys(("physics", "pixels"), 0.0), 0
        self._queries = {name: [] for name in self._policies}
        undo = [
            _time_calls(self._world, "apply", lambda *_: "physics", self._spent),
            _time_calls(
                self._world, "observe", lambda cameras: "pixels" if cameras else "", self._spent
            ),
        ]
        self._spent["asked alone"] = 0.0
        began = time.process_time()
        for key in self._keys:
            self._play_unit(key)
        asked = self._spent.pop("asked alone")
        self._total = time.process_time() - began - asked
        for back in undo:
            back()
        self._spent["inference"] = sum(self._time_inference(name) for name in self._policies)

    def run_reference(self) -> None:
        """There is no reference."""

    def collect_facts(self) -> dict[str, Any]:
        """Returns the share of each part, and CPU time per control step [ms]."""
        whole = self._total + self._spent["inference"]
        rest = whole - sum(self._spent.values())
        parts = {**self._spent, "rest": rest}
        return {
            "steps": self._ticks,
            "ms_per_step": 1e3 * whole / self._ticks,
            **{f"{part}_share": seconds / whole for part, seconds in parts.items()},
        }

    def _play_unit(self, key: EpisodeKey) -> None:
        pending = list(start_branches(self._arms, key, shared=True))
        while pending:
            steps, event = play_branch(self._world, pending.pop(), self._view_specs, ()), None
            try:
                event = next(steps)
                while True:
                    if isinstance(event, Branch):
                        pending.append(event)
                        event = next(steps)
                    else:
                        event = steps.send(self._answer_pause(key, event))
            except StopIteration as end:
                self._ticks += end.value.ticks

    def _answer_pause(self, key: EpisodeKey, pause: Pause) -> dict[Source, Proposal]:
        began, answers = time.process_time(), {}
        for source, obs in pause.views.items():
            query = source.build_query(key, pause.standings[0].k, obs)
            self._queries[source.policy].append(query)
            answers[source] = ask_policy(self._policies[source.policy], [query])[0]
        spent = time.process_time() - began
        self._spent["asked alone"] = self._spent.get("asked alone", 0.0) + spent
        return answers

    def _time_inference(self, policy: PolicyId) -> float:
        """Returns the CPU time of all queries of a policy in one batch [s]."""
        began = time.process_time()
        if self._queries[policy]:
            self._policies[policy].propose(self._queries[policy])
        return time.process_time() - began


def _time_calls(
    target: Any, member: str, part: Callable[..., str], spent: Spent
) -> Callable[[], None]:
    """Times the calls of a member; returns what undoes it. An empty part is not counted."""
    inner = getattr(target, member)

    def call_timed(*args: Any) -> Any:
        began = time.process_time()
        try:
            return inner(*args)
        finally:
            if name := part(*args):
                spent[name] += time.process_time() - began

    setattr(target, member, call_timed)
    return lambda: delattr(target, member)
