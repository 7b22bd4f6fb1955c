"""`aegis export` through the front door: what it writes, goes on with, checks and refuses."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from aegis.app.recorded_run import RecordedRun
from aegis.core.errors import InterruptedRunError
from aegis.export.exporter import ExportPlan, write_episodes
from aegis.export.inventory import INVENTORY_FILE, Inventory
from aegis.export.mcap_recording import McapRecording
from aegis.records.store import RunTables
from tests.app.typed import type_in
from tests.export.exported import ORIGIN, VIEW, WORLD, list_episodes

_RUN = """
env: {_target_: tests.fakes.ToyWorld, horizon: 60}
start: {family: wide, split: test, offset: 0}
weak: {_target_: tests.fakes.ToyPolicy, name: weak, weak: true}
strong: {_target_: tests.fakes.ToyPolicy, name: strong, weak: false}
detector: {_target_: tests.fleet.toyrun.TrunkDetector}
gate: {_target_: aegis.gates.conformal.ConformalGate, threshold: 1.0}
switch: {_target_: aegis.gates.switch.HysteresisSwitch, release: 0.5, hold_chunks: 2}
first: weak
name: first
seed: 0
tasks: [0, 1]
units: 4
patience: 3
portable: false
batch_dependent: false
workers: 1
slots: 2
trusted: [tests]
"""
_SMALL = ("cameras={agentview: 32, wrist: 32}", "workers=1")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run of a gate on the toy world, and its export."""
    place = tmp_path_factory.mktemp("place")
    (place / "configs").mkdir()
    (place / "configs" / "run.yaml").write_text(_RUN)
    type_in(place, "run")
    shutil.rmtree(place / "configs")  # an export needs the run alone
    answer = type_in(place, "export", "runs/first", "--to", "lerobot,mcap", *_SMALL)
    assert answer["episodes"] == answer["drawn"] == 4
    return place


@pytest.fixture
def place(played: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    shutil.copytree(played, tmp_path / "place")
    return tmp_path / "place"


def export(place: Path, *words: str, code: int = 0, formats: str = "lerobot") -> str:
    """Exports the run; returns what was said."""
    words = ("export", "runs/first", "--to", formats, *_SMALL, *words)
    return str(type_in(place, *words, code=code)["said"])


def test_the_gate_is_asked_again_without_its_policies(played: Path) -> None:
    (path,) = played.glob("exports/first/lerobot/data/*/*.parquet")
    table = pq.read_table(path)
    assert np.isfinite(table.column("aegis.value").to_numpy()).all()
    bars = table.column("aegis.bar").to_numpy()
    assert set(bars[np.isfinite(bars)]) == {1.0}


def test_only_those_who_drove_are_named(played: Path) -> None:
    run = RecordedRun.read_folder(played / "runs/first")
    assert run.list_drivers() == ("weak", "strong")
    alone = [replace(row, steps_by=(("weak", row.steps), ("strong", 0))) for row in run.episodes]
    assert replace(run, episodes=tuple(alone)).list_drivers() == ("weak",)
    helped = [*alone, replace(alone[0], steps_by=(("operator", 3), ("weak", 1)))]
    assert replace(run, episodes=tuple(helped)).list_drivers() == ("weak", "operator")
    before = [replace(row, steps_by=None) for row in alone]
    assert replace(run, episodes=tuple(before)).list_drivers() == ("weak", "strong")


def test_help_needs_no_configuration() -> None:
    code = (
        "import sys, aegis.app.commands.export;"
        "heavy = {'hydra', 'omegaconf', 'pyarrow', 'av'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_memory_that_does_not_suffice_is_no_damage(
    run: RunTables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError

    recording = McapRecording(tmp_path, ORIGIN, VIEW)
    monkeypatch.setattr(McapRecording, "read_file", refuse)
    with pytest.raises(MemoryError):
        list(recording.compare_files(run.root, list_episodes(run)))


def test_a_complete_export_is_only_checked(place: Path) -> None:
    files = {path: path.read_bytes() for path in place.glob("exports/**/*") if path.is_file()}
    answer = type_in(place, "export", "runs/first", "--to", "lerobot,mcap", *_SMALL)
    assert answer["drawn"] == 0
    names = [one["name"] for one in answer["formats"]["lerobot"]["checks"]]
    assert names == ["files", "lerobot"]
    assert {path: path.read_bytes() for path in files} == files


@pytest.mark.parametrize("name", ["lerobot", "mcap"])
def test_any_changed_or_missing_file_is_found(place: Path, name: str) -> None:
    inventory = Inventory(place / "exports/first" / name, {})
    paths = [path for path in inventory.folder.rglob("*.*") if path.is_file()]
    paths = [path for path in paths if path.name[0] != "." and path.name != INVENTORY_FILE]
    assert len(paths) > 3
    for path in paths:
        data = path.read_bytes()
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
        assert f"{path.name} was changed or is damaged" in inventory.check_files().detail
        path.unlink()
        assert f"{path.name} is missing" in inventory.check_files().detail
        path.write_bytes(data)
    assert inventory.check_files().passed


def test_damage_ends_the_command(place: Path) -> None:
    (path,) = place.glob("exports/first/lerobot/data/*/*.parquet")
    path.write_bytes(path.read_bytes()[:-1])
    assert "file-000.parquet was changed or is damaged" in export(place, code=2)


def test_an_interrupted_export_goes_on(run: RunTables, tmp_path: Path) -> None:
    episodes = tuple(replace(one, arm=None) for one in list_episodes(run))
    recording = McapRecording(tmp_path / "out", ORIGIN, VIEW)
    recording.folder.mkdir()
    plan = ExportPlan(run.root, WORLD, VIEW, (recording,), episodes)

    def interrupt(done: int, note: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match="2 of 4 episodes are finished"):
        write_episodes(plan, 1, {}, interrupt)
    left = len(plan.list_missing())
    assert left < 3
    for path in recording.folder.glob("*.mcap"):
        assert path.read_bytes()[-8:] == b"\x89MCAP0\r\n", "whole or not there"
    seen: list[int] = []
    assert write_episodes(plan, 1, {}, lambda done, _: seen.append(done)) == left
    assert seen == list(range(4 - left, 5))


def test_an_edited_run_is_refused(place: Path) -> None:
    path = sorted((place / "runs/first/parts").glob("*.parquet"))[0]
    table = pq.read_table(path)
    digests = table.column("digest").to_pylist()
    digests[3] = digests[4]
    edited = table.set_column(table.schema.get_field_index("digest"), "digest", [digests])
    pq.write_table(edited, path)
    said = export(place, "out=other", code=2, formats="mcap")
    assert "goes another way at tick 3" in said


def remove_config(place: Path) -> None:
    (place / "runs/first/config.yaml").unlink()


def empty_config(place: Path) -> None:
    (place / "runs/first/config.yaml").write_text("[]")


def remove_steps(place: Path) -> None:
    """Leaves what a published study leaves."""
    (place / "runs/first/steps.parquet").unlink()
    shutil.rmtree(place / "runs/first/parts")


def fill_folder(place: Path) -> None:
    (place / "exports/first/lerobot" / INVENTORY_FILE).unlink()


def break_inventory(place: Path) -> None:
    (place / "exports/first/lerobot" / INVENTORY_FILE).write_text("{}")


def do_nothing(place: Path) -> None:
    del place


@pytest.mark.parametrize(
    ("words", "prepare", "said"),
    [
        (["mirror=true"], do_nothing, "mirror: False there, True here"),
        (["lerobot.crf=20"], do_nothing, "crf: 18 there, 20 here"),
        ([], remove_config, "config.yaml is missing or damaged"),
        ([], empty_config, "it names no world"),
        ([], remove_steps, "has no steps (steps.parquet or parts/)"),
        ([], fill_folder, "holds other files"),
        ([], break_inventory, "is damaged"),
    ],
)
def test_other_and_damaged_folders_are_refused(
    place: Path, words: list[str], prepare: Callable[[Path], None], said: str
) -> None:
    prepare(place)
    assert said in export(place, *words, code=2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Name the folder of a run"),
        (["--to", "lerobot"], "Name the folder of a run"),
        (["runs/first"], "Say --to lerobot | rerun | mcap"),
        (["runs/first", "--to", "lerobt"], "Unknown format 'lerobt'"),
        (["runs/none", "--to", "mcap"], "Unknown run 'runs/none' in runs/. Allowed: first"),
        (["runs", "--to", "mcap"], "episodes.parquet is missing or damaged"),
    ],
)
def test_unclear_commands_are_refused(played: Path, words: list[str], said: str) -> None:
    assert said in type_in(played, "export", *words, code=2)["said"]


@pytest.mark.slow
def test_real_episodes_are_exported(tmp_path: Path) -> None:
    words = ("tasks=[0,3]", "units=2", "env.horizon=12", "env.assets=builtin", "workers=1")
    type_in(tmp_path, "collect", "weak=expert", "name=demos", *words)
    answer = type_in(
        tmp_path, "export", "runs/demos", "--to", "lerobot,mcap", "mirror=true", *_SMALL
    )
    assert answer["frames"] == 24
    (film, _) = tmp_path.glob("exports/demos/lerobot/videos/*/*/*.mp4")
    assert film.stat().st_size > 0
