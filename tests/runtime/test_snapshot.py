"""Laws of snapshots: an episode that was left goes on as if it had not been, wherever that is."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.core.errors import ConfigError, SnapshotError
from aegis.core.types import Level, Mode
from aegis.gates.bernoulli import RandomGate
from aegis.gates.conformal import ConformalGate
from aegis.gates.constant import NeverGate
from aegis.gates.schedule import ScheduleGate
from aegis.runtime.codec import decode_value, encode_value
from aegis.runtime.lockstep import Lockstep
from aegis.runtime.snapshot import Snapshot
from tests.fakes import ToyWorld, toy_key
from tests.fleet.toyrun import OwnName, controller, toy_policies
from tests.golden.trace import describe_decision

GATES = {
    "aegis": ConformalGate(threshold=1.0),
    "blind": ScheduleGate(start_tick=8, holds=(1, 2), period=8),
    "random": RandomGate(rate=0.3, holds=(1, 2)),
    "never": NeverGate(),
}


def make_lockstep(gate: str = "aegis", index: int = 3) -> Lockstep:
    return Lockstep(ToyWorld(), controller(GATES[gate]), toy_policies(), toy_key(index))


def resume_lockstep(snapshot: Snapshot, gate: str) -> Lockstep:
    return Lockstep.from_snapshot(ToyWorld(), controller(GATES[gate]), toy_policies(), snapshot)


def trace_course(rollout: Lockstep) -> list[str]:
    """Plays to the end and says what happened, every bit of it."""
    said = []
    while not rollout.done:
        said.append(describe_decision(rollout.play_tick().decision) + rollout._world.digest())
    return [*said, str(rollout.success)]


@settings(max_examples=25, deadline=None)
@given(gate=st.sampled_from(sorted(GATES)), index=st.integers(0, 5), at=st.integers(0, 59))
def test_a_fork_goes_the_same_way(
    gate: str, index: int, at: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = trace_course(make_lockstep(gate, index))
    left = make_lockstep(gate, index)
    left.play_until(at)
    if left.done:
        with pytest.raises(ConfigError, match="nothing goes on"):
            left.take_snapshot()
        return
    path = tmp_path_factory.mktemp("snap") / "at.npz"
    left.take_snapshot().write_npz(path)
    twin, read = left.fork_into(ToyWorld()), resume_lockstep(Snapshot.read_npz(path), gate)
    assert trace_course(twin) == trace_course(left) == trace_course(read) == whole[at:]


def test_another_process_goes_the_same_way(tmp_path: Path) -> None:
    left = make_lockstep("random")
    left.play_until(14)
    left.take_snapshot().write_npz(tmp_path / "at.npz")
    code = f"""
from pathlib import Path
from tests.runtime.test_snapshot import *
snapshot = Snapshot.read_npz(Path({str(tmp_path / "at.npz")!r}))
print(trace_course(resume_lockstep(snapshot, "random")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(trace_course(left))


@pytest.mark.parametrize("at", [0, 8, 20])
def test_handing_over_by_hand_is_what_a_schedule_does(at: int) -> None:
    left = make_lockstep("never", index=4)
    left.play_until(at)
    alone = controller(NeverGate(), first="strong")
    helped = left.hand_over(ToyWorld(), alone)
    if at == 0:
        planned = Lockstep(ToyWorld(), alone, toy_policies(), toy_key(4))
    else:  # a schedule decides at a boundary and hands over at the next one, 4 ticks on
        gate = ScheduleGate(start_tick=at - 4, holds=(99,))
        planned = Lockstep(ToyWorld(), controller(gate), toy_policies(), toy_key(4))
    planned.play_until(at)
    while not helped.done:
        one, other = (each.play_tick().decision.command for each in (helped, planned))
        assert one.action.tobytes() == other.action.tobytes()
    assert planned.done
    assert helped.success == planned.success


def test_a_finished_episode_is_not_played_on() -> None:
    done = make_lockstep()
    done.play_until(99)
    with pytest.raises(ConfigError, match="begin another one"):
        done.play_tick()


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    left = make_lockstep()
    left.play_until(9)
    snapshot = left.take_snapshot()
    blind = replace(controller(GATES["never"]), detectors=())
    with pytest.raises(SnapshotError, match=r"state of 1 detectors.*the controller has 0"):
        Lockstep.from_snapshot(ToyWorld(), blind, toy_policies(), snapshot)
    with pytest.raises(SnapshotError, match="Not a state of this world"):
        Lockstep.from_snapshot(
            ToyWorld(noise=0.1), controller(GATES["never"]), toy_policies(), snapshot
        )


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "at.npz"
    left = make_lockstep()
    left.take_snapshot().write_npz(path)
    whole = path.read_bytes()
    for content in (b"", whole[:-40], whole[:200], b"x" * 99):
        path.write_bytes(content)
        with pytest.raises(SnapshotError, match="missing or damaged"):
            Snapshot.read_npz(path)
    with pytest.raises(SnapshotError, match="missing or damaged"):
        Snapshot.read_npz(tmp_path / "none.npz")
    np.savez(path, header=np.str_('{"format": "aegis-snapshot-0"}'))
    with pytest.raises(SnapshotError, match="has format aegis-snapshot-0"):
        Snapshot.read_npz(path)
    np.savez(path, header=np.str_('{"format": "aegis-snapshot-1", "state": 3}'))
    with pytest.raises(SnapshotError, match="holds a int"):
        Snapshot.read_npz(path)


@dataclass(frozen=True)
class Memory:
    """What a plug-in may remember."""

    past: tuple[float, ...]
    best: object = None


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(Level)
    | st.builds(Mode, active=st.text(), since_k=st.integers()),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.builds(Memory, past=st.lists(st.floats()).map(tuple), best=inner)
    ),
    max_leaves=12,
)


@given(value=VALUES)
def test_values_come_back(value: object) -> None:
    arrays: dict[str, np.ndarray] = {}
    back = decode_value(encode_value(value, arrays), arrays)
    assert repr(back) == repr(value)
    assert type(back) is type(value)


@given(
    dtype=st.sampled_from(["f4", "f8", "i8", "u1", "?"]),
    shape=st.lists(st.integers(0, 3), max_size=4),
)
def test_arrays_come_back(dtype: str, shape: list[int]) -> None:
    array = np.frombuffer(np.random.default_rng(0).bytes(8 * 3 ** len(shape)), "u1")
    array = array[: int(np.prod(shape))].astype(dtype).reshape(shape)
    arrays: dict[str, np.ndarray] = {}
    back = decode_value(encode_value((array, array.sum()), arrays), arrays)
    assert back[0].tobytes() == array.tobytes()
    assert (back[0].dtype, back[0].shape) == (array.dtype, array.shape)
    assert type(back[1]) is type(array.sum())


@pytest.mark.parametrize("value", [object(), {1, 2}, print, np.array([object()]), Memory])
def test_what_cannot_be_written_is_refused(value: object) -> None:
    with pytest.raises(SnapshotError, match="cannot be kept in a file"):
        encode_value((1, value), {})


@pytest.mark.parametrize(
    "name", ["os:system", "nowhere:Thing", "builtins:dict", "aegis.core.types:PolicyId", ""]
)
def test_a_file_brings_no_code(name: str) -> None:
    with pytest.raises(SnapshotError, match="which is not here"):
        decode_value({"class": name, "with": {}}, {})
    with pytest.raises(SnapshotError, match="which is not here"):
        decode_value({"enum": name, "is": "x"}, {})


def test_a_policy_may_have_a_name_of_its_own() -> None:
    """A proposal counts under the name by which the policy was asked, as in a run."""
    cameras = {"agentview": (8, 8)}
    policies = {
        part: OwnName(part, weak=part == "weak", cameras=cameras) for part in ("weak", "strong")
    }
    other = Lockstep(ToyWorld(), controller(GATES["aegis"]), policies, toy_key(3))
    assert trace_course(other) == trace_course(make_lockstep("aegis", 3))
