"""Metering: answers are those of the policy; calls, chunks and bytes are counted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from aegis.app.comparison.metering import MeteredPolicy, meter_policies, write_meters
from aegis.core.protocols import Policy, Query
from aegis.records.store import RunStore
from tests.fakes import KEY, ScriptedPolicy, proposal, toy_observation


class WiredPolicy(ScriptedPolicy):
    """Sends a hundred bytes with every query, and ten thousand to connect."""

    @property
    def wire_bytes(self) -> int:
        return 10_000 + 100 * len(self.asked)


def query(k: int) -> Query:
    return Query(KEY, k, toy_observation(k))


def test_a_metered_policy_answers_as_the_policy_does() -> None:
    policy = ScriptedPolicy("weak", lambda asked: proposal("weak", asked.k))
    metered = MeteredPolicy(policy)
    assert isinstance(metered, Policy)
    assert metered.spec == policy.spec
    (answer,) = metered.propose([query(3)])
    assert answer is not None
    assert np.array_equal(answer.actions, proposal("weak", 3).actions)
    metered.close()
    assert policy.closed


def test_the_first_call_is_left_out(tmp_path: Path) -> None:
    plain = ScriptedPolicy("plain", lambda asked: proposal("plain", asked.k))
    wired = WiredPolicy("wired", lambda asked: proposal("wired", asked.k))
    policies = meter_policies({"plain": plain, "wired": wired, "idle": plain})
    for name in ("plain", "wired"):
        policies[name].propose([query(0)])
        assert policies[name].list_facts() is None
        policies[name].propose([query(1), query(2)])
        policies[name].propose([query(3)])
    write_meters(RunStore(tmp_path), policies.items())
    lines = [json.loads(line) for line in (tmp_path / "timing.jsonl").read_text().splitlines()]
    assert [(one["policy"], one["calls"], one["chunks"], one["bytes"]) for one in lines] == [
        ("plain", 2, 3, None),
        ("wired", 2, 3, 300),
    ]
    assert all(one["event"] == "calls" and one["seconds"] >= 0 for one in lines)
