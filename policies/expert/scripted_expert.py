"""A scripted expert with privileged state: picks objects and puts them where the goal wants them.

It remembers nothing: the phase is read off the world at every tick, so that it can take over from
any state that another policy left behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from aegis.core.errors import ConfigError
from aegis.core.protocols import PolicySpec, Query
from aegis.core.types import F64, Observation, Proposal
from policies.expert.hand_motion import compute_action
from policies.expert.spatial import plan_spatial
from policies.expert.task_plan import check_goal, plan_task

_DIMENSIONS = 7
"""Of an action: change of the hand's pose, and the gripper."""
_SPATIAL_TRUTH = ("object_pos", "target_pos", "drawer_axis")
"""What tells LIBERO from other worlds where nothing tells of a whole scene."""


class ScriptedExpert:
    """Solves tasks of LIBERO from simulator truth.

    LIBERO-Spatial, whose truth tells of one object and one target, has a plan of its own.

    Args:
        name: Name of the policy.
    """

    def __init__(self, name: str) -> None:
        # The number is to be raised whenever the expert acts otherwise in any suite: constants are
        # not hashed.
        digest = hashlib.sha256(b"scripted-expert-1").hexdigest()
        self._spec = PolicySpec(
            name, digest, {}, horizon=1, execute=1, taps={}, privileged=True, dimensions=_DIMENSIONS
        )

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and gives."""
        return self._spec

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        """Returns one action per query.

        Raises:
            ConfigError: If the world gives no simulator truth, or its goal is of a kind that the
                expert cannot do.
        """
        return [
            Proposal(self._spec.name, query.k, self.act(query.obs)[None].astype(np.float32))
            for query in queries
        ]

    def act(self, obs: Observation) -> F64:
        """Returns the action for one observation. Shape (7,).

        Raises:
            ConfigError: As in `propose`.
        """
        truth = obs.privileged
        if "geom_thing" in truth:
            check_goal(truth, obs.instruction)
            return compute_action(truth, plan_task(truth))
        missing = [name for name in _SPATIAL_TRUTH if name not in truth]
        if missing:
            raise ConfigError(
                f"The scripted expert reads simulator truth of LIBERO, of which {missing} are "
                "missing here. Use it with LIBERO in simulation; robosuite's Lift and Stack have "
                "policy=robosuite_expert."
            )
        return compute_action(truth, plan_spatial(truth))

    def close(self) -> None:
        """Nothing to free."""
