"""Which episodes are exported and how: chosen, numbered, and refused where it cannot be."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from aegis.app.config.settings import Settings
from aegis.app.dataset_settings import build_dataset
from aegis.app.exporting import choose_episodes, number_episodes, read_view
from aegis.core.errors import AegisError, ConfigError
from aegis.export.lerobot_dataset.dataset import LeRobotDataset
from aegis.records.store import RunTables
from tests.export.exported import ORIGIN, VIEW

CHOICE = {"only": "all", "arms": None, "tasks": None, "episodes": None}
DATASET = {
    "keys": None, "store": "video", "crf": 18, "gop": 2, "data_limit": 1, "video_limit": 1,
    "folder_limit": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("arms", ["wek"], "Unknown arm 'wek' in the run. Did you mean 'weak'?"),
        ("tasks", [7], "Unknown task '7'"),
        ("only", "succes", "Did you mean 'success'?"),
        ("episodes", 0, "'episodes' must be an integer of at least 1"),
    ],
)
def test_episodes_that_are_not_there_are_refused(
    run: RunTables, name: str, value: object, said: str
) -> None:
    with pytest.raises(AegisError, match=re.escape(said)):
        choose_episodes(run.episodes, Settings({**CHOICE, name: value}))


def test_episodes_are_chosen_and_numbered(run: RunTables) -> None:
    assert choose_episodes(run.episodes, Settings(CHOICE)) == run.episodes
    won = choose_episodes(run.episodes, Settings({**CHOICE, "only": "success"}))
    lost = choose_episodes(run.episodes, Settings({**CHOICE, "only": "failure"}))
    assert sorted((*won, *lost), key=run.episodes.index) == list(run.episodes)
    some = choose_episodes(run.episodes, Settings({**CHOICE, "tasks": [1], "arms": ["aegis"]}))
    assert [(row.task, row.arm) for row in some] == [(1, "aegis")]
    numbered = number_episodes(run.episodes, {})
    assert [one.number for one in numbered] == [0, 1, 2, 3]
    assert [one.task_number for one in numbered] == [0, 0, 1, 1]
    ends = [one.first_index + one.row.steps for one in numbered]
    assert [one.first_index for one in numbered] == [0, *ends[:-1]]
    all_won = [replace(row, success=True) for row in run.episodes]
    with pytest.raises(ConfigError, match="No episode of the run's 4 is left"):
        choose_episodes(all_won, Settings({**CHOICE, "only": "failure"}))


@pytest.mark.parametrize(
    ("changes", "sides", "said"),
    [
        ({}, {"wrist": 31}, "Videos need even sides; 'cameras.wrist' is 31"),
        ({}, {"wrist": 1}, "'cameras.wrist' must be an integer of at least 2"),
        ({}, {"wrist": 5000}, "at most 4096 px"),
        ({"keys": {"wrist": "agentview_upright"}}, {"wrist": 32}, "_upright' for two cameras"),
        ({"keys": {"wrist": "image2"}}, {"wrist": 32}, "that are upright_mirrored; these are"),
        ({"keys": {"wrist": "left_upright_mirrored"}}, {"wrist": 32}, "Set mirror=true, or leave"),
        ({"keys": {"wrist": "a/b"}}, {"wrist": 32}, "Got: 'a/b'"),
        ({"store": "gif"}, {"wrist": 32}, "Unknown value 'gif' in 'store'"),
        ({"gop": 0}, {"wrist": 32}, "'gop' must be an integer of at least 1"),
        ({"crf": 52}, {"wrist": 32}, "'crf' must be a number from 0 to 51"),
    ],
)
def test_settings_that_no_dataset_can_have_are_refused(
    tmp_path: Path, changes: dict[str, object], sides: dict[str, int], said: str
) -> None:
    cameras = {"agentview": 32, **sides}

    def build() -> None:
        view = read_view(Settings({"cameras": cameras, "mirror": False}))
        build_dataset(tmp_path, ORIGIN, view, Settings({**DATASET, **changes}))

    with pytest.raises(AegisError, match=re.escape(said)):
        build()


def test_a_rate_that_is_no_whole_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the run has 14\.286\. Export it as rerun or mcap"):
        build_dataset(tmp_path, replace(ORIGIN, dt=0.07), VIEW, Settings(DATASET))


@pytest.mark.parametrize(
    ("mirror", "keys", "names"),
    [
        (False, None, ("agentview_upright", "wrist_upright")),
        (True, None, ("agentview_upright_mirrored", "wrist_upright_mirrored")),
        (False, {"wrist": "hand"}, ("agentview_upright", "hand")),
        (True, {"agentview": "image", "wrist": "image2"}, ("image", "image2")),
    ],
)
def test_names_say_which_way_round_pictures_are(
    tmp_path: Path, mirror: bool, keys: dict[str, str] | None, names: tuple[str, ...]
) -> None:
    view = read_view(Settings({"cameras": {"agentview": 32, "wrist": 32}, "mirror": mirror}))
    dataset = build_dataset(tmp_path, ORIGIN, view, Settings({**DATASET, "keys": keys}))
    assert isinstance(dataset, LeRobotDataset)
    assert tuple(dataset.columns.picture_keys.values()) == tuple(
        f"observation.images.{name}" for name in names
    )


@pytest.mark.parametrize("keys", [{"agentview": "image"}, {"wrist": "hand_upright"}])
def test_names_that_promise_another_orientation_are_refused(
    tmp_path: Path, keys: dict[str, str]
) -> None:
    mirror = "hand_upright" in keys.values()
    view = read_view(Settings({"cameras": {"agentview": 32, "wrist": 32}, "mirror": mirror}))
    with pytest.raises(ConfigError, match=f"Set mirror={str(not mirror).lower()}"):
        build_dataset(tmp_path, ORIGIN, view, Settings({**DATASET, "keys": keys}))
