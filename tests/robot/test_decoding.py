"""Decoding: joints by name, poses as rotation vectors, pictures in usual forms, and a hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial.transform import Rotation

from aegis.core.errors import ContractError
from aegis.ros.contract.parts import POSE_NAMES, Operator, OperatorAxis, Picture, StatePart
from aegis.ros.message import cdr as m
from aegis.ros.message.decoding import decode_operator, decode_picture, decode_state, decode_switch
from tests.robot.kit import JOINTS, joints, picture, pose, switch

ARM = StatePart("/arm/joints", m.JOINT_STATE, JOINTS, 0.1, 0)
POSE = StatePart("/arm/pose", m.POSE, POSE_NAMES, 0.1, 0)
CAMERA = Picture("/camera", m.IMAGE, 4, 6, 0.1, 0)
JPEG = replace(CAMERA, type=m.COMPRESSED_IMAGE)
NUMBERS = st.floats(-1e6, 1e6, width=32)
PIXELS = arrays.arrays(np.uint8, (4, 6, 3))
FREE = ("x", "y", "grip")


@given(st.permutations([*JOINTS, "finger", "pan"]), st.lists(NUMBERS, min_size=8, max_size=8))
def test_joints_are_found_in_any_order_among_others(names: list[str], values: list[float]) -> None:
    found = decode_state(joints(names, values), ARM)
    assert found.dtype == np.float32
    for name, value in zip(JOINTS, found, strict=True):
        assert value == np.float32(values[names.index(name)])


@pytest.mark.parametrize("field", ["velocity", "effort"])
def test_other_fields_of_joints_are_read(field: str) -> None:
    raw = joints(JOINTS, [0] * 6, **{field: np.arange(6.0)})
    np.testing.assert_array_equal(decode_state(raw, replace(ARM, field=field)), np.arange(6))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("names", "count", "words"),
    [
        (JOINTS[:5], 5, "name is .*expects wrist_3 among them"),
        ((one.title() for one in JOINTS), 6, "name is .*expects shoulder, upper, elbow, wrist_1"),
        ((), 0, "shoulder, upper, elbow, wrist_1, wrist_2, wrist_3 among them"),
        (JOINTS, 5, "position is 5 numbers; the contract expects 6, one per joint"),
        (JOINTS, 0, "position is 0 numbers"),
        ((*JOINTS, "elbow"), 7, "position is 7 numbers; the contract expects 6"),
    ],
)  # fmt: skip
def test_a_joint_that_is_missing_is_named_with_its_topic(
    names: Any, count: int, words: str
) -> None:
    with pytest.raises(ContractError, match=f"^/arm/joints: .*{words}"):
        decode_state(joints(list(names), [0] * count), ARM)


def test_an_array_must_have_as_many_numbers_as_names() -> None:
    part = StatePart("/force", m.FLOATS, ("a", "b"), 0.1, 0)
    np.testing.assert_array_equal(decode_state(m.encode_floats([1, 2]), part), [1, 2])
    with pytest.raises(ContractError, match=r"^/force: data is 3 numbers; .* expects 2"):
        decode_state(m.encode_floats([1, 2, 3]), part)


QUATERNIONS = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 1e-3)


@given(st.tuples(NUMBERS, NUMBERS, NUMBERS), QUATERNIONS)
def test_a_pose_becomes_a_rotation_vector(where: Any, turn: Any) -> None:
    found = decode_state(pose(where, turn), POSE)
    np.testing.assert_array_equal(found[:3], np.float32(where))
    angle = np.linalg.norm(found[3:])
    assert angle <= np.pi + 1e-5
    difference = Rotation.from_rotvec(found[3:]) * Rotation.from_quat(turn).inv()
    assert difference.magnitude() < 1e-5


def test_small_turns_keep_their_digits_and_no_turn_is_zero() -> None:
    np.testing.assert_array_equal(decode_state(pose([0] * 3, [0, 0, 0, -2]), POSE), np.zeros(6))
    small = decode_state(pose([0] * 3, [1e-9, 0, 0, 1]), POSE)
    assert small[3] == pytest.approx(2e-9, rel=1e-5)
    with pytest.raises(ContractError, match="/arm/pose: orientation is zero"):
        decode_state(pose([0] * 3, [0] * 4), POSE)


@given(PIXELS, st.sampled_from(["rgb8", "bgr8", "rgba8", "bgra8"]), st.integers(0, 9))
def test_pictures_of_every_encoding_come_out_as_rgb(
    pixels: np.ndarray[Any, Any], encoding: str, pad: int
) -> None:
    given_pixels = pixels[:, :, ::-1] if encoding.startswith("bgr") else pixels
    if "a" in encoding:
        given_pixels = np.dstack([given_pixels, np.full((4, 6), 77, np.uint8)])
    found = decode_picture(picture(given_pixels, encoding, pad), CAMERA, (4, 6))
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, pixels)
    grey = decode_picture(picture(pixels[:, :, :1], "mono8", pad), CAMERA, (4, 6))
    np.testing.assert_array_equal(grey, np.repeat(pixels[:, :, :1], 3, axis=2))


def compress(pixels: np.ndarray[Any, Any], suffix: str) -> bytes:
    _, data = cv2.imencode(suffix, pixels[:, :, ::-1])
    return pack(data.ravel(), suffix[1:])


def pack(data: np.ndarray[Any, Any], kind: str = "jpeg") -> bytes:
    header = m.build_header(0)
    return m.encode_message(m.COMPRESSED_IMAGE, header=header, format=kind, data=data)


def test_compressed_pictures_are_read() -> None:
    ramp = np.zeros((4, 6, 3), np.uint8)
    ramp[:, :, 0], ramp[:, :, 1] = 200, np.arange(6) * 20
    np.testing.assert_array_equal(decode_picture(compress(ramp, ".png"), JPEG, (4, 6)), ramp)
    flat = np.full((4, 6, 3), [200, 100, 20], np.uint8)
    found = decode_picture(compress(flat, ".jpg"), JPEG, (4, 6)).astype(int)
    assert np.abs(found - flat).max() < 12


@pytest.mark.parametrize("size", [0, 1, 100])
def test_what_is_no_picture_is_refused(size: int) -> None:
    with pytest.raises(ContractError, match=f"/camera: data is {size} bytes that are no picture"):
        decode_picture(pack(np.full(size, 7, np.uint8)), JPEG, (4, 6))


def test_a_picture_that_ends_early_or_has_another_form_is_refused() -> None:
    good = np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(ContractError, match=r"/camera: encoding is '16UC1'; .* rgb8, bgr8"):
        decode_picture(picture(good, "16UC1"), CAMERA, (4, 6))
    with pytest.raises(ContractError, match="/camera: data is 72 bytes in rows of 18"):
        decode_picture(picture(good, "rgba8"), CAMERA, (4, 6))
    with pytest.raises(ContractError, match=r"/camera: size is 3x6; .* expects 4x6"):
        decode_picture(picture(good[:3]), CAMERA, (4, 6))
    short = m.encode_message(
        m.IMAGE, header=m.build_header(0), height=4, width=6, encoding="rgb8", is_bigendian=0,
        step=18, data=np.zeros(71, np.uint8),
    )  # fmt: skip
    with pytest.raises(ContractError, match="/camera: data is 71 bytes"):
        decode_picture(short, CAMERA, (4, 6))


def test_pictures_are_scaled_only_where_the_contract_says_so() -> None:
    flat = np.full((4, 6, 3), 90, np.uint8)
    scaled = decode_picture(picture(flat), replace(CAMERA, resize=True), (2, 3))
    np.testing.assert_array_equal(scaled, np.full((2, 3, 3), 90))
    assert decode_picture(picture(flat), CAMERA, (2, 3)).shape == (4, 6, 3)
    with pytest.raises(ContractError, match="size is 4x5"):
        decode_picture(picture(flat[:, :5]), replace(CAMERA, resize=True), (2, 3))


def test_a_person_moves_what_the_contract_names_and_the_rest_stays() -> None:
    idle = np.array([0.1, 0.2, 0.3], np.float32)
    header = m.build_header(0)
    axes, buttons = np.array([0.5, -1], np.float32), np.zeros(0, np.int32)
    joy = m.encode_message(m.JOY, header=header, axes=axes, buttons=buttons)
    linear, angular = (
        m.build_message("geometry_msgs/msg/Vector3", x=x, y=2.0, z=3.0) for x in (-1.0, 9.0)
    )
    inner = m.build_message("geometry_msgs/msg/Twist", linear=linear, angular=angular)
    twist = m.encode_message(m.TWIST, header=header, twist=inner)
    floats = m.encode_floats([0.5, -1])
    sources: list[tuple[str, bytes, str | int, float]] = [
        (m.JOY, joy, 1, 2.0), (m.FLOATS, floats, 1, 2.0), (m.TWIST, twist, "linear.x", 2.0),
        (m.TWIST, twist, "angular.z", -2 / 3),
    ]  # fmt: skip
    for kind, raw, source, scale in sources:
        person = Operator("/hand", kind, {"y": OperatorAxis(source, scale)}, 1)
        action = decode_operator(raw, person, FREE, idle)
        np.testing.assert_allclose(action, [0.1, -2, 0.3], rtol=1e-6)
        assert action.dtype == np.float32
    for kind, raw in ((m.JOY, joy), (m.FLOATS, floats)):
        person = Operator("/hand", kind, {"y": OperatorAxis(2, 1)}, 1)
        with pytest.raises(ContractError, match=r"^/hand: .* is 2 numbers; .* expects at least 3"):
            decode_operator(raw, person, FREE, idle)
    np.testing.assert_array_equal(idle, np.array([0.1, 0.2, 0.3], np.float32))


def test_a_switch_has_a_level() -> None:
    assert decode_switch(switch(True), "/estop") is True
    assert decode_switch(switch(False), "/estop") is False
    with pytest.raises(ContractError, match=r"^/estop: the message is not readable"):
        decode_switch(switch(True)[:4], "/estop")
