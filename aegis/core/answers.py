"""Answers: what policies return; one for each query, and as wide as the robot's actions."""

from __future__ import annotations

from collections.abc import Sequence

from aegis.core.errors import AbsentAnswerError, EmbodimentError, ShapeError
from aegis.core.protocols import Policy, PolicySpec, Query
from aegis.core.types import Embodiment, PolicyId, Proposal


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


def check_dimensions(spec: PolicySpec, embodiment: Embodiment, name: PolicyId) -> None:
    """Checks before the first step that a policy is one for this robot, as far as it says.

    Args:
        spec: What the policy says of itself.
        embodiment: The robot.
        name: The policy, for the message.

    Raises:
        EmbodimentError: If its actions have another number of dimensions.
    """
    if spec.dimensions is not None:
        _require_width(spec.dimensions, embodiment, name)


def check_proposal_width(proposal: Proposal, embodiment: Embodiment, name: PolicyId) -> None:
    """Checks a proposal of a policy that does not say how many dimensions its actions have.

    Whatever else may be wrong with a proposal passes, and the robot holds meanwhile; a policy of
    another robot would let it hold for ever.

    Args:
        proposal: What the policy proposed.
        embodiment: The robot.
        name: The policy, for the message.

    Raises:
        EmbodimentError: If its actions have another number of dimensions.
    """
    shape: tuple[int, ...] = getattr(proposal.actions, "shape", ())
    if len(shape) == 2:
        _require_width(shape[1], embodiment, name)


def _require_width(given: int, embodiment: Embodiment, name: PolicyId) -> None:
    names = embodiment.names
    if given != len(names):
        raise EmbodimentError(
            f"Policy '{name}' gives actions of {given} numbers; this robot takes {len(names)}: "
            f"{', '.join(names)}. Choose a policy that was trained on this robot, or the robot "
            "that it was trained on."
        )
