"""Metering: policies whose calls are timed while a run is played."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from aegis.core.protocols import Policy, PolicySpec, Query
from aegis.core.types import PolicyId, Proposal
from aegis.records.store import RunStore
from aegis.study.comparison.cost import CALLS_EVENT


@runtime_checkable
class Wired(Protocol):
    """A policy that answers over a wire and counts what goes through it."""

    @property
    def wire_bytes(self) -> int:
        """Bytes that were sent and received since the policy was built."""
        ...


class MeteredPolicy:
    """A policy that notes what its answers take; they are those of the policy that it wraps.

    The first call is not timed: it loads kernels and opens connections.

    Args:
        policy: The policy.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._calls = self._chunks = 0
        self._seconds = 0.0
        self._bytes_before: int | None = None
        self._is_warm = False

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and gives."""
        return self._policy.spec

    def propose(self, queries: Sequence[Query]) -> Sequence[Proposal | None]:
        """Returns one proposal per query, in order."""
        began = time.perf_counter()
        answers = self._policy.propose(queries)
        took = time.perf_counter() - began
        if self._is_warm:
            self._calls += 1
            self._chunks += len(queries)
            self._seconds += took
        else:
            self._is_warm = True
            self._bytes_before = self._read_bytes()
        return answers

    def close(self) -> None:
        """Frees what the policy holds."""
        self._policy.close()

    def list_facts(self) -> dict[str, object] | None:
        """Returns calls, chunks, seconds and bytes after the first call; None without any."""
        if not self._calls:
            return None
        now = self._read_bytes()
        before = self._bytes_before
        return {
            "calls": self._calls,
            "chunks": self._chunks,
            "seconds": self._seconds,
            "bytes": None if now is None or before is None else now - before,
        }

    def _read_bytes(self) -> int | None:
        return self._policy.wire_bytes if isinstance(self._policy, Wired) else None


def meter_policies(policies: Mapping[PolicyId, Policy]) -> dict[PolicyId, MeteredPolicy]:
    """Returns the policies with meters, by the same names."""
    return {name: MeteredPolicy(policy) for name, policy in policies.items()}


def write_meters(store: RunStore, policies: Iterable[tuple[PolicyId, MeteredPolicy]]) -> None:
    """Appends what the calls of each policy took to the times of a run.

    Raises:
        MachineError: If they cannot be written.
    """
    for name, policy in policies:
        facts = policy.list_facts()
        if facts is not None:
            store.append_timing(event=CALLS_EVENT, policy=name, **facts)
