"""Statistics are those of numpy, and those of pictures add up over episodes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aegis.core.types import F64, U8
from aegis.export.lerobot_dataset.metadata import encode_json
from aegis.export.lerobot_dataset.split import split_files
from aegis.export.lerobot_dataset.statistics import (
    QUANTILES,
    PictureHistogram,
    describe_numbers,
)

COLUMNS = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=st.floats(-1e3, 1e3)
)
PICTURES = st.lists(hnp.arrays(np.uint8, st.just((3, 4, 3))), min_size=1, max_size=5)


def count(pictures: list[U8]) -> PictureHistogram:
    histogram = PictureHistogram()
    for picture in pictures:
        histogram.add_picture(picture)
    return histogram


@given(COLUMNS)
def test_numbers_are_described_as_numpy_does(values: F64) -> None:
    found = describe_numbers(values)
    assert found is not None
    assert found["count"].tolist() == [len(values)]
    for name, function in (("min", np.min), ("max", np.max), ("mean", np.mean), ("std", np.std)):
        np.testing.assert_allclose(found[name], function(values, axis=0), atol=1e-9)
    for name, q in QUANTILES.items():
        np.testing.assert_allclose(found[name], np.quantile(values, q, axis=0), atol=1e-9)


@given(COLUMNS, st.integers(0, 29), st.integers(0, 3), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_unknown_and_infinite_numbers_are_left_out(
    values: F64, row: int, column: int, strange: float
) -> None:
    more = np.insert(values, row % (len(values) + 1), 0.0, axis=0)
    more[row % len(more), column % more.shape[1]] = strange
    expected, found = describe_numbers(values), describe_numbers(more)
    assert expected is not None
    assert found is not None
    for name, value in expected.items():
        assert np.array_equal(found[name], value), name


def test_json_knows_no_infinity() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_json({"max": np.inf})


def test_nothing_known_has_no_statistics() -> None:
    assert describe_numbers(np.array([np.inf, np.nan])) is None
    assert describe_numbers(np.full(4, np.nan)) is None
    assert PictureHistogram().describe_pictures() is None


@settings(max_examples=25)
@given(PICTURES, PICTURES)
def test_pictures_are_described_exactly_and_add_up(one: list[U8], other: list[U8]) -> None:
    found = (count(one) + count(other)).describe_pictures()
    assert found is not None
    pixels = np.stack([*one, *other]).reshape(-1, 3) / 255
    assert found["count"].tolist() == [len(one) + len(other)]
    expected = {
        "min": pixels.min(axis=0),
        "max": pixels.max(axis=0),
        "mean": pixels.mean(axis=0),
        "std": pixels.std(axis=0),
        **{name: np.quantile(pixels, q, axis=0) for name, q in QUANTILES.items()},
    }
    for name, value in expected.items():
        assert found[name].shape == (3, 1, 1)
        np.testing.assert_allclose(found[name].ravel(), value, atol=1e-7, err_msg=name)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 120))
def test_files_stay_below_their_limit_and_in_order(sizes: list[int], limit: int) -> None:
    places = split_files(sizes, limit, per_folder=3)
    numbers = [place.chunk * 3 + place.file for place in places]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(numbers[-1] + 1))
    assert all(place.file < 3 for place in places)
    for number in set(numbers):
        inside = [size for size, other in zip(sizes, numbers, strict=True) if other == number]
        assert len(inside) == 1 or sum(inside) < limit


@pytest.mark.parametrize(("sizes", "files"), [([5, 5, 5], 3), ([4, 5, 1], 2), ([4, 5], 1)])
def test_a_file_that_would_reach_the_limit_is_full(sizes: list[int], files: int) -> None:
    assert len(set(split_files(sizes, 10, per_folder=1000))) == files
