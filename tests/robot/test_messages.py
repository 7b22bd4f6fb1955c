"""Messages: they come back as they went; bytes that are none are refused by name, at no cost."""

from __future__ import annotations

import json
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aegis.core.errors import ContractError
from aegis.ros.message import cdr as m
from tests.robot.kit import JOINTS, joints, picture, pose, switch, text

EXAMPLES = {
    m.STRING: text("pick up the böwl"),
    m.BOOL: switch(True),
    m.EMPTY: m.encode_message(m.EMPTY),
    m.BYTES: m.encode_bytes(b"bytes"),
    m.FLOATS: m.encode_floats([1.0, 2.0]),
    m.IMAGE: picture(np.zeros((2, 3, 3), np.uint8)),
    m.JOINT_STATE: joints(JOINTS, range(6)),
    m.POSE: pose([1, 2, 3], [0, 0, 0, 1]),
    m.JOY: m.encode_message(
        m.JOY, header=m.build_header(0), axes=np.zeros(2, np.float32),
        buttons=np.zeros(2, np.int32),
    ),
    m.DIAGNOSTICS: m.encode_message(m.DIAGNOSTICS, header=m.build_header(0), status=[]),
    m.GRIPPER: m.encode_message(m.GRIPPER, position=0.5, max_effort=1.0),
}  # fmt: skip
KINDS = (*EXAMPLES, m.COMPRESSED_IMAGE, m.TWIST, m.TRAJECTORY)


@given(st.floats(), st.text(st.characters(exclude_characters="\0", codec="utf-8")))
def test_what_is_encoded_comes_back(number: float, said: str) -> None:
    floats = m.decode_message(m.encode_floats([number, 1]), m.FLOATS, "t").data
    np.testing.assert_array_equal(floats, [number, 1])
    assert m.decode_message(text(said), m.STRING, "t").data == said
    raw = said.encode()
    assert bytes(m.decode_message(m.encode_bytes(raw), m.BYTES, "t").data) == raw
    assert m.decode_json(m.encode_json({said: said}), "t") == {said: said}


@given(st.integers(-(2**31) * 10**9, 2**31 * 10**9 - 1))
@example(-1)
def test_a_stamp_is_read_from_the_head_alone(stamp: int) -> None:
    for raw in (joints(["a"], [1], stamp), pose([0, 0, 0], [0, 0, 0, 1], stamp)):
        assert m.read_stamp(raw[:16]) == stamp
        assert m.read_stamp(raw[: m.STAMP_BYTES]) == stamp


def test_a_stamp_of_a_big_endian_sender_is_read() -> None:
    head = b"\0\0\0\0" + struct.pack(">iI", -5, 7)
    assert m.read_stamp(head.ljust(16, b"\0")) == -5_000_000_000 + 7
    # A whole message, too.
    raw = head + struct.pack(">I", 2) + b"b\0\0\0" + struct.pack(">IIII", 0, 0, 0, 0)
    assert m.decode_message(raw, m.JOINT_STATE, "t").header.frame_id == "b"


@pytest.mark.parametrize("kind", EXAMPLES)
def test_truncated_messages_are_refused(kind: str) -> None:
    raw = EXAMPLES[kind]
    m.decode_message(raw, kind, "t")
    needed = len(raw) - 3 if kind != m.EMPTY else 4  # Up to three bytes are padding.
    for length in range(min(needed, 4)):
        with pytest.raises(ContractError, match=f"^t: the message is .*expects {kind}"):
            m.decode_message(raw[:length], kind, "t")
    for length in range(4, needed):
        try_decode(raw[:length], kind)


def try_decode(raw: bytes, kind: str) -> None:
    try:
        m.decode_message(raw, kind, "t")
    except ContractError as error:
        assert str(error).startswith("t: the message is not readable")  # noqa: PT017  either will do


@given(st.sampled_from(KINDS), st.binary(max_size=400), st.booleans())
def test_random_bytes_decode_or_are_refused(kind: str, raw: bytes, headed: bool) -> None:
    try_decode((b"\0\1\0\0" if headed else b"") + raw, kind)


@given(st.sampled_from(tuple(EXAMPLES)), st.integers(0, 10**6), st.integers(0, 255))
def test_a_flipped_byte_decodes_or_is_refused(kind: str, place: int, value: int) -> None:
    raw = bytearray(EXAMPLES[kind])
    raw[place % len(raw)] = value
    try_decode(bytes(raw), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_promise_of_much_allocates_nothing(kind: str) -> None:
    m.load_types().get_msgdef(kind)
    if kind in EXAMPLES:
        m.decode_message(EXAMPLES[kind], kind, "t")
    tracemalloc.start()
    for fill in (b"\xff", b"\x7f", b"\x00\x00\x00\x7f"):
        try_decode(b"\0\1\0\0" + (fill * 200)[:200], kind)
        for start in range(4, 60, 4):
            raw = bytearray(EXAMPLES.get(kind, b"\0\1\0\0").ljust(64, b"\0"))
            raw[start : start + 4] = b"\xff\xff\xff\x7f"
            try_decode(bytes(raw), kind)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000, peak


@pytest.mark.parametrize(
    "said",
    [
        "", "[]", "7", "{", "[" * 60_000, '{"a":' * 12_000, '{"a":' + "1" * 5000 + "}",
        '"' + "x" * 65_000 + '"',
    ],
    ids=len,
)  # fmt: skip
def test_what_is_no_json_object_is_refused_in_few_words(said: str) -> None:
    with pytest.raises(ContractError, match=r"^t: data is ") as error:
        m.decode_json(text(said), "t")
    assert len(str(error.value)) < 500


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_json_comes_back(value: object) -> None:
    raw = m.encode_json({"value": value})
    assert m.decode_json(raw, "t") == {"value": value} == json.loads(json.dumps({"value": value}))
