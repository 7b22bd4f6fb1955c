"""Attaching to a run from outside: what is in flight, what is finished, what is damaged."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from aegis.core.errors import TraceError, UnknownNameError
from aegis.fleet.progress import EpisodeProgress, NullSink, StatusFile, Tee
from aegis.monitor.attachment import Attachment, find_run
from aegis.monitor.sinks import PanelSink
from aegis.records.rows import EpisodeRecord, EpisodeRow, StepRow
from aegis.records.store import RunStore
from tests.monitor.story import Clock, make_key, make_progress, make_row, tell_story


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


class _Parts(NullSink):
    """Leaves finished episodes on disk, as a worker does before it reports them."""

    def __init__(self, root: Path) -> None:
        self._store = RunStore(root)

    def on_episode_finished(self, episode: EpisodeRow) -> None:
        steps = tuple(make_step_row(k) for k in range(episode.steps))
        self._store.write_episode(EpisodeRecord(episode, steps, ()))


def make_step_row(k: int) -> StepRow:
    none = np.zeros(1, np.float32)
    return StepRow(
        k, "weak", 0, "weak", False, 1, "act", none, "", None, (), "STAY", "", None, 0, (), none,
        (), "d", "",
    )  # fmt: skip


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
    first = make_progress(make_key(1), "aegis", 10, 0.4)
    status.on_progress(first)
    attachment = Attachment(run, ear)
    assert attachment.poll_run() == "running"
    assert attachment.poll_run() == "running"
    assert ear.told == [("opened", 4, 0, ("weak", "aegis")), first]
    second = make_progress(make_key(1), "aegis", 20, 0.5)
    status.on_progress(second)
    assert attachment.poll_run() == "running"
    told = ear.told[-1]
    assert isinstance(told, EpisodeProgress)
    assert told == replace(second, track=(*first.track, *second.track)), "the way there, too"


@pytest.mark.parametrize("late", [0, 7, 25])
def test_who_attaches_late_sees_the_same_panel(run: Path, late: int) -> None:
    """Board, bars, tallies and pace are those of the panel beside the run, whenever one comes."""
    clock = Clock()
    here = PanelSink(Console(file=io.StringIO()), "study", clock)
    there = PanelSink(Console(file=io.StringIO()), "study", Clock())
    status = StatusFile(run / "status.json", clock, period=0.0)
    sink, attachment = Tee(_Parts(run), here, status), Attachment(run, there)
    seen = 0

    def poll() -> None:
        nonlocal seen
        seen += 1
        if seen > late:
            attachment.poll_run()

    tell_story(sink, 4, clock, close=False, pause=poll)
    attachment.poll_run()
    assert there.board.tallies == here.board.tallies
    assert there.board.complete_units == here.board.complete_units == 3
    for place, flight in here.board.flights.items():
        assert there.board.flights[place].last.k == flight.last.k
        # As text: from Python 3.13 on, dataclasses that hold the same NaN are not equal.
        assert repr(there.board.flights[place].track.cells) == repr(flight.track.cells)
    assert there.board.resumed == 0, "what was over when one came was played by this run"
    mine, theirs = here.build_panel()._pace, there.build_panel()._pace
    assert theirs.elapsed == pytest.approx(mine.elapsed, abs=0.1)
    assert theirs.rate == pytest.approx(mine.rate, rel=0.2)
    assert theirs.left == pytest.approx(mine.left, rel=0.2)
    here.on_run_closed()
    there.on_run_closed()


def test_readers_of_the_status_file_find_what_was_there(run: Path) -> None:
    status = StatusFile(run / "status.json", Clock(), period=0.0)
    status.on_run_opened(4, 0, ("weak", "aegis"))
    status.on_progress(make_progress(make_key(1), "aegis", 10, 0.4))
    status.on_progress(make_progress(make_key(2), "aegis", 10, 0.4, quantity="advantage"))
    told = json.loads((run / "status.json").read_text())
    assert set(told) >= {"state", "total", "resumed", "elapsed", "arms", "running"}
    risky, other = told["running"]
    old = {
        "key", "arm", "k", "horizon", "active", "risk", "threshold", "fires", "strong_steps",
        "instruction", "risks",
    }  # fmt: skip
    assert set(risky) >= old
    assert (risky["risk"], risky["threshold"]) == (0.4, 0.61)
    assert other["threshold"] is None, "the bar of an advantage is no threshold of the risk"
    assert other["track"] == [[0, 0.4, 0.61, False]]


@pytest.mark.parametrize("arm", ["my-arm", "früh", "a.b_c", "x-1-2"])
def test_episodes_of_every_arm_are_counted(run: Path, arm: str) -> None:
    store, ear = RunStore(run), Ear()
    done = replace(make_row(make_key(3), arm, True), steps=0)
    store.write_episode(EpisodeRecord(done, (), ()))
    StatusFile(run / "status.json", Clock(), period=0.0).on_run_opened(1, 1, (arm,))
    Attachment(run, ear).poll_run()
    assert ear.told == [("opened", 1, 1, (arm,)), done]


def test_a_stopped_run_says_so(run: Path) -> None:
    status = StatusFile(run / "status.json", Clock(), period=0.0)
    status.on_run_opened(4, 0, ("weak",))
    status.on_episode_finished(make_row(make_key(0), "weak", True))
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
