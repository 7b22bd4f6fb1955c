"""Answers that a remote policy cannot use: each is named by its field and server."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from websockets.sync.server import ServerConnection

from aegis.core.errors import MessageError
from aegis.host.array_messages import pack_message, unpack_message
from tests.policies.openpi_peers import (
    make_answer,
    make_metadata,
    open_policy,
    opened,
    run_answers,
    run_handler,
    with_row,
)
from tests.serve.toys import (
    make_query,
)


def make_batch(*answers: Any) -> bytes:
    return pack_message({"aegis/batch": list(answers)})


BATCHES: dict[str, tuple[bytes, str]] = {
    "one answer": (make_answer(), "aegis/batch is NoneType"),
    "too few": (make_batch({}), "aegis/batch is 1 answers; allowed: a list of 2"),
    "numbers": (make_batch(1, 2), "aegis/batch.0 is a int"),
    "NaN": (make_batch(unpack_message(make_answer()), {"actions": with_row(np.nan)}), "row 5"),
}


@pytest.mark.parametrize("name", BATCHES)
def test_an_unusable_batch_is_named(name: str) -> None:
    answer, says = BATCHES[name]
    with (
        run_answers(answer) as url,
        opened(url, sockets=1) as far,
        pytest.raises(MessageError, match=says),
    ):
        far.propose([make_query(0), make_query(1)])


UNUSABLE: dict[str, tuple[bytes | str, str]] = {
    "NaN": (make_answer(with_row(np.nan)), "actions, row 5, is"),
    "infinity": (make_answer(with_row(np.inf)), "actions, row 5, is"),
    "beyond single precision": (make_answer(np.full((8, 3), 1e300)), "actions, row 0, is"),
    "other shape": (make_answer(np.zeros((8, 4), np.float32)), r"actions is float32 of shape"),
    "short": (make_answer(np.zeros((3, 3), np.float32)), r"of shape \(3, 3\).*\(8, 3\)"),
    "one row": (make_answer(np.zeros(3, np.float32)), r"of shape \(3,\)"),
    "texts": (make_answer().replace(b"<f4", b"<U1"), "actions.dtype is '<U1'"),
    "a long text in features": (
        make_answer(features={"trunk": ["x" * 100_000, 0.0]}),
        "aegis.features.trunk is lists of other lengths, or other things",
    ),
    "booleans": (make_answer(np.zeros((8, 3), bool)), "actions is bool"),
    "list": (make_answer([[0.0] * 3] * 8), "actions is a list"),
    "no actions": (make_answer(actions=..., ), "actions is missing"),
    "no features": (make_answer(aegis=...), "aegis is missing"),
    "other features": (make_answer(features={"head": [0.0]}), "aegis.features is head"),
    "wide features": (make_answer(features={"trunk": [0.0] * 3}), r"aegis.features.trunk is"),
    "ragged features": (make_answer(features={"trunk": [[0.0], 1.0]}), "aegis.features.trunk is"),
    "texts in features": (make_answer(features={"trunk": ["a", "b"]}), "aegis.features.trunk is"),
    "flat samples": (
        make_answer(aegis={"features": {"trunk": [0.0, 0.0]}, "samples": [1.0]}),
        "aegis.samples is",
    ),
    "garbage": (b"\xc1 garbage", "the message is"),
    "cut off": (make_answer()[:-1], "the message is cut off"),
    "a number": (b"\x01", "the answer is a int"),
    "bomb": (b"\xdd\xff\xff\xff\xff", "4294967295 values"),
    "nested": (b"\x91" * 100000, "nested too deep"),
    "damaged array": (make_answer().replace(b"<f4", b"<f8"), "actions.data is 96 bytes"),
    "text": ("Traceback ...\nValueError: no GPU", "a refusal: ValueError: no GPU"),
    "empty text": ("", "a refusal"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_answer_is_named_by_its_field_and_server(name: str) -> None:
    answer, says = UNUSABLE[name]
    with run_answers(answer, make_answer()) as url, opened(url) as far:
        with pytest.raises(MessageError, match=says) as caught:
            far.propose([make_query()])
        assert f"Policy 'far' at {url}" in str(caught.value)
        assert caught.value.exit_code == 3


METADATA: dict[str, tuple[bytes | str, str]] = {
    "text": ("go away", "metadata is a text: go away"),
    "garbage": (b"\xc1", "the message is"),
    "list": (pack_message([1]), "metadata is a list"),
    "text about": (pack_message({"aegis": "x"}), "metadata.aegis is a str"),
    "protocol": (make_metadata(protocol=2), "metadata.aegis.protocol is 2.*update"),
    "no horizon": (make_metadata(horizon=...), "metadata.aegis.horizon is missing"),
    "horizon": (make_metadata(horizon=-1), "metadata.aegis.horizon is -1"),
    "huge horizon": (make_metadata(horizon=1 << 40), "metadata.aegis.horizon"),
    "execute": (make_metadata(execute=9), "metadata.aegis.execute is 9"),
    "digest": (make_metadata(digest=""), "metadata.aegis.digest"),
    "actions": (make_metadata(actions=[]), "metadata.aegis.actions"),
    "mirror": (make_metadata(mirror="yes"), "metadata.aegis.mirror"),
    "cameras": (make_metadata(cameras={"eye": 3}), "metadata.aegis.cameras.eye is int"),
    "camera": (
        make_metadata(cameras={"eye": {"key": "k", "height": 0, "width": 4}}),
        "metadata.aegis.cameras.eye.height is 0",
    ),
    "conventions": (make_metadata(conventions=["x"]), "metadata.aegis.conventions is"),
    "gripper": (make_metadata(conventions={"gripper": 3}), "metadata.aegis.conventions"),
    "taps": (make_metadata(taps={"trunk": "wide"}), "metadata.aegis.taps.trunk"),
    "history": (make_metadata(history=["now"]), "metadata.aegis.history"),
}


@pytest.mark.parametrize("name", METADATA)
def test_a_server_that_says_nonsense_of_itself_is_refused(name: str) -> None:
    first, says = METADATA[name]
    with run_answers(first=first) as url, pytest.raises(MessageError, match=says) as caught:
        open_policy(url)
    assert f"Policy 'far' at {url}" in str(caught.value)


@pytest.mark.slow
def test_ten_thousand_malformed_answers_are_one_error_each() -> None:
    import random

    from tests.host.frames import mutate_frame

    rng, whole = random.Random(3), make_answer()

    def handle(connection: ServerConnection) -> None:
        connection.send(make_metadata())
        while True:
            connection.recv()
            connection.send(mutate_frame(whole, rng))

    with run_handler(handle) as url, opened(url, sockets=1) as far:
        refused = 0
        for _ in range(10_000):
            try:
                far.propose([make_query()])
            except MessageError:
                refused += 1
        assert refused > 5000
