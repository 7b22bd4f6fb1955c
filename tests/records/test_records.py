"""Units, sinks, pairing and rollouts: the small parts around a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aegis.core.errors import CalibrationError, ConfigError, PairingError, UnknownNameError
from aegis.fitting.collected_run import CollectedRun
from aegis.fleet.pairing import Trail, check_pairing
from aegis.fleet.progress import EpisodeProgress, Judgement, NullSink, StatusFile, Tee
from aegis.fleet.units import Split, find_split, list_official_units, list_units
from aegis.records.store import RunTables
from tests.fakes import toy_key
from tests.fleet.toyrun import Recorder, toy_arms, toy_plan, toy_run
from tests.study.rows import HORIZON, row


def test_splits_are_disjoint_and_known() -> None:
    for start, count in (("wide", 40), ("official", 20)):
        lists = [list_units(7, "toy", (0, 1), start, split, count) for split in Split]
        assert len({key for some in lists for key in some}) == 3 * count
        for split, some in zip(Split, lists, strict=True):
            assert {find_split(key) for key in some} == {split}
    first = list_units(7, "toy", (0, 1), "wide", Split.TEST, 4)
    assert not set(first) & set(list_units(7, "toy", (0, 1), "wide", Split.TEST, 4, offset=2))
    assert len(list_official_units(7, "toy", (0, 1), 50)) == 100
    with pytest.raises(ConfigError, match="split 'calibration' has 10"):
        list_units(7, "toy", (0,), "official", Split.CALIBRATION, 11)


def make_trail(name: str, drivers: str, states: str, actions: str) -> Trail:
    who = [(c, 0, 4) for c in drivers]
    return Trail(name, who, list(states), [c.encode() for c in actions])


def test_prefix_law() -> None:
    weak = make_trail("weak", "wwww", "abcd", "1234")
    check_pairing(
        toy_key(0),
        [weak, make_trail("aegis", "wwss", "abcx", "1299"), make_trail("strong", "s", "a", "7")],
    )
    for other, what in (
        (make_trail("aegis", "wwss", "abxx", "1299"), "states at tick 2"),
        (make_trail("aegis", "wwww", "abcd", "1294"), "actions at tick 2"),
        (make_trail("aegis", "www", "abc", "123"), "lengths at tick 3"),
        (make_trail("strong", "s", "b", "7"), "states at tick 0"),
    ):
        with pytest.raises(PairingError, match=f"have different {what}"):
            check_pairing(toy_key(0), [weak, other])


def make_progress(k: int, risk: float) -> EpisodeProgress:
    track = (Judgement(k, risk, 0.5, False),)
    return EpisodeProgress(
        toy_key(0), "aegis", k, 60, "weak", "strong", risk, "risk", track, 0, 0, "go"
    )


def test_status_file_is_throttled_and_whole(tmp_path: Path) -> None:
    now = [0.0]
    path = tmp_path / "status.json"
    sink = StatusFile(path, lambda: now[0])
    sink.on_run_opened(2, 0, ["aegis"])
    sink.on_progress(make_progress(0, float("nan")))
    assert json.loads(path.read_text())["running"] == [], "too soon"
    now[0] = 1.0
    sink.on_progress(make_progress(4, 0.3))
    status = json.loads(path.read_text())
    assert status["running"][0]["risks"] == [None, 0.3]
    assert status["running"][0]["key"]["task"] == 0
    sink.on_episode_finished(row("aegis", 0, True, strong=8))
    sink.on_run_closed()
    status = json.loads(path.read_text())
    assert status["state"] == "stopped"
    assert status["running"] == []
    assert status["arms"]["aegis"] == {
        "episodes": 1, "success": 1, "steps": HORIZON, "strong_steps": 8, "fires": 1
    }  # fmt: skip


def test_wrappers_forward_every_method() -> None:
    methods = {name for name in vars(NullSink) if not name.startswith("_")}
    assert methods <= set(vars(Tee)) and methods <= set(vars(StatusFile))  # noqa: PT018
    inner = Recorder()
    tee = Tee(inner, NullSink())
    tee.on_run_opened(2, 1, ["a"])
    tee.on_progress(make_progress(0, 0.1))
    tee.on_episode_finished(row("a", 0, True))
    tee.on_run_closed()
    assert (inner.totals, len(inner.heard), inner.ends, inner.closes) == ((2, 1), 1, 1, 1)


def test_rollouts_join_activations_with_steps(tmp_path: Path) -> None:
    heard = Recorder()
    toy_run(tmp_path, toy_plan(4, toy_arms()[:2]), sink=heard)
    assert all(isinstance(item, EpisodeProgress) for item in heard.heard)
    tables = RunTables.read_folder(tmp_path)
    rollouts = CollectedRun.from_tables(tables, "weak", "trunk").tabulate_rollouts(["weak"])
    assert rollouts.episodes == 4
    assert rollouts.horizon == 60
    assert rollouts.policy_digest == "toy-weak"
    assert rollouts.features.shape == (len(rollouts.k), 4)
    weak = [row for row in tables.episodes if row.arm == "weak"]
    assert len(rollouts.k) == sum(dict(row.asks)["weak"] for row in weak)
    by_place = {
        (s["task"], s["index"], s["k"]): s["proprio"]
        for s in tables.read_steps().to_pylist()
        if s["arm"] == "weak"
    }
    for i in range(len(rollouts.k)):
        key = weak[rollouts.episode[i]].key
        place = by_place[key.task, key.index, int(rollouts.k[i])]
        assert np.array_equal(rollouts.proprio[i], np.array(place, np.float32))
    with pytest.raises(UnknownNameError, match=r"Unknown layer 'trnk'.* Did you mean 'trunk'"):
        CollectedRun.from_tables(tables, "weak", "trnk").tabulate_rollouts(["weak"])
    with pytest.raises(UnknownNameError, match="none were written down"):
        CollectedRun.from_tables(tables, "strong", "trunk").tabulate_rollouts(["strong"])
    with pytest.raises(CalibrationError, match="no episodes of split"):
        CollectedRun.from_tables(tables, "weak", "trunk").tabulate_rollouts(
            ["weak"], Split.TRAINING
        )
