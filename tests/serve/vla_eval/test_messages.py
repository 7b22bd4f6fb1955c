"""vla-eval's messages: whatever comes is read or refused by name, and pictures come out whole."""

from __future__ import annotations

import contextlib
import io
from functools import partial
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from aegis.core.errors import MessageError
from aegis.host.array_messages import MessageLimits
from aegis.serve.pictures import PictureForm
from aegis.serve.vla_eval.messages import (
    Message,
    pack_reply,
    read_array_map,
    read_message,
    read_picture_map,
    read_state_map,
)

LIMITS = MessageLimits(1 << 16)
ANY = PictureForm(None, False, True)
PICTURES = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)))
NUMBERS = arrays(
    st.sampled_from([np.float32, np.int64, np.bool_, np.dtype(">f8")]),
    array_shapes(min_dims=0, max_dims=3, max_side=4),
)


def pack_picture(picture: Any, packing: str, mode: str = "RGB") -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.fromarray(picture).convert(mode).save(buffer, format=packing)
    return {"__image__": True, "format": packing.lower(), "data": buffer.getvalue(), "shape": []}


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(frame: bytes) -> None:
    with contextlib.suppress(MessageError):
        assert isinstance(read_message(frame, LIMITS), Message)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-5, 5)
        | st.text(max_size=3)
        | st.binary(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["__image__", "__ndarray__", "format", "data", "dtype", "shape"]),
                inner | st.sampled_from([True, "png", "raw", "<f4", [2, 2, 3], [-1], [1 << 40]]),
                max_size=6,
            )
        ),
    )
)
def test_any_value_is_a_picture_or_refused_by_name(value: object) -> None:
    for read in (partial(read_picture_map, form=ANY), read_array_map, read_state_map):
        field = "here"
        try:
            assert isinstance(read(value, "here"), np.ndarray)
        except MessageError as error:
            field = error.field
        assert field.startswith("here")


@given(NUMBERS)
def test_arrays_come_back_as_they_were(array: Any) -> None:
    frame = pack_reply("action", {"actions": array}, 3, 0.0)
    message = read_message(frame, LIMITS)
    found = read_array_map(message.payload["actions"], "actions")
    assert (message.kind, message.number) == ("action", 3)
    native = array.astype(array.dtype.newbyteorder("="))
    assert (found.dtype, found.shape) == (native.dtype, native.shape)
    assert found.tobytes() == native.tobytes()


@given(PICTURES)
def test_pictures_come_back_as_they_were(picture: Any) -> None:
    raw = {"__image__": True, "format": "raw", "data": picture.tobytes(), "dtype": "|u1"}
    whole = {"__ndarray__": True, "data": picture.tobytes(), "dtype": "|u1"}
    shape = {"shape": list(picture.shape)}
    for packed in (pack_picture(picture, "PNG"), raw | shape, whole | shape):
        np.testing.assert_array_equal(read_picture_map(packed, "here", ANY), picture)


def test_a_jpeg_is_unpacked() -> None:
    grey = np.full((8, 8, 3), 90, np.uint8)
    found = read_picture_map(pack_picture(grey, "JPEG"), "here", ANY)
    np.testing.assert_allclose(found, grey, atol=2)


@pytest.mark.parametrize(
    ("packed", "said"),
    [
        (pack_picture(np.zeros((2, 2, 3), np.uint8), "PNG", "L"), "data is L"),
        (pack_picture(np.zeros((2, 2, 3), np.uint8), "PNG", "RGBA"), "data is RGBA"),
        (pack_picture(np.zeros((2049, 2049, 3), np.uint8), "PNG"), "2049 by 2049"),
        ({"__image__": True, "format": "png", "data": b"no picture"}, "no picture"),
        ({"__image__": True, "format": "gif", "data": b""}, "format is 'gif'"),
    ],
)
def test_other_pictures_are_refused_before_they_are_unpacked(
    packed: dict[str, Any], said: str
) -> None:
    with pytest.raises(MessageError) as found:
        read_picture_map(packed, "here", ANY)
    assert said in str(found.value)


@pytest.mark.parametrize("shape", [[0, 1 << 70], [1 << 90, 0], [0] * 9])
def test_shapes_that_numpy_refuses_are_refused_by_name(shape: list[int]) -> None:
    claim = {"__ndarray__": True, "data": b"", "dtype": "|u1", "shape": shape}
    with pytest.raises(MessageError, match=r"here\.shape is"):
        read_array_map(claim, "here")


@pytest.mark.parametrize("resize", [True, False])
def test_a_picture_that_no_camera_needs_is_not_unpacked(resize: bool) -> None:
    packed = pack_picture(np.zeros((8, 16, 3), np.uint8), "PNG")
    packed["data"] = packed["data"][:50]  # its header says the size; its pixels are gone
    with pytest.raises(MessageError, match="aspect" if resize else "resize=true"):
        read_picture_map(packed, "here", PictureForm((8, 8), False, resize))


def test_a_bomb_is_refused() -> None:
    """A gigabyte of zeros in a few bytes."""
    claim = {"__ndarray__": True, "data": b"", "dtype": "<f4", "shape": [1 << 20, 1 << 20]}
    with pytest.raises(MessageError, match="0 bytes long"):
        read_array_map(claim, "here")
    frame = msgpack.packb({"type": "observation", "payload": {"a": bytes(1 << 17)}, "seq": 0})
    with pytest.raises(MessageError, match="bytes long"):
        read_message(frame, LIMITS)
