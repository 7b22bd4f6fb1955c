"""Outline of a message: looked at in linear time, no more believed than is there, one error."""

from __future__ import annotations

import contextlib
import io
import random
import resource
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import MessageError
from aegis.host.array_messages import MessageLimits, pack_message, unpack_message
from aegis.host.message_outline import check_outline
from tests.host.frames import mutate_frame


class CountedBytes(bytes):
    """Bytes that count how many of them are looked at."""

    seen = 0

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        CountedBytes.seen += len(found) if isinstance(found, bytes) else 1
        return found


DOUBLE, NIL = b"\xcb" + bytes(8), b"\xc0"
PATTERNS = {
    "doubles": DOUBLE,
    "a double, nil": DOUBLE + NIL,
    "doubles, nil": 20 * DOUBLE + NIL,
    "bytes that look like doubles": DOUBLE + b"\xc4\x10" + 16 * b"\xcb",
    "lists": b"\x92" + DOUBLE + NIL,
    "texts": b"\xa1x",
    "nothing": b"\x90",
}


@pytest.mark.parametrize("name", PATTERNS)
def test_a_frame_is_looked_at_in_time_linear_in_its_size(name: str) -> None:
    pattern = PATTERNS[name]
    for count in (1_000, 8_000):
        frame = CountedBytes(b"\xdd" + (count * _count_values(pattern)).to_bytes(4, "big"))
        frame = CountedBytes(frame + count * pattern)
        CountedBytes.seen = 0
        check_outline(frame, 1 << 20, 4)
        assert CountedBytes.seen <= 2 * len(frame)


def _count_values(pattern: bytes) -> int:
    """Returns how many values of the outermost list a pattern is."""
    return sum(1 for _ in msgpack.Unpacker(io.BytesIO(pattern)))


@pytest.mark.parametrize("size", [64, 4096, 1 << 20])
def test_as_many_values_are_believed_as_there_would_be_doubles(size: int) -> None:
    limits = MessageLimits(size)
    assert len(unpack_message(pack_message([0.5] * (size // 9 - 1)), limits)) == size // 9 - 1
    assert limits.most_items == max(256, size // 9)
    if size > 9 * 256:
        with pytest.raises(MessageError, match=f"at most {size // 9} values"):
            unpack_message(pack_message([[]] * (size // 2)), limits)


LIMITS = MessageLimits(size=4096, items=100, depth=4)


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (b"", "cut off"),
        (b"\xc0\xc0", "more bytes"),
        (b"\xdd\xff\xff\xff\xff", "4294967295 values in 0 bytes"),
        (b"\xdf\xff\xff\xff\xff\x00", "values in 1 bytes"),
        (b"\xdd\x00", "values in"),
        (b"\x91" * 5 + b"\xc0", "nested too deep"),
        (b"\x91" * 4000, "nested too deep"),
        (b"\xdc\x00\xc8" + b"\x00" * 200, "more than 100 values"),
        (b"\xdc\x00\xc8" + b"\xcb" + b"\x00" * 1799, "more than 100 values"),
        (b"\xc7\x01\x05\x00", "type 0xc7"),
        (b"\xd6\xff\x00\x00\x00\x00", "type 0xd6"),
        (b"\xc1", "type 0xc1"),
        (b"\xa1\xff", "no msgpack"),
        (b"\x81\x01\x01", "no msgpack"),
        (b"\x81\xc0\x01", "no msgpack"),
        (b"\x81\x90\x01", "no msgpack"),
        (b"\xc6\xff\xff\xff\xff", "cut off"),
        (bytes(5000), "5000 bytes long"),
    ],
)
def test_no_more_is_believed_than_is_there(frame: bytes, says: str) -> None:
    with pytest.raises(MessageError, match=says):
        unpack_message(frame, LIMITS)


@given(st.binary(max_size=200))
def test_whatever_comes_is_a_value_or_one_error(frame: bytes) -> None:
    with contextlib.suppress(MessageError):
        unpack_message(frame)


def test_ten_thousand_mutations_raise_one_error_and_take_no_memory() -> None:
    rng = random.Random(5)
    whole = {
        "observation/image": np.zeros((4, 3, 3), np.uint8),
        "observation/state": np.zeros(8),
        "prompt": "pick up the bowl",
        "aegis/episode": [0, "suite", 3, "wide", 1, 2, 0],
        "nested": {"a": [1, 2.5, None, True, {"b": np.float32(1)}]},
    }
    frame, refused = pack_message(whole), 0
    for part in range(2):
        for _ in range(5000):
            try:
                unpack_message(mutate_frame(frame, rng))
            except MessageError:
                refused += 1
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if not part:
            before = peak
    assert refused > 5000
    assert peak - before < 16_000, "kB"
