"""Questions to a server, in the order in which a gated one can answer them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np

from aegis.core.answers import ask_policy
from aegis.core.conventions import MIRRORED, turn_pictures
from aegis.core.protocols import Policy, Query
from aegis.core.types import F32, Observation

_BATCH = 16
"""Questions of one request to a server that keeps no episodes."""


@runtime_checkable
class MaybeGated(Protocol):
    """A policy that may be a gated controller on the other end of a wire."""

    @property
    def is_gated(self) -> bool:
        """Whether its answers depend on those before, and are remembered."""
        ...


def is_gated(policy: Policy) -> bool:
    """Returns whether a gated controller answers on the other end of a wire."""
    return isinstance(policy, MaybeGated) and policy.is_gated


def ask_server(policy: Policy, queries: Sequence[Query]) -> F32:
    """Returns chunks. Shape (n, h, a).

    A gated server is asked tick by tick, over one connection: its ticks have an order.
    """
    size = 1 if is_gated(policy) else _BATCH
    answers = [
        answer
        for i in range(0, len(queries), size)
        for answer in ask_policy(policy, queries[i : i + size])
    ]
    return np.stack([answer.actions for answer in answers])


def mirror_query(query: Query) -> Query:
    """Returns a question with pictures the other way round."""
    past = tuple(_mirror_pictures(obs) for obs in query.past)
    return replace(query, obs=_mirror_pictures(query.obs), past=past)


def _mirror_pictures(obs: Observation) -> Observation:
    images = {name: turn_pictures(picture, MIRRORED) for name, picture in obs.images.items()}
    return replace(obs, images=images)
