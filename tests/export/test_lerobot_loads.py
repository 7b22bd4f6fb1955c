"""LeRobot itself loads an exported dataset and trains on it; Rerun reads exported recordings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aegis.records.store import RunTables
from policies.lerobot.views import read_views
from tests.export.exported import ORIGIN, VIEW, build_dataset, check, export

pytestmark = pytest.mark.lerobot

SIDE = Path(__file__).with_name("lerobot_side.py")
ELSEWHERE = Path(__file__).resolve().parents[2] / ".venv-lerobot/bin/python"
"""LeRobot's environment, for a test that is run in ours."""


def ask_lerobot(root: Path, cache: Path, out: Path) -> dict[str, Any]:
    """Returns what LeRobot reads of a dataset, and lets it train a policy."""
    python = sys.executable if find_spec("lerobot") else str(ELSEWHERE)
    if not Path(python).exists():
        pytest.skip(f"{python} is missing. Run: make setup-lerobot")
    environ = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(cache), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, str(SIDE), str(root), str(out)],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(answer, dict)
    return answer


@pytest.mark.parametrize("films", [True, False], ids=["video", "image"])
def test_lerobot_reads_and_trains_on_an_export(run: RunTables, tmp_path: Path, films: bool) -> None:
    dataset = build_dataset(tmp_path / "out", films=films, keys={})
    export(run, dataset)
    found = ask_lerobot(dataset.folder, tmp_path / "cache", tmp_path / "policy")
    steps = run.read_steps()
    assert found["episodes"] == len(run.episodes)
    assert found["frames"] == steps.num_rows
    assert found["actions"] == steps.column("action").to_pylist()
    assert found["tasks"] == [row.instruction for row in run.episodes for _ in range(row.steps)]
    assert sum(found["success"]) == sum(row.success for row in run.episodes)
    assert found["chunk"] == [4, 3]
    assert found["padded"] == [3] * len(run.episodes), "chunks end with their episode"
    keys = ("observation.images.agentview_upright", "observation.images.wrist_upright")
    assert found["pictures"] == {key: [3, 32, 32] for key in keys}
    assert {found["counts"][key] for key in (*keys, "action")} == {steps.num_rows}
    for number, row in enumerate(run.episodes):
        drawn = dataset.pieces.read_piece(number).ends["agentview"]
        first = sum(one.steps for one in run.episodes[:number])
        for place, picture in ((first, drawn[0]), (first + row.steps - 1, drawn[1])):
            assert abs(found["shades"][keys[0]][place] - picture.mean() / 255) < 0.02
    assert found["losses"][-1] < found["losses"][0]
    check_trained_policy(tmp_path / "policy", dict(zip(keys, VIEW.cameras, strict=True)))


def check_trained_policy(folder: Path, cameras: dict[str, str]) -> None:
    """Checks that a trained policy says itself which pictures it looks at, and which way round."""
    config = json.loads((folder / "config.json").read_text())
    shapes = {key: one["shape"] for key, one in config["input_features"].items() if key in cameras}
    views = read_views(None, shapes, "weak")
    assert {key: view.camera for key, view in views.items()} == cameras
    assert not any(view.mirror for view in views.values())
    if find_spec("lerobot"):
        from policies.lerobot.policy import LeRobotPolicy

        policy = LeRobotPolicy("weak", str(folder), batch=1)
        assert policy.spec.cameras == dict(VIEW.cameras)
        (proposal,) = policy.propose([policy.make_example(0)])
        assert np.isfinite(proposal.actions).all()


def test_rerun_reads_an_export(run: RunTables, tmp_path: Path) -> None:
    pytest.importorskip("rerun.chunk")
    from rerun.chunk import RrdReader

    from aegis.export.rerun_recording import RerunRecording

    recording = RerunRecording(tmp_path, ORIGIN, VIEW)
    export(run, recording)
    (result,) = check(run, recording)
    assert result.passed, result.detail
    assert result.count == sum(row.steps for row in run.episodes)
    paths = sorted(tmp_path.glob("*.rrd"))
    entities: dict[str, int] = {}
    reader = RrdReader(str(paths[0]))
    assert len(reader.blueprints()) == 1
    for chunk in reader.stream():
        entities[chunk.entity_path] = entities.get(chunk.entity_path, 0) + chunk.num_rows
    steps = run.episodes[0].steps
    for name in ("action", "state", "driver", "chunk", "camera/agentview", "camera/wrist"):
        assert entities[f"/{name}"] == steps
    data = bytearray(paths[0].read_bytes())
    data[len(data) // 2 :] = data[len(data) // 2 :][: len(data) // 8]
    paths[0].write_bytes(data)
    assert not check(run, recording)[0].passed


def test_rerun_shows_the_recorded_pictures(run: RunTables, tmp_path: Path) -> None:
    pytest.importorskip("rerun.chunk")
    from aegis.export.rerun_recording import RerunRecording

    recording = RerunRecording(tmp_path, ORIGIN, VIEW)
    dataset = build_dataset(tmp_path / "dataset")
    export(run, recording, dataset)
    found = recording.read_file(tmp_path / "episode-000000.rrd")
    drawn = dataset.pieces.read_piece(0).ends
    for camera, pictures in drawn.items():
        for one, other in zip(pictures, found.pictures[camera], strict=True):
            assert np.array_equal(one, other)


def test_rerun_reads_the_times_back_that_were_written(run: RunTables, tmp_path: Path) -> None:
    pytest.importorskip("rerun.chunk")
    from aegis.export.rerun_recording import RerunRecording

    export(run, RerunRecording(tmp_path, ORIGIN, VIEW))
    found = RerunRecording(tmp_path, ORIGIN, VIEW).read_file(tmp_path / "episode-000000.rrd")
    np.testing.assert_allclose(found.times, np.arange(run.episodes[0].steps) * ORIGIN.dt)
    slow = RerunRecording(tmp_path, replace(ORIGIN, dt=2 * ORIGIN.dt), VIEW)
    assert "times are not those of the ticks" in check(run, slow)[0].detail
