"""Batching: answers the questions of all branches in flight, one batch per policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aegis.core.errors import ShapeError
from aegis.core.protocols import Policy, Query
from aegis.core.types import PolicyId
from aegis.fleet.arm import Source
from aegis.fleet.messages import PackedProposal, Question, pack_proposal
from aegis.runtime.shared_images import SharedImages, unpack_observation


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A question, and the buffer in which its pictures lie."""

    question: Question
    images: SharedImages

    def build_query(self, source: Source) -> Query:
        """Returns the query for one of the sources that are asked."""
        obs = unpack_observation(self.question.views[source], self.images)
        return source.build_query(self.question.key, self.question.standings[0].k, obs)


Replies = list[dict[Source, PackedProposal]]


def answer_requests(requests: Sequence[Request], policies: Mapping[PolicyId, Policy]) -> Replies:
    """Queries each policy once for all requests.

    Returns:
        Source to proposal, for each request.

    Raises:
        ShapeError: If a policy does not answer each query.
    """
    replies: Replies = [{} for _ in requests]
    for name in sorted({policy for r in requests for policy, *_ in r.question.views}):
        asking = [
            (i, request.build_query(source), source)
            for i, request in enumerate(requests)
            for source in request.question.views
            if source.policy == name
        ]
        proposals = policies[name].propose([query for _, query, _ in asking])
        if len(proposals) != len(asking):
            raise ShapeError(
                f"Policy '{name}' gave {len(proposals)} proposals for {len(asking)} queries. "
                "It must give one per query, in order."
            )
        for (i, _, source), proposal in zip(asking, proposals, strict=True):
            replies[i][source] = pack_proposal(proposal)
    return replies
