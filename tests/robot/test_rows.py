"""Rows: proposals and decisions of a recording, exact to the last bit, NaN included."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from aegis.core.types import (
    Act,
    Decision,
    EpisodeKey,
    Hold,
    Level,
    Mode,
    Proposal,
    Score,
    Stop,
    Verdict,
)
from aegis.ros.rows import (
    COMPARED,
    decode_array,
    decode_proposal,
    describe_decision,
    encode_array,
    encode_proposal,
)

BITS = st.integers(0, 2**32 - 1)
NAMES = st.text(max_size=8)


def make_floats(shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
    """Any bits of single precision: NaN with payloads, infinities, negative zeros."""
    return arrays.arrays(np.uint32, shape, elements=BITS).map(lambda one: one.view(np.float32))


PROPOSALS = st.builds(
    Proposal,
    NAMES,
    st.integers(-1, 10**9),
    make_floats((4, 3)),
    st.dictionaries(NAMES, make_floats((5,)), max_size=3),
    st.none() | make_floats((2, 4, 3)),
    st.integers(0, 2**62),
)
SMALL = st.integers(0, 99)
KEYS = st.builds(EpisodeKey, st.integers(0, 2**63), NAMES, SMALL, NAMES, SMALL)


@given(KEYS, PROPOSALS)
def test_a_proposal_comes_back_bit_for_bit(key: EpisodeKey, proposal: Proposal) -> None:
    raw = encode_proposal(key, proposal)
    found_key, found = decode_proposal(raw)
    assert found_key == key
    for name in ("policy", "k0", "latency"):
        assert getattr(found, name) == getattr(proposal, name)
    assert encode_array(found.actions) == encode_array(proposal.actions)
    assert found.actions.shape == proposal.actions.shape
    assert list(found.features) == list(proposal.features)
    for name, values in proposal.features.items():
        assert encode_array(found.features[name]) == encode_array(values)
    assert (found.samples is None) == (proposal.samples is None)
    if found.samples is not None and proposal.samples is not None:
        assert found.samples.shape == proposal.samples.shape
        assert encode_array(found.samples) == encode_array(proposal.samples)
    assert encode_proposal(found_key, found) == raw


@given(make_floats((7,)))
def test_an_array_comes_back_bit_for_bit(array: Any) -> None:
    assert decode_array(encode_array(array)).tobytes() == array.tobytes()


COMMANDS = st.one_of(
    st.builds(Act, make_floats((3,))),
    st.builds(Hold, make_floats((3,)), NAMES),
    st.builds(Stop, make_floats((3,)), NAMES),
)
DECISIONS = st.builds(
    Decision,
    k=st.integers(0, 10**6),
    command=COMMANDS,
    ask=st.lists(NAMES, max_size=2).map(tuple),
    mode=st.builds(Mode, NAMES, st.integers(0, 9)),
    next_mode=st.builds(Mode, NAMES, st.integers(0, 9)),
    scores=st.lists(st.builds(Score, NAMES, st.floats()), max_size=3).map(tuple),
    verdict=st.builds(Verdict, st.sampled_from(Level), NAMES, st.none() | st.integers(0, 9)),
    fires=st.integers(0, 9),
    boundary=st.booleans(),
    due=st.integers(0, 10**6),
    committed=make_floats((2, 3)),
)


@given(DECISIONS)
def test_a_decision_is_described_alike_each_time_and_through_json(decision: Decision) -> None:
    row = describe_decision(decision)
    copy = replace(decision, committed=np.array(decision.committed))
    assert row == describe_decision(copy)
    assert set(row) == set(COMPARED)
    text = json.dumps(row, allow_nan=False)
    assert json.loads(text) == row
    assert decode_array(row["action"]).tobytes() == decision.command.action.tobytes()
    for score in decision.scores:
        found = float.fromhex(row["scores"][score.detector])
        same = [one.value for one in decision.scores if one.detector == score.detector][-1]
        assert found == same or (found != found and same != same)
