"""A dataset holds the run, number by number; damage is found; limits begin new files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aegis.export.episode import ExportView, decode_picture
from aegis.export.lerobot_dataset import metadata
from aegis.export.lerobot_dataset.dataset import LeRobotDataset
from aegis.export.lerobot_dataset.films import FilmQuality, FilmWriter, join_films, read_pictures
from aegis.export.lerobot_dataset.metadata import SizeLimits
from aegis.export.lerobot_dataset.statistics import describe_numbers
from aegis.records.store import RunTables
from tests.export.exported import VIEW, build_dataset, check, export, list_episodes


@pytest.fixture(scope="module")
def dataset(run: RunTables, tmp_path_factory: pytest.TempPathFactory) -> LeRobotDataset:
    """A dataset with films."""
    dataset = build_dataset(tmp_path_factory.mktemp("films"))
    assert export(run, dataset) == len(run.episodes)
    return dataset


@pytest.fixture(scope="module")
def images(run: RunTables, tmp_path_factory: pytest.TempPathFactory) -> LeRobotDataset:
    """A dataset with mirrored pictures in its table."""
    view = ExportView(VIEW.cameras, mirror=True)
    dataset = build_dataset(tmp_path_factory.mktemp("images"), films=False, view=view)
    export(run, dataset, view=view)
    return dataset


def read_frames(dataset: LeRobotDataset) -> pa.Table:
    paths = sorted(dataset.folder.glob("data/*/*.parquet"))
    return pa.concat_tables([pq.read_table(path) for path in paths])


def read_json(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text())
    assert isinstance(content, dict)
    return content


def test_a_dataset_holds_the_run(run: RunTables, dataset: LeRobotDataset) -> None:
    (result,) = check(run, dataset)
    assert result.passed, result.detail
    frames, steps = read_frames(dataset), run.read_steps()
    assert result.count == frames.num_rows == steps.num_rows
    for column, recorded in (("action", "action"), ("observation.state", "proprio")):
        assert frames.column(column).to_pylist() == steps.column(recorded).to_pylist()
    drivers = ["weak", "strong"]
    drove = [drivers[i] for i in frames.column("aegis.driver").to_pylist()]
    assert drove == steps.column("active").to_pylist()
    assert frames.column("index").to_pylist() == list(range(frames.num_rows))
    assert frames.column("frame_index").to_pylist() == steps.column("k").to_pylist()


def test_outcomes_stand_where_they_happen(run: RunTables, dataset: LeRobotDataset) -> None:
    frames = read_frames(dataset)
    for one in list_episodes(run):
        mine = frames.slice(one.first_index, one.row.steps)
        expected = [False] * (one.row.steps - 1)
        assert mine.column("next.done").to_pylist() == [*expected, True]
        assert mine.column("next.success").to_pylist() == [*expected, one.row.success]
        assert sum(mine.column("next.reward").to_pylist()) == one.row.success
        helped = mine.column("aegis.intervention").to_pylist()
        assert sum(helped) == one.row.strong_steps


def test_what_the_gate_judged_stands_beside_its_bar(
    run: RunTables, dataset: LeRobotDataset
) -> None:
    frames = read_frames(dataset)
    for one in list_episodes(run):
        mine = frames.slice(one.first_index, one.row.steps)
        values, bars = (np.array(mine.column(f"aegis.{name}")) for name in ("value", "bar"))
        risks = np.array(mine.column("aegis.risk"))
        assert np.isfinite(risks).all(), "a score stands until the next one comes"
        if one.row.arm == "aegis":
            assert np.array_equal(values, risks), "this gate compares the score itself"
            assert set(bars[np.isfinite(bars)]) == {1.0}
        else:
            assert np.isnan(values).all()


def test_statistics_are_those_of_the_numbers(dataset: LeRobotDataset) -> None:
    frames = read_frames(dataset)
    stats = read_json(dataset.folder / metadata.STATS_PATH)
    (path,) = dataset.folder.glob("meta/episodes/*/*.parquet")
    episodes = pq.read_table(path).to_pylist()
    for name in ("action", "observation.state", "timestamp", "next.done", "aegis.risk"):
        numbers = np.array(frames.column(name).to_pylist(), np.float64)
        whole = describe_numbers(numbers)
        assert whole is not None
        assert stats[name] == {key: value.tolist() for key, value in whole.items()}
        for row in episodes:
            part = describe_numbers(numbers[row["dataset_from_index"] : row["dataset_to_index"]])
            assert part is not None
            for key, value in part.items():
                assert row[f"stats/{name}/{key}"] == value.tolist()
    assert "NaN" not in (dataset.folder / metadata.STATS_PATH).read_text()


def test_statistics_of_pictures_are_those_of_all_pixels(images: LeRobotDataset) -> None:
    stats = read_json(images.folder / metadata.STATS_PATH)["observation.images.front"]
    column = read_frames(images).column("observation.images.front").to_pylist()
    pixels = np.stack([decode_picture(one["bytes"]) for one in column]).reshape(-1, 3) / 255
    assert stats["count"] == [len(column)]
    np.testing.assert_allclose(np.ravel(stats["mean"]), pixels.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(np.ravel(stats["q90"]), np.quantile(pixels, 0.9, axis=0), atol=1e-9)


def test_mirrored_pictures_are_mirrored_and_said_to_be(
    run: RunTables, images: LeRobotDataset, tmp_path: Path
) -> None:
    upright = build_dataset(tmp_path, films=False)
    export(run, upright)
    key = "observation.images.front"
    plain, mirrored = (
        decode_picture(read_frames(one).column(key)[3].as_py()["bytes"])
        for one in (upright, images)
    )
    assert np.array_equal(plain[:, ::-1], mirrored)
    assert not np.array_equal(plain, mirrored)
    said = [
        read_json(one.folder / metadata.INFO_PATH)["features"][key]["info"]["orientation"]
        for one in (upright, images)
    ]
    assert said == ["upright", "upright, mirrored left-right"]


def test_small_limits_begin_new_files(
    run: RunTables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aegis.export.lerobot_dataset.dataset._MEBIBYTE", 1)
    dataset = build_dataset(tmp_path, limits=SizeLimits(data=1, video=1, files=3))
    export(run, dataset)
    count = len(run.episodes)
    assert count == 4
    for pattern in ("data/*/*", "meta/episodes/*/*", "videos/observation.images.front/*/*"):
        names = [path.relative_to(path.parents[1]) for path in sorted(tmp_path.glob(pattern))]
        files = [f"chunk-{i // 3:03d}/file-{i % 3:03d}" for i in range(count)]
        assert [name.with_suffix("").as_posix() for name in names] == files
    (result,) = check(run, dataset)
    assert result.passed, result.detail


@pytest.fixture
def copied(dataset: LeRobotDataset, tmp_path: Path) -> LeRobotDataset:
    """A copy that may be damaged."""
    for path in dataset.folder.rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(dataset.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    return build_dataset(tmp_path)


@pytest.mark.parametrize("name", ["action", "observation.state", "aegis.risk", "index"])
def test_a_flipped_byte_in_a_column_is_found(
    run: RunTables, copied: LeRobotDataset, name: str
) -> None:
    (path,) = copied.folder.glob("data/*/*.parquet")
    group = pq.ParquetFile(path).metadata.row_group(1)
    columns = [group.column(i) for i in range(group.num_columns)]
    column = next(one for one in columns if one.path_in_schema.split(".list")[0] == name)
    data = bytearray(path.read_bytes())
    data[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    path.write_bytes(data)
    (result,) = check(run, copied)
    assert not result.passed


def test_an_edited_action_is_found(run: RunTables, copied: LeRobotDataset) -> None:
    (path,) = copied.folder.glob("data/*/*.parquet")
    table = pq.read_table(path)
    actions = table.column("action").to_pylist()
    actions[7][0] += 1e-6
    column = pa.array(actions, table.schema.field("action").type)
    place = table.schema.get_field_index("action")
    pq.write_table(table.set_column(place, "action", column), path)
    (result,) = check(run, copied)
    assert not result.passed
    assert "actions are not those of the run" in result.detail


def test_a_film_of_other_pictures_is_found(run: RunTables, copied: LeRobotDataset) -> None:
    path, _ = sorted(copied.folder.glob("videos/*/*/*.mp4"))
    writer = FilmWriter(20, FilmQuality(18, 2))
    for row in run.episodes:
        for k in range(row.steps):
            writer.add_picture(np.full((32, 32, 3), 4 * k % 256, np.uint8))
    path.write_bytes(writer.finish_film())
    (result,) = check(run, copied)
    assert "from the drawn one" in result.detail


def test_finished_pieces_are_not_drawn_again(run: RunTables, tmp_path: Path) -> None:
    dataset = build_dataset(tmp_path)
    export(run, dataset)
    before = {
        path: path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.suffix != ".tmp" and path.is_file()
    }
    dataset.pieces.locate_facts(1).unlink()  # as if it had been killed before the last rename
    film = dataset.pieces.locate_film(2, "wrist")
    film.write_bytes(film.read_bytes()[:-1])
    assert export(run, dataset) == 2
    assert {path: path.read_bytes() for path in before} == before, "to the same bytes"
    dataset.remove_pieces()
    assert not (tmp_path / ".pieces").exists()
    assert check(run, dataset)[0].passed


def test_films_are_joined_picture_by_picture(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lengths = (3, 1, 4)
    shades = [rng.integers(0, 256, 3) for _ in range(sum(lengths))]
    pictures = [np.broadcast_to(shade, (32, 48, 3)).astype(np.uint8) for shade in shades]
    paths, rest = [], iter(pictures)
    for i, length in enumerate(lengths):
        writer = FilmWriter(20, FilmQuality(0, 2))
        for _ in range(length):
            writer.add_picture(next(rest))
        paths.append(tmp_path / f"{i}.mp4")
        paths[-1].write_bytes(writer.finish_film())
    join_films(tmp_path / "all.mp4", paths, lengths, 20)
    found = read_pictures(tmp_path / "all.mp4", range(9), 20)
    assert sorted(found) == list(range(8)), "there is no ninth"
    for place, picture in found.items():
        assert np.abs(picture.astype(int) - pictures[place]).mean() < 3
    with av.open(str(tmp_path / "all.mp4")) as film:
        times = [float(frame.time or 0) for frame in film.decode(video=0)]
    np.testing.assert_allclose(times, np.arange(8) / 20, atol=1e-6)
