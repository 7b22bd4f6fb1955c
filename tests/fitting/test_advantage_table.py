"""Advantage: the table of forks, and probes that are fitted to it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from aegis.core.errors import CalibrationError, UnknownNameError
from aegis.fitting.advantage_table import read_advantage_table
from aegis.fitting.collected_run import CollectedRun
from aegis.fitting.judgement import ADVANTAGE, judge_probe
from aegis.fitting.probe_fit import fit_probe
from aegis.records.rows import EpisodeRow
from aegis.records.store import RunTables
from aegis.study.play.execution import fork_arms
from tests.fakes import ToyWorld
from tests.fleet.toyrun import HORIZON, toy_plan, toy_run
from tests.study.play.test_execution import ALL, make_executor

TICKS = (0, 8)


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("forks")
    weak = replace(ALL["weak"], log_features=True)
    even = replace(make_executor(), world=partial(ToyWorld, horizon=HORIZON))
    even.execute_plan(toy_plan(50, fork_arms(weak, TICKS)), out)
    return out


def test_what_counts_is_that_only_the_strong_policy_succeeds(forked: Path) -> None:
    rows = read_advantage_table(forked, "weak", "weak", "trunk+tick")
    by: dict[tuple[str, str], EpisodeRow] = {
        (str(row.key), row.arm): row for row in RunTables.read_folder(forked).episodes
    }
    want = {
        (start, k): by[start, f"strong_at_{k:03d}"].success
        and not by[start, f"reseed_at_{k:03d}"].success
        for start, arm in by
        for k in TICKS
        if arm == "weak" and by[start, "weak"].steps > k
    }
    places = zip(rows.start.tolist(), rows.k.tolist(), strict=True)
    got = dict(zip(places, rows.positive, strict=True))
    assert got == want
    assert len(set(want.values())) == 2
    assert rows.episodes == len(want)


def test_its_features_are_those_of_the_episode_that_was_forked(forked: Path) -> None:
    rows = read_advantage_table(forked, "weak", "weak", "trunk+tick")
    whole = CollectedRun.from_tables(
        RunTables.read_folder(forked), "weak", "trunk+tick"
    ).tabulate_rollouts(["weak"])
    at = {place: i for i, place in enumerate(zip(whole.start, whole.k, strict=True))}
    index = [at[place] for place in zip(rows.start, rows.k, strict=True)]
    np.testing.assert_array_equal(rows.features, whole.features[index])
    np.testing.assert_array_equal(rows.proprio, whole.proprio[index])


def test_a_probe_of_it_is_judged_by_forks(forked: Path) -> None:
    rows = read_advantage_table(forked, "weak", "weak", "trunk+tick")
    parts = rows.split_starts((0.4, 0.3, 0.3), root=2)
    probe = fit_probe(
        *parts[:2], kind="logistic", alpha=0.2, guard=0.0, root=1, strength=0.1, weight="row"
    )
    report = judge_probe(probe, parts[0], parts[2], root=1, draws=20, label=ADVANTAGE)
    assert report.lines[0].pooled > 0.7
    assert f"{report.episodes} forks in the first 30% of the horizon, in" in report.format_table()
    assert report.ended == 0
    guarded = replace(probe, guard=8 / 60)
    late = parts[2].select_rows(parts[2].k == 8)
    alarms = judge_probe(guarded, parts[0], parts[2], root=1, draws=20, label=ADVANTAGE).alarms
    assert alarms.false == np.mean(
        probe.compute_risk(late.features)[~late.positive] > probe.threshold
    )


def test_a_run_without_forks_is_refused(forked: Path, tmp_path: Path) -> None:
    toy_run(tmp_path, toy_plan(4, (ALL["weak"],)))
    with pytest.raises(CalibrationError, match=r"no forks of arm 'weak'.*aegis collect forks="):
        read_advantage_table(tmp_path, "weak", "weak", "trunk")
    with pytest.raises(UnknownNameError, match="Unknown arm 'week'"):
        read_advantage_table(forked, "week", "weak", "trunk")
