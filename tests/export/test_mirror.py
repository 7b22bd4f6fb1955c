"""What a policy is shown in a run is what it was trained on: from an export to its views.

The scene has a left and a right side, so that a mirrored picture is another one.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from aegis.core.errors import ConfigError
from aegis.core.protocols import Query
from aegis.export.episode import ExportView, decode_picture
from aegis.export.lerobot_dataset.metadata import INFO_PATH
from aegis.export.replay import read_recorded_steps, replay_episode
from aegis.records.store import RunTables
from policies.lerobot.frame import make_frame
from policies.lerobot.views import read_views
from tests.export.exported import VIEW, WORLD, build_dataset, export

TICK = 3


def read_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Returns picture keys to shapes as a checkpoint has them that was trained on a dataset."""
    features = json.loads((folder / INFO_PATH).read_text())["features"]
    return {key: (3, *one["shape"][:2]) for key, one in features.items() if one["dtype"] == "image"}


@pytest.mark.parametrize("mirror", [False, True])
def test_a_policy_sees_in_a_run_what_it_saw_in_the_export(
    run: RunTables, tmp_path: Path, mirror: bool
) -> None:
    view = ExportView(VIEW.cameras, mirror)
    dataset = build_dataset(tmp_path, films=False, view=view, keys={})
    export(run, dataset, view=view)
    views = read_views(None, read_shapes(tmp_path), "weak")
    (path,) = tmp_path.glob("data/*/*.parquet")
    trained_on = pq.read_table(path).slice(TICK, 1).to_pylist()[0]

    row = run.episodes[0]
    steps = read_recorded_steps(run.root, row)[: TICK + 1]
    *_, played = replay_episode(WORLD(), row, steps, lambda _: VIEW.cameras)
    shown = make_frame([Query(row.key, TICK, played.obs)], views, 1)
    assert {view.camera for view in views.values()} == set(VIEW.cameras)
    for key, one in views.items():
        upright = played.obs.images[one.camera]
        assert not np.array_equal(upright, upright[:, ::-1]), "the scene has two sides"
        seen = np.round(shown[key][0].numpy() * 255).astype(np.uint8).transpose(1, 2, 0)
        assert np.array_equal(seen, decode_picture(trained_on[key]["bytes"]))
        assert np.array_equal(seen, upright[:, ::-1] if mirror else upright)


def test_names_that_say_nothing_are_asked_about() -> None:
    shapes = {"observation.images.image": (3, 32, 32), "observation.images.image2": (3, 32, 32)}
    with pytest.raises(ConfigError, match=r"weak\.mirror=true or weak.mirror=false"):
        read_views(None, shapes, "weak")


def test_a_name_cannot_be_contradicted() -> None:
    shapes = {"observation.images.agentview_upright": (3, 32, 32)}
    with pytest.raises(ConfigError, match="are upright, and is told mirror=true"):
        read_views(None, shapes, "weak", mirror=True)
