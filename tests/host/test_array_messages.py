"""Array messages: openpi's bytes, laws of the round trip, arrays that are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aegis.core.errors import MessageError
from aegis.host import array_messages
from aegis.host.array_messages import pack_message, unpack_message

_TYPES = ["|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", ">u4", "<u8", "<f2", "<f4", ">f8"]
ARRAYS = st.sampled_from(_TYPES).flatmap(
    lambda name: hnp.arrays(np.dtype(name), hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
)
NUMBERS = st.one_of(st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False))
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(), st.binary(), ARRAYS)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.text(), st.binary(max_size=4)), inner, max_size=4),
    ),
    max_leaves=12,
)


def is_same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        here = a.astype(a.dtype.newbyteorder("="))  # the order in which they come
        there = b.astype(b.dtype.newbyteorder("="))
        return (here.dtype, a.shape, here.tobytes()) == (there.dtype, b.shape, there.tobytes())
    if isinstance(a, list):
        return len(a) == len(b) and all(map(is_same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(is_same(a[name], b[name]) for name in a)
    return type(a) is type(b) and bool(a == b)


@given(VALUES)
def test_what_is_packed_comes_back(value: Any) -> None:
    assert is_same(value, unpack_message(pack_message(value)))


@given(st.sampled_from(_TYPES[:-2]).flatmap(lambda name: hnp.arrays(np.dtype(name), ())))
def test_scalars_keep_their_type(value: np.ndarray) -> None:
    scalar = value[()]
    back = unpack_message(pack_message([scalar]))[0]
    if isinstance(scalar, float):  # A double of numpy is one of Python's.
        assert np.array_equal(back, scalar, equal_nan=True)
    else:
        assert back.dtype == scalar.dtype
        assert back.tobytes() == scalar.tobytes()


def test_an_array_has_the_bytes_that_openpi_gives_it() -> None:
    """By hand, from the protocol: a map of four, keys of bytes, data as bytes, shape as a list."""
    packed = pack_message({"a": np.array([[1.0, -2.0]], np.float32)})
    assert packed == (
        b"\x81" b"\xa1a" b"\x84"
        b"\xc4\x0b__ndarray__" b"\xc3"
        b"\xc4\x04data" b"\xc4\x08" b"\x00\x00\x80\x3f" b"\x00\x00\x00\xc0"
        b"\xc4\x05dtype" b"\xa3<f4"
        b"\xc4\x05shape" b"\x92\x01\x02"
    )  # fmt: skip
    scalar = pack_message(np.int16(-3))
    assert scalar == (
        b"\x83" b"\xc4\x0d__npgeneric__" b"\xc3" b"\xc4\x04data" b"\xfd" b"\xc4\x05dtype" b"\xa3<i2"
    )  # fmt: skip


@given(VALUES)
def test_bytes_are_those_of_openpis_client(value: Any) -> None:
    theirs = pytest.importorskip("openpi_client.msgpack_numpy")
    packed = pack_message(value)
    assert packed == theirs.packb(value)
    assert is_same(theirs.unpackb(packed), unpack_message(packed))


def test_arrays_are_read_only() -> None:
    back = unpack_message(pack_message(np.zeros(3)))
    with pytest.raises(ValueError, match="read-only"):
        back[0] = 1


REFUSED = ["|O", "f4,f4", "<c8", "|V3", "|S3", "|S0", "<U2", "<U0", "<M8[ns]", "<m8[s]", "<f16"]


@pytest.mark.parametrize("name", REFUSED)
def test_arrays_of_other_things_than_numbers_are_not_packed(name: str) -> None:
    with pytest.raises(MessageError, match="truth values, whole numbers or floating-point"):
        pack_message({"a": np.zeros(2, name)})


@pytest.mark.parametrize("name", ["<f2", "<f4", "<f8", "<i2", "<u4", "<i8"])
def test_the_other_order_of_bytes_is_turned(name: str) -> None:
    numbers = np.array([[1, 2], [3, 100]], name)
    swapped = numbers.astype(numbers.dtype.newbyteorder(">"))
    for back in (unpack_message(pack_message(one)) for one in (numbers, swapped)):
        assert back.dtype == numbers.dtype
        assert back.dtype.isnative
        assert not back.flags.writeable
        assert back.tobytes() == numbers.tobytes()


@pytest.mark.parametrize("value", [object(), {1.5: object()}, 1 << 70, {"a": {1, 2}}])
def test_other_things_are_not_packed(value: Any) -> None:
    with pytest.raises(MessageError, match="not to be packed"):
        pack_message(value)


def make_array(**changes: Any) -> dict[bytes, Any]:
    fields = {"data": bytes(8), "dtype": "<f4", "shape": [2]}
    fields |= changes
    return {b"__ndarray__": True, **{name.encode(): value for name, value in fields.items()}}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"dtype": "|O"}, "dtype"),
        ({"dtype": "<c8"}, "dtype"),
        ({"dtype": "|V8"}, "dtype"),
        ({"dtype": "f4,f4"}, "dtype"),
        ({"dtype": "<f4 "}, "dtype"),
        ({"dtype": "<f3"}, "dtype"),
        ({"dtype": "<f16", "shape": [1], "data": bytes(16)}, "dtype"),
        ({"dtype": "|S0", "shape": [1 << 62], "data": b""}, "dtype"),
        ({"dtype": "<U2", "shape": [1]}, "dtype"),
        ({"dtype": "<M8[ns]", "shape": [1]}, "dtype"),
        ({"dtype": None}, "dtype"),
        ({"dtype": ["<f4"]}, "dtype"),
        ({"data": "text"}, "data"),
        ({"data": None}, "data"),
        ({"data": bytes(7)}, "data"),
        ({"shape": [3]}, "data"),
        ({"shape": [1 << 62, 1 << 62]}, "data"),
        ({"shape": [-1, -2]}, "shape"),
        ({"shape": [True, 2]}, "shape"),
        ({"shape": [2.0]}, "shape"),
        ({"shape": None}, "shape"),
        ({"shape": [1] * 33}, "shape"),
        ({"shape": [0, 1 << 62, 1 << 62, 4], "data": b""}, "shape"),
    ],
)
def test_a_wrong_array_is_named_by_its_field(changes: dict[str, Any], field: str) -> None:
    frame = pack_message({"observation": {"image": make_array(**changes)}})
    with pytest.raises(MessageError, match=rf"observation\.image\.{field} is"):
        unpack_message(frame)


def test_a_wrong_scalar_is_named() -> None:
    for dtype, data in (("<i4", "x"), ("|u1", 300), ("|u1", [1]), ("|O", 1)):
        scalar = {b"__npgeneric__": True, b"data": data, b"dtype": dtype}
        with pytest.raises(MessageError, match=r"s\.(data|dtype) is"):
            unpack_message(pack_message({"s": scalar}))


def test_a_key_of_any_length_is_named_shortly() -> None:
    with pytest.raises(MessageError, match=r"dtype is") as caught:
        unpack_message(pack_message({"k" * 100_000: make_array(dtype="|O")}))
    assert len(str(caught.value)) < 1000


def test_fields_are_named_only_where_something_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key may be as long as the frame: joined with each of its values, that were quadratic."""
    monkeypatch.setattr(array_messages, "_name_field", lambda *_: pytest.fail("named"))
    sound = {"k" * 1000: [{"a": np.zeros(2), "b": [np.int16(1)]}] * 100}
    assert len(unpack_message(pack_message(sound))["k" * 1000]) == 100
