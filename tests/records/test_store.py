"""Large parts of an episode: files of their own, written before the part, merged in one order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from aegis.core.errors import TraceError
from aegis.records.rows import EpisodeRecord, FeatureRow, SampleRow
from aegis.records.schemas import SAMPLE_SCHEMA, build_sample_table
from aegis.records.store import RunStore
from tests.study.rows import row


def make_record(index: int, samples: bool = True, width: int = 5) -> EpisodeRecord:
    episode = replace(row("weak", index, True), steps=0)
    features = (FeatureRow(0, "weak", "trunk", np.arange(width, dtype=np.float32) + index),)
    draws = np.arange(24, dtype=np.float32).reshape(2, 4, 3) * index
    return EpisodeRecord(episode, (), features, (SampleRow(0, "weak", draws),) if samples else ())


def open_store(root: Path) -> RunStore:
    store = RunStore(root)
    store.open_run({"root": "0"}, {}, "")
    return store


def test_activations_and_draws_survive(tmp_path: Path) -> None:
    store = open_store(tmp_path / "run")
    records = [make_record(index) for index in (4, 1)]
    for record in records:
        store.write_episode(record)
    tables = store.merge_parts([(record.row.key, "weak") for record in records])
    features, samples = tables.read_features().to_pylist(), tables.read_samples().to_pylist()
    assert [one["index"] for one in features] == [one["index"] for one in samples] == [2, 0]
    np.testing.assert_array_equal(features[0]["vector"], records[0].features[0].vector)
    for found, record in zip(samples, records, strict=True):
        draws = np.array(found["values"], np.float32).reshape(found["shape"])
        np.testing.assert_array_equal(draws, record.samples[0].samples)


def test_a_part_does_not_grow_with_its_activations(tmp_path: Path) -> None:
    store = open_store(tmp_path / "run")
    store.write_episode(make_record(0, width=1))
    store.write_episode(make_record(1, width=100_000))
    small, large = (store.locate_part(make_record(i).row.key, "weak") for i in (0, 1))
    assert abs(large.stat().st_size - small.stat().st_size) < 100
    assert b"aegis.features" not in pq.read_schema(large).metadata


@pytest.mark.parametrize("kind", ["features", "samples"])
@pytest.mark.parametrize("harm", ["cut", "gone", "of another episode"])
def test_a_part_whose_large_files_are_harmed_is_played_again(
    tmp_path: Path, kind: str, harm: str
) -> None:
    store, record = open_store(tmp_path / "run"), make_record(0)
    other = make_record(1)
    store.write_episode(record)
    store.write_episode(other)
    assert store.read_episode_row(record.row.key, "weak") == record.row
    folder = store.parts / kind
    path, theirs = (folder / store.locate_part(one.row.key, "weak").name for one in (record, other))
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-9] if harm == "cut" else theirs.read_bytes())
    assert store.read_episode_row(record.row.key, "weak") is None
    assert store.read_episode_row(other.row.key, "weak") == other.row


def test_a_run_without_draws_has_no_table_of_them(tmp_path: Path) -> None:
    store = open_store(tmp_path / "run")
    record = make_record(0, samples=False)
    store.write_episode(record)
    tables = store.merge_parts([(record.row.key, "weak")])
    with pytest.raises(TraceError, match="samples"):
        tables.read_samples()


@given(
    arrays(
        np.float32,
        array_shapes(min_dims=3, max_dims=3, max_side=5),
        elements=st.floats(-9, 9, width=32),
    )
)
def test_draws_of_any_shape_survive(draws: np.ndarray) -> None:
    record = EpisodeRecord(row("weak", 0, True), (), (), (SampleRow(5, "weak", draws),))
    (found,) = build_sample_table(record).cast(SAMPLE_SCHEMA).to_pylist()
    np.testing.assert_array_equal(
        np.array(found["values"], np.float32).reshape(found["shape"]), draws
    )
