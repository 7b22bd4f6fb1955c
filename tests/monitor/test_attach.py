"""Attaching to a run from outside: what is in flight, what is finished, what is damaged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from aegis.core.errors import TraceError, UnknownNameError
from aegis.fleet.progress import EpisodeProgress, StatusFile
from aegis.monitor.attachment import Attachment, find_run
from aegis.records.rows import EpisodeRecord, EpisodeRow
from aegis.records.store import RunStore
from tests.monitor.story import Clock, key, progress, row


class Ear:
    """Remembers what a sink is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def on_run_opened(self, total: int, done: int, arms: Sequence[str]) -> None:
        self.told.append(("opened", total, done, tuple(arms)))

    def on_progress(self, progress: EpisodeProgress) -> None:
        self.told.append(progress)

    def on_episode_finished(self, episode: EpisodeRow) -> None:
        self.told.append(episode)

    def on_run_closed(self) -> None:
        self.told.append("closed")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    root = tmp_path / "runs" / "study"
    (root / "parts").mkdir(parents=True)
    identity = {"root": "0", "suite": "libero_spatial"}
    (root / "manifest.json").write_text(json.dumps({"identity": identity, "notes": {}}))
    return root


def test_what_is_in_flight_is_told_once(run: Path) -> None:
    clock, ear = Clock(), Ear()
    status = StatusFile(run / "status.json", clock, period=0.0)
    status.on_run_opened(4, 0, ("weak", "aegis"))
    first = progress(key(1), "aegis", 10, 0.4)
    status.on_progress(first)
    attachment = Attachment(run, ear)
    assert attachment.poll_run() == "running"
    assert attachment.poll_run() == "running"
    assert ear.told == [("opened", 4, 0, ("weak", "aegis")), first]
    second = progress(key(1), "aegis", 20, 0.5)
    status.on_progress(second)
    assert attachment.poll_run() == "running"
    assert ear.told[-1] == second


@pytest.mark.parametrize("arm", ["my-arm", "früh", "a.b_c", "x-1-2"])
def test_episodes_of_every_arm_are_counted(run: Path, arm: str) -> None:
    store, ear = RunStore(run), Ear()
    done = replace(row(key(3), arm, True), steps=0)
    store.write_episode(EpisodeRecord(done, (), ()))
    StatusFile(run / "status.json", Clock(), period=0.0).on_run_opened(1, 1, (arm,))
    Attachment(run, ear).poll_run()
    assert ear.told == [("opened", 1, 1, (arm,)), done]


def test_a_stopped_run_says_so(run: Path) -> None:
    status = StatusFile(run / "status.json", Clock(), period=0.0)
    status.on_run_opened(4, 0, ("weak",))
    status.on_episode_finished(row(key(0), "weak", True))
    status.on_run_closed()
    assert Attachment(run, Ear()).poll_run() == "stopped"


def test_a_silent_run_has_an_age(run: Path) -> None:
    attachment = Attachment(run, Ear())
    assert attachment.measure_age(1e12) == 0.0
    (run / "status.json").write_text("{}")
    assert attachment.measure_age((run / "status.json").stat().st_mtime + 200) == 200.0


def test_a_damaged_folder_is_refused(run: Path) -> None:
    (run / "status.json").write_text("{")
    with pytest.raises(TraceError, match=r"status\.json is damaged"):
        Attachment(run, Ear()).poll_run()


def test_neither_status_nor_tables(run: Path) -> None:
    with pytest.raises(TraceError, match="missing or damaged"):
        Attachment(run, Ear()).poll_run()


def test_runs_are_found_by_name_and_by_folder(run: Path) -> None:
    assert find_run("study", run.parent) == run
    assert find_run(str(run), run.parent) == run
    with pytest.raises(UnknownNameError, match="Did you mean 'study'"):
        find_run("stduy", run.parent)
    with pytest.raises(UnknownNameError, match="none yet"):
        find_run("study", run / "nothing")
