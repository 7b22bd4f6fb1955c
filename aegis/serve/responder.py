"""Responder: what answers requests, whichever wire they came over; here, one policy."""

from __future__ import annotations

import asyncio
from typing import Protocol

import numpy as np

from aegis.core.answers import check_proposal_width
from aegis.core.errors import AbsentAnswerError
from aegis.core.protocols import Policy, Query
from aegis.core.types import Proposal
from aegis.host.array_messages import Value
from aegis.host.wire_names import ABOUT, ACTIONS
from aegis.serve.batcher import QueryBatcher
from aegis.serve.metadata import Served
from aegis.serve.request import Address, Request


class Responder(Protocol):
    """Answers requests of many clients at once."""

    @property
    def served(self) -> Served:
        """What clients are told."""
        ...

    @property
    def batchers(self) -> tuple[QueryBatcher, ...]:
        """Its policies; the server keeps them running."""
        ...

    async def answer_request(
        self, request: Request, address: Address, client: str
    ) -> dict[str, Value]:
        """Returns the answer to a request.

        Args:
            request: The request.
            address: Episode, tick and salt.
            client: Who asks; see ``ClientRegister``.

        Raises:
            AbsentAnswerError: If the policy gave no answer.
            AegisError: If it cannot be answered.
        """
        ...


class PolicyResponder:
    """Answers with the chunks of one policy.

    Args:
        served: What clients are told.
        policy: The policy.
        batcher: The same, for many clients.
    """

    def __init__(self, served: Served, policy: Policy, batcher: QueryBatcher) -> None:
        self._served, self._policy, self._batcher = served, policy, batcher

    @property
    def served(self) -> Served:
        """What clients are told."""
        return self._served

    @property
    def batchers(self) -> tuple[QueryBatcher, ...]:
        """The only one."""
        return (self._batcher,)

    async def answer_request(
        self, request: Request, address: Address, client: str
    ) -> dict[str, Value]:
        """Returns the chunk for a request; it does not matter who asks.

        Raises:
            MessageError: If the policy cannot look at what the client saw.
            AbsentAnswerError: If the policy gave no answer.
            AegisError: What the policy raises.
        """
        query = await build_query(request, self._policy, address)
        proposal = await self._batcher.ask_policy(query)
        if proposal is None:
            raise AbsentAnswerError(
                f"Policy '{self._policy.spec.name}' gave no answer at tick {address.k} of "
                f"{address.key}. Ask again, or hold still until it answers: the connection stays "
                "open."
            )
        check_proposal_width(proposal, self._served.embodiment, self._policy.spec.name)
        told: dict[str, Value] = {"tick": address.k}
        if request.features:
            told |= describe_thoughts(proposal)
        return {ACTIONS: np.array(proposal.actions), ABOUT: told}


async def build_query(request: Request, policy: Policy, address: Address) -> Query:
    """Returns the question to a policy; pictures are resized in a thread, while others are served.

    Raises:
        MessageError: If the policy cannot look at what the client saw.
    """
    sizes = {camera: tuple(size) for camera, size in policy.spec.cameras.items()}
    views = (request.view, *request.past)
    if all(
        view.pictures[camera].shape[:2] == size for camera, size in sizes.items() for view in views
    ):
        return request.build_query(policy, address)
    return await asyncio.to_thread(request.build_query, policy, address)


def describe_thoughts(proposal: Proposal) -> dict[str, Value]:
    """Returns activations and samples as lists: openpi's chunk broker slices arrays by the step."""
    samples = None if proposal.samples is None else proposal.samples.tolist()
    features = {name: values.tolist() for name, values in proposal.features.items()}
    return {"features": features, "samples": samples}
