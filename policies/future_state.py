"""Future state: asks a policy at the state in which its chunk will start.

A policy that is asked ahead sees the robot where it is, but acts where it will be. Proprioception
rolled forward by the actions that are still to be executed closes that gap (VLASH: Tang et al.
2025, arXiv:2512.01031). Rows of the chunk begin where the committed ones end, so a lead costs no
rows. Pictures stay those of the question.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aegis.core.answers import check_dimensions
from aegis.core.errors import ConfigError
from aegis.core.protocols import Policy, PolicySpec, Query
from aegis.core.roll import ProprioMap, roll
from aegis.core.types import F32, Embodiment, Proposal


class FutureStatePolicy:
    """Rolls proprioception forward and asks the policy behind it.

    Args:
        name: Policy id; stamped on its proposals.
        policy: The policy behind it; this one owns it.
        embodiment: The robot.
        entries: For each action dimension, the entry of proprioception that it moves; -1 for none.
        scales: For each action dimension, by how much: units of proprioception per unit of action
            and control step; per second for velocities; per unit for absolute actions.
        turn: First of three action dimensions that are a rotation vector; -1 for none.

    Raises:
        ConfigError: If the numbers are not those of the embodiment.
        EmbodimentError: If the policy behind is one of another robot.
    """

    def __init__(
        self,
        name: str,
        policy: Policy,
        embodiment: Embodiment,
        entries: Sequence[int],
        scales: Sequence[float],
        turn: int = -1,
    ) -> None:
        if len(entries) != len(embodiment.names):
            raise ConfigError(
                f"'{name}.entries' needs a number for each action dimension "
                f"({', '.join(embodiment.names)}). Got: {list(entries)}."
            )
        check_dimensions(policy.spec, embodiment, f"{name}.policy")
        self._policy, self._embodiment = policy, embodiment
        self._map = ProprioMap(tuple(entries), tuple(map(float, scales)), turn)
        said = f"{policy.spec.digest}:{self._map}:{embodiment.kind.value}:{embodiment.dt}"
        digest = hashlib.sha256(said.encode()).hexdigest()
        self._spec = replace(policy.spec, name=name, digest=digest, from_due=True)

    @property
    def spec(self) -> PolicySpec:
        """That of the policy behind it, under its own name and digest."""
        return self._spec

    def propose(self, queries: Sequence[Query]) -> list[Proposal | None]:
        """Returns one proposal per query, in order; None where the policy behind has none.

        Raises:
            EmbodimentError: If an observation is of another robot.
        """
        found = self._policy.propose([self._roll_query(query) for query in queries])
        return [
            None if one is None else self._precede_rows(one, query.committed)
            for query, one in zip(queries, found, strict=True)
        ]

    def close(self) -> None:
        """Closes the policy behind it."""
        self._policy.close()

    def _precede_rows(self, proposal: Proposal, committed: F32 | None) -> Proposal:
        """Returns a proposal that begins with the committed rows, shape (n, a)."""
        samples = proposal.samples
        return replace(
            proposal,
            policy=self._spec.name,
            actions=_put_before(proposal.actions, committed),
            samples=None if samples is None else _put_before(samples, committed),
        )

    def _roll_query(self, query: Query) -> Query:
        if query.committed is None:
            return query
        proprio = roll(query.obs.proprio, query.committed, self._embodiment, self._map)
        return replace(query, obs=replace(query.obs, proprio=proprio))


def _put_before(actions: F32, committed: F32 | None) -> F32:
    """Puts committed rows before a chunk, so that row 0 is for the tick of the question.

    Args:
        actions: One chunk or several, in the embodiment's units. Shape (..., h, a).
        committed: Shape (n, a); None for none.

    Returns:
        Shape (..., n + h, a).
    """
    if committed is None:
        return actions
    before = np.broadcast_to(committed, (*actions.shape[:-2], *committed.shape))
    return np.concatenate([before, actions], axis=-2)
