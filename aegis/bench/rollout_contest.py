"""Bench of rollouts: our runner against an evaluation loop as LeRobot's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import mean
from typing import Any, Protocol

import numpy as np

from aegis.bench.study_contests import PlanPlayer
from aegis.core.answers import ask_policy
from aegis.core.protocols import Policy, Query
from aegis.core.types import F32, F64, U8, Embodiment, EpisodeKey, Observation
from aegis.fleet.run_plan import RunPlan


class VectorPart(Protocol):
    """One environment of a vector: it renders at every step, whoever looks."""

    def reset(self, key: EpisodeKey) -> Observation:
        """Puts it into a start state and returns the first observation."""
        ...

    def step(self, action: F64) -> tuple[Observation, bool]:
        """Executes an action.

        Args:
            action: Normalised action, shape (a,), in [-1, 1].

        Returns:
            The observation with pictures, and success.
        """
        ...

    def close(self) -> None:
        """Frees the renderer."""
        ...


class RolloutContest:
    """Episodes of one policy: the runner against a lockstep vector environment.

    Both play the same start states with the same policy and noise; the work is counted in
    episodes.

    Args:
        name: Name of the row.
        player: Our workers.
        plan: One arm, in which the policy drives alone.
        policy: The policy.
        make: Builds an environment of the reference.
        batch: Environments in its vector.
        horizon: Longest episode of the reference [control steps].
        robot: Its limits clip the reference's actions, as the controller clips ours.
        keys: Episodes that the reference plays; the plan's units may be more.
        facts: What is said about the settings.
    """

    reference = "LeRobot-style loop"

    def __init__(
        self,
        name: str,
        player: PlanPlayer,
        plan: RunPlan,
        policy: Policy,
        make: Callable[[], VectorPart],
        batch: int,
        horizon: int,
        robot: Embodiment,
        keys: Sequence[EpisodeKey],
        facts: dict[str, Any],
    ) -> None:
        self.name, self._player, self._plan, self._policy = name, player, plan, policy
        self._keys, self._horizon, self._facts = keys, horizon, facts
        self._robot = robot
        self._envs = [make() for _ in range(min(batch, len(keys)))]
        self._ours: list[bool] = []
        self._theirs: list[bool] = []
        self._steps = [0, 0]
        self.processes = player.process_ids
        player.play_fresh(plan)
        for i, key in enumerate(keys):  # built up front, as LeRobot does; not timed
            self._envs[i % len(self._envs)].reset(key)

    def run_ours(self) -> None:
        """Plays all units of the plan."""
        rows = self._player.play_fresh(self._plan).episodes
        self._ours = [row.success for row in rows]
        self._steps[0] = sum(row.steps for row in rows)

    def run_reference(self) -> None:
        """Plays all keys, as many at a time as there are environments."""
        self._theirs, self._steps[1] = [], 0
        for i in range(0, len(self._keys), len(self._envs)):
            keys = self._keys[i : i + len(self._envs)]
            won, steps = evaluate_lockstep(
                self._envs[: len(keys)], self._policy, keys, self._horizon, self._robot
            )
            self._theirs += won
            self._steps[1] += steps

    def collect_facts(self) -> dict[str, Any]:
        """Returns episodes, steps and success of both sides, and the settings."""
        return {
            "ours_work": len(self._ours),
            "theirs_work": len(self._theirs),
            "steps": self._steps[0],
            "reference_steps": self._steps[1],
            "success": mean(self._ours),
            "reference_success": mean(self._theirs),
            **self._facts,
        }

    def close(self) -> None:
        """Ends workers and environments."""
        self._player.close()
        for env in self._envs:
            env.close()


def evaluate_lockstep(
    envs: Sequence[VectorPart],
    policy: Policy,
    keys: Sequence[EpisodeKey],
    horizon: int,
    robot: Embodiment,
) -> tuple[list[bool], int]:
    """Evaluates as LeRobot 0.4 does: all environments step until the last one is done.

    One queue of actions serves the whole vector, so that all replan at the same tick; those that
    are done keep stepping. This loop is not `aegis.runtime.lockstep` on purpose: it is the way of
    working that ours is measured against.

    Args:
        envs: Environments, one per key.
        policy: Policy that drives all of them.
        keys: Start states and noise.
        horizon: Longest episode [control steps].
        robot: Its limits clip the actions.

    Returns:
        Success of each, and the steps that were simulated.
    """
    seen = [env.reset(key) for env, key in zip(envs, keys, strict=True)]
    won = [False] * len(envs)
    chunks: list[F32] = []
    for k in range(horizon):
        row = k % policy.spec.execute
        if row == 0:
            chunks = _query_chunks(policy, keys, k, seen)
        for i, env in enumerate(envs):
            action = np.clip(chunks[i][row], robot.low, robot.high)
            seen[i], success = env.step(action.astype(np.float64))
            won[i] = won[i] or success
        if all(won):
            return won, (k + 1) * len(envs)
    return won, horizon * len(envs)


def _query_chunks(
    policy: Policy, keys: Sequence[EpisodeKey], k: int, seen: Sequence[Observation]
) -> list[F32]:
    """Returns a chunk for each environment, in one batch. Each of shape (h, a)."""
    queries = [
        Query(key, k, _scale_pictures(obs, policy)) for key, obs in zip(keys, seen, strict=True)
    ]
    return [proposal.actions for proposal in ask_policy(policy, queries)]


def _scale_pictures(obs: Observation, policy: Policy) -> Observation:
    """Scales pictures to what the policy takes, as its preprocessor would."""
    images = {
        name: _shrink_picture(obs.images[name], size) for name, size in policy.spec.cameras.items()
    }
    return Observation(obs.stamp, obs.proprio, images, obs.instruction, obs.privileged)


def _shrink_picture(picture: U8, size: tuple[int, int]) -> U8:
    """Averages blocks of pixels; sizes must divide.

    Args:
        picture: RGB picture, shape (height, width, 3).
        size: Wanted height and width [px].
    """
    (height, width), (h, w) = picture.shape[:2], size
    if (height, width) == size:
        return picture
    blocks = picture.reshape(h, height // h, w, width // w, 3).mean((1, 3))
    return np.asarray(np.rint(blocks), dtype=np.uint8)
