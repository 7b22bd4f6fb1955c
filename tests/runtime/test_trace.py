"""Record and replay: bit-identical decisions, also through a file; a changed bit is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aegis.core.errors import TraceError
from aegis.core.protocols import Query
from aegis.core.types import Proposal, Tick
from aegis.gates.conformal import ConformalGate
from tests.fakes import ToyWorld, toy_key
from tests.fleet.toyrun import (
    HORIZON,
    NanPolicy,
    controller,
    toy_policies,
)
from tests.golden.trace import Trace, TraceRecorder, replay_trace


def record_trace() -> Trace:
    """An episode with a hand-over and a few unusable proposals."""
    policies = toy_policies() | {"weak": NanPolicy("weak", since=4, until=7, weak=True)}
    world, key = ToyWorld(horizon=HORIZON, p_hard=1.0), toy_key(3)
    recorder = TraceRecorder(controller(ConformalGate(threshold=1.0)), key)
    world.begin(key)
    for k in range(HORIZON):
        obs = world.observe({"agentview": (8, 8)} if recorder.ask else {})
        answers = {n: policies[n].propose([Query(key, k, obs)])[0] for n in recorder.ask}
        outcome = world.apply(recorder.feed(Tick(k, obs.stamp, obs, answers)).command)
        if outcome.done:
            break
    return recorder.build_trace()


def test_replay_is_bit_identical_also_from_a_file(tmp_path: Path) -> None:
    trace = record_trace()
    text = " ".join(trace.answers)
    assert '"Hold"' in text
    assert '"active": "strong"' in text
    same = controller(ConformalGate(threshold=1.0))
    replay_trace(same, trace)
    trace.write_npz(tmp_path / "trace.npz")
    loaded = Trace.read_npz(tmp_path / "trace.npz")
    assert loaded.answers == trace.answers
    replay_trace(same, loaded)


def test_another_gate_or_bit_is_found() -> None:
    trace = record_trace()
    with pytest.raises(TraceError, match="differs at tick"):
        replay_trace(controller(ConformalGate(threshold=99.0)), trace)
    k, tick = next((i, t) for i, t in enumerate(trace.ticks) if t.proposals)
    chunk = tick.proposals["weak"]
    nudged = np.nextafter(chunk.actions, np.float32(9))
    other = Proposal("weak", chunk.k0, nudged, chunk.features)
    ticks = list(trace.ticks)
    ticks[k] = replace(tick, proposals={"weak": other})
    with pytest.raises(TraceError, match=f"differs at tick {k}"):
        replay_trace(controller(ConformalGate(threshold=1.0)), replace(trace, ticks=tuple(ticks)))


def test_damaged_traces_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.npz"
    with pytest.raises(TraceError, match="missing or damaged"):
        Trace.read_npz(path)
    record_trace().write_npz(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(TraceError, match="missing or damaged"):
        Trace.read_npz(path)
