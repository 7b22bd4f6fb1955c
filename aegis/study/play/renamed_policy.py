"""Renamed policy: the weak policy under another name, as target of a placebo arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aegis.core.protocols import Policy, PolicySpec, Query
from aegis.core.types import PolicyId, Proposal

RESEED = "reseed"
"""Name of the policy that a placebo arm hands over to."""


class RenamedPolicy:
    """A policy under another name.

    It draws its noise at the address of the policy behind it: with the same salt its proposals
    are that policy's, bit for bit; an arm that salts it gets fresh noise and nothing else new.

    Args:
        policy: Who really proposes; it is closed by whoever built it.
        name: What it is called here.
    """

    def __init__(self, policy: Policy, name: PolicyId) -> None:
        self._policy, self._name = policy, name

    @property
    def spec(self) -> PolicySpec:
        """That of the policy behind it, with the other name."""
        return replace(self._policy.spec, name=self._name)

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        """Returns the proposals of the policy behind it, with the other name."""
        return [replace(found, policy=self._name) for found in self._policy.propose(queries)]

    def close(self) -> None:
        """Leaves the policy behind it open: it may still be asked under its own name."""
