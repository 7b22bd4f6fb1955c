"""The check of policies finds what breaks a promise, and says how to fix it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from aegis.checks import check_policy, sample_queries
from aegis.core.errors import PluginError
from aegis.core.protocols import Policy, PolicySpec, Query
from aegis.core.types import Proposal
from tests.fakes import ToyPolicy, ToyWorld, toy_key
from tests.fleet.toyrun import NanPolicy, SharedDraws, toy_queries


class Changed(ToyPolicy):
    """A toy policy whose proposals are passed through a function of (place, chunk)."""

    def __init__(self, change: Callable[[int, Proposal], Proposal], **spec: object) -> None:
        super().__init__("one", weak=True)
        self._change = change
        self._spec = replace(self._spec, **spec)

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        chunks = ToyPolicy("one", weak=True).propose(queries)
        return [self._change(place, chunk) for place, chunk in enumerate(chunks)]


class Averages(ToyPolicy):
    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        chunks = super().propose(queries)
        mean = np.mean([chunk.actions for chunk in chunks], axis=0).astype(np.float32)
        return [replace(chunk, actions=mean.copy()) for chunk in chunks]


class Reuses(ToyPolicy):
    """Writes each chunk into one buffer of its own; the proposals have copies."""

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        self.buffer = getattr(self, "buffer", np.zeros((8, 3), np.float32))
        chunks = []
        for chunk in super().propose(queries):
            self.buffer[:] = chunk.actions
            chunks.append(replace(chunk, actions=self.buffer))
        return chunks


class Rewrites(ToyPolicy):
    """Writes into the proposals that it gave away."""

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        chunks = super().propose(queries)
        for old in getattr(self, "given", ()):
            old.actions.setflags(write=True)
            old.actions[:] = 0.5
            old.actions.setflags(write=False)
        self.given = chunks
        return chunks


class Turned(ToyPolicy):
    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        return super().propose(queries)[::-1]


class Short(ToyPolicy):
    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        return super().propose(queries)[:1]


class Peeks(ToyPolicy):
    """Reads simulator truth without saying so."""

    def __init__(self, name: str, **kwargs: bool) -> None:
        super().__init__(name, **kwargs)
        self._spec = replace(self._spec, privileged=False)


class ClosesOnce(ToyPolicy):
    def close(self) -> None:
        assert not self.closed, "closed twice"
        super().close()


class OtherSpec(ToyPolicy):
    @property
    def spec(self) -> PolicySpec:
        self.count = getattr(self, "count", 0) + 1
        return replace(self._spec, digest=str(self.count))


def by_place(place: int, chunk: Proposal) -> Proposal:
    return replace(chunk, actions=chunk.actions + np.float32(1e-6 * place))


def make_change(**changes: object) -> Callable[[int, Proposal], Proposal]:
    return lambda place, chunk: replace(chunk, **changes)


ZEROS = np.zeros((8, 3), np.float32)


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (SharedDraws("one", weak=True), "asked again, it answers the same. Got: another proposal"),
        (Averages("one", weak=True), "a row never depends on its companions. Got: other bits at p"),
        (Changed(by_place), "a row never depends on its companions. Got: other bits at place 1 of"),
        (
            Rewrites("one", weak=True),
            "a proposal is a value that stays as it is. Got: one that ch",
        ),
        (Turned("one", weak=True), "a row never depends on its companions. Got: other bits at pl"),
        (Short("one", weak=True), "Policy.propose of Short: one proposal per query. Got: 1 in a l"),
        (Peeks("one", weak=True), "raises nothing in an ordinary call. Got: KeyError: 'hard'."),
        (ClosesOnce("one", weak=True), "Policy.close of ClosesOnce: raises nothing in an ordinary"),
        (OtherSpec("one", weak=True), "it never changes. Got: another spec after proposing."),
        (NanPolicy("one", 0, 9, weak=True), "actions are finite. Got: NaN or infinity. Allowed: "),
        (
            Changed(make_change(policy="two")),
            "says whose it is. Got: 'two'. Allowed: 'one'. Stamp sp",
        ),
        (
            Changed(make_change(k0=99)),
            "k0 is the tick that was looked at. Got: 99. Allowed: 0. Stamp",
        ),
        (
            Changed(make_change(actions=ZEROS[:4])),
            "Got: float32 of shape (4, 3). Allowed: float32 of",
        ),
        (
            Changed(make_change(actions=ZEROS.astype(float))),
            "Got: float64 of shape (8, 3). Allowed: ",
        ),
        (
            Changed(make_change(actions=np.zeros((8, 2), np.float32))),
            "shape (8, 2). Allowed: float32",
        ),
        (
            Changed(make_change(features={})),
            "features are as spec.taps says. Got: {}. Allowed: {'tru",
        ),
        (
            Changed(make_change(), taps={"trunk": 5}),
            "{'trunk': ('float32', (4,))}. Allowed: {'trunk'",
        ),
        (
            Changed(make_change(samples=ZEROS)),
            "samples are more draws of the chunk. Got: (8, 3). Al",
        ),
        (
            Changed(make_change(), execute=9),
            "Got: execute 9, horizon 8. Allowed: 1 <= execute <= hor",
        ),
        (
            Changed(make_change(), digest=""),
            "name and digest say who it is. Got: ('one', ''). Allow",
        ),
        (
            Changed(make_change(), taps={"trunk": 0}),
            "cameras have sizes, taps have widths. Got: came",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else type(value).__name__,
)
def test_a_broken_policy_is_caught(policy: Policy, says: str) -> None:
    good = ToyPolicy("one", weak=True).spec
    queries = toy_queries(ToyPolicy("one", weak=True))
    if not policy.spec.privileged:
        queries = sample_queries(ToyWorld, [toy_key(1)], replace(good, privileged=False))
    with pytest.raises(PluginError, match=re.escape(says)):
        check_policy(policy, queries, width=3)


def test_the_address_that_is_recommended_keeps_arms_paired() -> None:
    """Two policies that follow the advice draw the same noise: no name is in the address."""
    with pytest.raises(PluginError) as caught:
        check_policy(SharedDraws("one", weak=True), toy_queries(ToyPolicy("one", weak=True)))
    assert "'policy', 'noise', query.k, query.salt" in str(caught.value)
    assert "one'" not in str(caught.value).partition("Draw with")[2]


def test_a_buffer_of_the_policy_is_copied() -> None:
    policy = Reuses("one", weak=True)
    check_policy(policy, toy_queries(ToyPolicy("one", weak=True)), width=3)
    assert policy.buffer.flags.writeable


class Stages(ToyPolicy):
    """Shows stages; each call returns the next of what it was given."""

    def __init__(self, *answers: Mapping[str, np.ndarray]) -> None:
        super().__init__("one", weak=True)
        self._answers = itertools.cycle(answers)

    def trace_stages(self, queries: Sequence[Query]) -> Mapping[str, np.ndarray]:
        return next(self._answers)


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([{}], "a stage has one row per query. Got: {}."),
        ([{"eye": np.zeros(3)}], "a stage has one row per query. Got: {'eye': (3,)}."),
        ([{"eye": [1.0]}], "a stage has one row per query. Got: {'eye': None}."),
        ([{"eye": np.zeros((1, 3))}], "Allowed: shapes ("),
        ([{"eye": np.zeros((0, 0))}, {"eye": np.zeros((0, 0))}], "Allowed: shapes ("),
    ],
)
def test_stages_are_rows_of_queries(answers: list[Mapping[str, np.ndarray]], says: str) -> None:
    with pytest.raises(PluginError, match=re.escape(says)):
        check_policy(Stages(*answers), toy_queries(ToyPolicy("one", weak=True)), width=3)


def test_stages_repeat() -> None:
    queries = toy_queries(ToyPolicy("one", weak=True))
    rows = np.ones((len(queries), 2), np.float32)
    check_policy(Stages({"eye": rows}), queries, width=3)
    with pytest.raises(PluginError, match="other bits when asked again"):
        check_policy(Stages({"eye": rows}, {"eye": np.nextafter(rows, 2)}), queries, width=3)
