"""Batch: answers the queries of all episodes in flight, one batch per policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aegis.core.errors import ShapeError
from aegis.core.protocols import Policy, Query
from aegis.core.types import EpisodeKey, PolicyId
from aegis.run.wire import Asked, PackedProposal, pack_proposal, unpack_observation


@dataclass(frozen=True, slots=True)
class Request:
    """What one episode asks for.

    Attributes:
        key: The episode.
        salt: Policy to noise salt; 0 where missing.
        ask: The worker's message.
    """

    key: EpisodeKey
    salt: Mapping[PolicyId, int]
    ask: Asked

    def query(self, policy: PolicyId) -> Query:
        """Returns the query for one of the policies that are asked."""
        obs = unpack_observation(self.ask.views[policy])
        return Query(self.key, self.ask.standing.k, obs, self.salt.get(policy, 0))


def answer(
    requests: Sequence[Request], policies: Mapping[PolicyId, Policy]
) -> dict[int, dict[PolicyId, PackedProposal]]:
    """Queries each policy once for all requests.

    Returns:
        Job to policy to proposal.

    Raises:
        ShapeError: If a policy does not answer each query.
    """
    replies: dict[int, dict[PolicyId, PackedProposal]] = {
        request.ask.job: {} for request in requests
    }
    for name in sorted({name for request in requests for name in request.ask.views}):
        asking = [request for request in requests if name in request.ask.views]
        proposals = policies[name].propose([request.query(name) for request in asking])
        if len(proposals) != len(asking):
            raise ShapeError(
                f"Policy '{name}' gave {len(proposals)} proposals for {len(asking)} queries. "
                "It must give one per query, in order."
            )
        for request, proposal in zip(asking, proposals, strict=True):
            replies[request.ask.job][name] = pack_proposal(proposal)
    return replies
