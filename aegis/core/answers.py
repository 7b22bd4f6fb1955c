"""Answers: what policies return, where each query needs one."""

from __future__ import annotations

from collections.abc import Sequence

from aegis.core.errors import AbsentAnswerError, ShapeError
from aegis.core.protocols import Policy, Query
from aegis.core.types import Proposal


def ask_policy(policy: Policy, queries: Sequence[Query]) -> list[Proposal]:
    """Returns one proposal per query, in order.

    Raises:
        ShapeError: If there is not one answer per query.
        AbsentAnswerError: If one did not come.
    """
    return require_proposals(policy, queries, policy.propose(queries))


def check_answer_count(policy: Policy, asked: int, answers: Sequence[Proposal | None]) -> None:
    """Checks that there is one answer per query, be it None.

    Raises:
        ShapeError: If there is not.
    """
    if len(answers) != asked:
        raise ShapeError(
            f"Policy '{policy.spec.name}' gave {len(answers)} proposals for {asked} queries. It "
            "must give one per query, in order."
        )


def require_proposals(
    policy: Policy, queries: Sequence[Query], answers: Sequence[Proposal | None]
) -> list[Proposal]:
    """Returns a policy's answers where none may be missing.

    Args:
        policy: Who answered.
        queries: What it was asked.
        answers: What it returned.

    Raises:
        ShapeError: If there is not one answer per query.
        AbsentAnswerError: If one did not come.
    """
    name = policy.spec.name
    check_answer_count(policy, len(queries), answers)
    for query, answer in zip(queries, answers, strict=True):
        if answer is None:
            raise AbsentAnswerError(
                f"Policy '{name}' did not answer at tick {query.k} of {query.key}. Arms can be "
                "compared only where answers always come: mend the policy or its server, then run "
                "the same command again. A run that is no evidence may hold instead: absent=hold."
            )
    return [answer for answer in answers if answer is not None]
