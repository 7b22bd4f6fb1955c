"""Batching: answers the questions of all branches in flight, one batch per policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aegis.core.answers import count_answers, require_proposals
from aegis.core.protocols import Policy, Query
from aegis.core.types import PolicyId, Proposal
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
        question = self.question
        obs = unpack_observation(question.views[source], self.images)
        past = tuple(
            unpack_observation(packed, self.images) for packed in question.past.get(source, ())
        )
        return source.build_query(question.key, question.standings[0].k, obs, past)


Replies = list[dict[Source, PackedProposal]]
Asked = Sequence[tuple[int, Query, Source]]
"""Number of the request, query and source, for each query to one policy."""


def answer_requests(
    requests: Sequence[Request], policies: Mapping[PolicyId, Policy], *, may_be_absent: bool = False
) -> Replies:
    """Queries each policy once for all requests.

    Remote policies are asked first and think while the policies of this process do.

    Args:
        requests: The questions.
        policies: Who answers, by name.
        may_be_absent: Whether answers may be missing; the controllers then hold and ask again.

    Returns:
        Source to proposal, for each request.

    Raises:
        ShapeError: If a policy does not answer each query.
        AbsentAnswerError: If an answer is missing that may not be.
    """
    replies: Replies = [{} for _ in requests]
    asked = _group_queries(requests)
    remote = [name for name in asked if policies[name].spec.remote]
    near = [name for name in asked if name not in remote]
    with ThreadPoolExecutor(max(len(remote), 1)) as pool:
        waits = {name: pool.submit(_ask_policy, policies[name], asked[name]) for name in remote}
        answers = {name: _ask_policy(policies[name], asked[name]) for name in near}
        answers |= {name: wait.result() for name, wait in waits.items()}
    for name, asking in asked.items():
        if not may_be_absent:
            require_proposals(policies[name], [query for _, query, _ in asking], answers[name])
        for (i, _, source), proposal in zip(asking, answers[name], strict=True):
            if proposal is not None:
                replies[i][source] = pack_proposal(proposal)
    return replies


def _group_queries(requests: Sequence[Request]) -> dict[PolicyId, Asked]:
    """Returns policy to what it is asked, in the order of the requests."""
    return {
        name: [
            (i, request.build_query(source), source)
            for i, request in enumerate(requests)
            for source in request.question.views
            if source.policy == name
        ]
        for name in sorted({source.policy for r in requests for source in r.question.views})
    }


def _ask_policy(policy: Policy, asking: Asked) -> Sequence[Proposal | None]:
    answers = policy.propose([query for _, query, _ in asking])
    count_answers(policy, len(asking), answers)
    return answers
