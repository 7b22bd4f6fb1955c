"""Laws of the runner: nothing but key and arm can be seen in the tables."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from aegis.core.errors import (
    ConfigError,
    EpisodeError,
    InterruptedRunError,
    MachineError,
    PairingError,
    UnknownNameError,
)
from aegis.records.store import RunTables
from tests.fakes import ToyPolicy
from tests.fleet.toyrun import (
    BrokenWorld,
    DyingWorld,
    FullDiskWorld,
    Interrupter,
    NanPolicy,
    OwnName,
    Recorder,
    SharedDraws,
    column,
    tables,
    toy_arms,
    toy_plan,
    toy_policies,
    toy_run,
)


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("golden") / "run"
    toy_run(out)
    return tables(out)


def test_tables_do_not_depend_on_workers_slots_or_order(
    golden: dict[str, bytes], tmp_path: Path
) -> None:
    plan = toy_plan()
    units, arms = list(plan.units), list(plan.arms)
    random.Random(1).shuffle(units)
    random.Random(2).shuffle(arms)
    toy_run(tmp_path, replace(plan, units=tuple(units), arms=tuple(arms)), workers=2, slots=3)
    assert tables(tmp_path) == golden


def test_tables_say_what_happened(golden: dict[str, bytes], tmp_path: Path) -> None:
    sink = Recorder()
    result = toy_run(tmp_path, sink=sink, slots=1)
    assert sink.totals == (20, 0)
    assert sink.ends == 20
    assert sink.closes == 1
    steps = result.read_steps()
    assert steps.num_rows == sum(row.steps for row in result.episodes)
    for row in result.episodes:
        assert row.success == (row.stop == "success")
        assert row.steps == row.strong_steps + row.weak_steps
    by_arm = {row.arm: row for row in result.episodes if row.key == result.episodes[0].key}
    assert by_arm["strong"].duty == 1
    assert by_arm["weak"].duty == 0
    assert by_arm["strong"].handover_k is None
    assert set(column(result.read_features(), "arm")) == {"weak"}
    assert set(column(steps, "command")) == {"act"}
    assert RunTables.read_folder(tmp_path) == result
    fired = [row for row in result.episodes if row.arm == "blind" and row.fires]
    assert fired
    for row in fired:
        assert row.first_fire_k == 16
        assert row.handover_k == 20


def test_a_killed_worker_loses_nothing(golden: dict[str, bytes], tmp_path: Path) -> None:
    world = partial(DyingWorld, tmp_path / "marker", horizon=60)
    toy_run(tmp_path / "run", world=world, workers=2, slots=3)
    assert (tmp_path / "marker").exists()
    assert tables(tmp_path / "run") == golden


def test_a_worker_that_always_dies_ends_the_run(tmp_path: Path) -> None:
    world = partial(DyingWorld, tmp_path / "marker", always=True, horizon=60)
    with pytest.raises(MachineError, match="died 2 times while it played toy/0/wide"):
        toy_run(tmp_path / "run", toy_plan(1, retries=1), world=world)


def test_ctrl_c_finishes_what_flies_and_resumes(golden: dict[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(InterruptedRunError, match="of 20 episodes are finished"):
        toy_run(tmp_path, sink=Interrupter(after=3))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "parts").glob("*.parquet")}
    assert 3 <= len(before) < 20
    sink = Recorder()
    toy_run(tmp_path, sink=sink)
    assert sink.totals == (20, len(before))
    assert sink.ends == 20
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    assert tables(tmp_path) == golden


def test_second_ctrl_c_is_immediate(golden: dict[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        toy_run(tmp_path, sink=Interrupter(after=3, times=2))
    toy_run(tmp_path)
    assert tables(tmp_path) == golden


def test_sigkill_of_the_run_and_resume(golden: dict[str, bytes], tmp_path: Path) -> None:
    code = f"from tests.fleet.toyrun import *; toy_run(Path({str(tmp_path)!r}))"
    child = subprocess.Popen([sys.executable, "-c", code])
    parts = tmp_path / "parts"
    while not parts.exists() or len(list(parts.glob("*.parquet"))) < 4:
        assert child.poll() is None, "finished before it could be killed"
    child.kill()
    child.wait()
    sink = Recorder()
    toy_run(tmp_path, sink=sink)
    assert sink.totals[1] >= 4
    assert tables(tmp_path) == golden


def test_damaged_parts_are_played_again(golden: dict[str, bytes], tmp_path: Path) -> None:
    toy_run(tmp_path)
    cut, flipped, *_ = sorted((tmp_path / "parts").glob("*.parquet"))
    cut.write_bytes(cut.read_bytes()[:-9])
    data = bytearray(flipped.read_bytes())
    data[40] ^= 0xFF
    flipped.write_bytes(data)
    sink = Recorder()
    toy_run(tmp_path, sink=sink)
    assert sink.totals == (20, 18)
    assert tables(tmp_path) == golden


def test_another_experiment_is_refused(tmp_path: Path) -> None:
    toy_run(tmp_path, toy_plan(1))
    with pytest.raises(
        ConfigError, match=r"holds another experiment.*\n  config: toy there, other here"
    ):
        toy_run(tmp_path, replace(toy_plan(1), identity={"config": "other"}))


def test_full_disk_keeps_what_is_done(golden: dict[str, bytes], tmp_path: Path) -> None:
    world = partial(FullDiskWorld, 3, horizon=60)
    with pytest.raises(MachineError, match="The disk is full"):
        toy_run(tmp_path, toy_plan(audit=0.0), world=world, slots=1)
    parts = [path for path in (tmp_path / "parts").iterdir() if path.is_file()]
    assert len(parts) == 15, "three units are whole, and no scratch file is left"
    toy_run(tmp_path)
    assert tables(tmp_path) == golden


def test_a_shared_generator_is_found_without_sharing_too(tmp_path: Path) -> None:
    policies = toy_policies() | {"weak": SharedDraws("weak", weak=True)}
    with pytest.raises(PairingError, match=r"Arms '\w+' and '\w+' of unit toy/"):
        toy_run(tmp_path, toy_plan(sharing=False), policies=policies)


def test_errors_of_a_world_come_through_with_key_and_traceback(tmp_path: Path) -> None:
    with pytest.raises(
        EpisodeError, match=r"ZeroDivisionError: the wheel came off .in toy/"
    ) as got:
        toy_run(tmp_path, world=partial(BrokenWorld, horizon=60))
    assert "BrokenWorld" not in str(got.value)
    assert "in apply" in str(got.value.__cause__)


@pytest.mark.parametrize(("until", "stop"), [(14, ""), (99, "9 ticks in a row")])
def test_nan_actions_are_rows_not_crashes(tmp_path: Path, until: int, stop: str) -> None:
    policies: dict[str, ToyPolicy] = toy_policies()
    policies["weak"] = NanPolicy("weak", since=8, until=until, weak=True)
    result = toy_run(tmp_path, toy_plan(2, toy_arms()[:1]), policies=policies)
    steps = result.read_steps()
    held = [
        k
        for k, kind in zip(column(steps, "k"), column(steps, "command"), strict=True)
        if kind == "hold"
    ]
    assert min(held) == 8
    assert np.isfinite(np.concatenate(column(steps, "action"))).all()
    risky = [
        risk for k, risk in zip(column(steps, "k"), column(steps, "risk"), strict=True) if k == 8
    ]
    assert np.isnan(risky).all()
    if stop:
        assert all(stop in row.stop for row in result.episodes)
        assert set(column(steps, "command")) == {"act", "hold", "stop"}


def test_unknown_policies_are_named(tmp_path: Path) -> None:
    policies = toy_policies()
    del policies["strong"]
    with pytest.raises(UnknownNameError, match="Unknown policy 'strong' in arm 'weak'"):
        toy_run(tmp_path, policies=policies)
    assert not list(tmp_path.iterdir())


def test_a_policy_may_have_a_name_of_its_own(golden: dict[str, bytes], tmp_path: Path) -> None:
    cameras = {"agentview": (8, 8)}
    policies = {
        part: OwnName(part, weak=part == "weak", cameras=cameras) for part in ("weak", "strong")
    }
    toy_run(tmp_path / "run", policies=policies)
    assert tables(tmp_path / "run") == golden
