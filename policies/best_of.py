"""Best of K: draws several chunks of one policy and takes the one that the others agree with most.

More thinking of the same policy is a rung of its own between a weak policy and a stronger one. The
draw nearest to all others (the medoid) needs no judge that was trained; it is what majority voting
is for answers in words (self-consistency: Wang et al. 2022, arXiv:2203.11171).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aegis.core.errors import ConfigError
from aegis.core.protocols import Policy, PolicySpec, Query
from aegis.core.types import F64, Proposal

_SALTS = 1_000_003
"""Salts of draws lie this far apart from those of arms, so that no two draws share noise."""


class BestOfPolicy:
    """Asks the policy behind it several times at once.

    Args:
        name: Policy id; stamped on its proposals.
        policy: The policy behind it; this one owns it.
        draws: How many chunks are drawn, the one of the question's own noise included.

    Raises:
        ConfigError: If there are fewer than three: of two, neither has a majority.
    """

    def __init__(self, name: str, policy: Policy, draws: int) -> None:
        if draws < 3:
            raise ConfigError(f"'{name}.draws' must be at least 3. Got: {draws}.")
        self._policy, self._draws = policy, draws
        digest = hashlib.sha256(f"{policy.spec.digest}:best of {draws}".encode()).hexdigest()
        self._spec = replace(policy.spec, name=name, digest=digest)

    @property
    def spec(self) -> PolicySpec:
        """That of the policy behind it, under its own name and digest."""
        return self._spec

    def propose(self, queries: Sequence[Query]) -> list[Proposal | None]:
        """Returns one proposal per query, in order; None where a draw did not come."""
        asked = [
            replace(query, salt=query.salt + _SALTS * draw)
            for query in queries
            for draw in range(self._draws)
        ]
        found = self._policy.propose(asked)
        return [
            self._choose_draw(found[i * self._draws : (i + 1) * self._draws])
            for i in range(len(queries))
        ]

    def _choose_draw(self, found: Sequence[Proposal | None]) -> Proposal | None:
        drawn = [one for one in found if one is not None]
        if len(drawn) < self._draws:
            return None
        best = drawn[find_medoid(np.stack([one.actions for one in drawn]).astype(np.float64))]
        return replace(best, policy=self._spec.name)

    def close(self) -> None:
        """Closes the policy behind it."""
        self._policy.close()


def find_medoid(chunks: F64) -> int:
    """Returns the number of the chunk with the smallest sum of distances; the first of equals.

    Args:
        chunks: Draws in the embodiment's units. Shape (n, h, a).
    """
    flat = chunks.reshape(len(chunks), -1)
    # Sums of squares in a fixed order of rows: the same bits whatever the machine.
    distances = np.sqrt(((flat[:, None, :] - flat[None, :, :]) ** 2).sum(axis=2))
    return int(np.argmin(distances.sum(axis=1)))
