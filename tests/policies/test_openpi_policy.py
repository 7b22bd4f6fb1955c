"""A remote policy: it is the policy behind the wire, and says what is wrong without it."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.sync.server import ServerConnection, serve

from aegis.core.conventions import Conventions, read_conventions
from aegis.core.errors import AegisError, ConfigError, MachineError, MessageError, UnknownNameError
from aegis.core.protocols import Policy
from aegis.core.types import Proposal
from aegis.host.array_messages import pack_message, unpack_message
from aegis.serve.access import Access
from policies.openpi.policy import OpenpiPolicy
from policies.openpi.view import View
from tests.serve.toys import (
    KEYS,
    MEANT,
    SIDE,
    Plain,
    SeeingPolicy,
    make_layout,
    make_query,
    serve_policy,
)

TOKEN = "a-token-of-the-tests"
PATIENCE = 0.5
"""Deadline of a question to a server that does not answer it [s]."""
AGES = 20.0
"""Deadline where an answer is to come [s]."""


def open_policy(url: str, **settings: Any) -> OpenpiPolicy:
    fixed: dict[str, Any] = {"horizon": 8, "execute": 4, "dimensions": 3, "deadline": AGES}
    views = [View(camera, key, (SIDE, SIDE), True) for camera, key in KEYS.items()]
    return OpenpiPolicy(**{"name": "far", "url": url, "views": views, **fixed, **settings})


@contextlib.contextmanager
def opened(url: str, **settings: Any) -> Iterator[OpenpiPolicy]:
    policy = open_policy(url, **settings)
    try:
        yield policy
    finally:
        policy.close()


def is_same(a: Proposal | None, b: Proposal | None) -> bool:
    assert a is not None
    assert b is not None
    same = a.actions.tobytes() == b.actions.tobytes() and a.k0 == b.k0
    same &= list(a.features) == list(b.features)
    same &= all(a.features[n].tobytes() == b.features[n].tobytes() for n in a.features)
    return (
        same
        and (a.samples is None) == (b.samples is None)
        and (a.samples is None or b.samples is None or a.samples.tobytes() == b.samples.tobytes())
    )


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("sockets", [1, 3, 16])
def test_it_is_the_policy_behind_the_wire(mirror: bool, sockets: int) -> None:
    here = SeeingPolicy("far", samples=2)
    queries = [make_query(i, k=5 * i, salt=i % 2) for i in range(13)]
    there, layout = SeeingPolicy(samples=2), make_layout(mirror=mirror)
    with serve_policy(there, layout, wait=0.002) as (url, _), opened(url, sockets=sockets) as far:
        assert isinstance(far, Policy)
        assert far.spec == replace(here.spec, remote=True)
        assert read_conventions(far) == MEANT
        for _ in range(2):
            answers = far.propose(queries)
            assert all(map(is_same, answers, here.propose(queries)))
            assert [one.policy for one in answers if one] == ["far"] * 13
        assert far.propose([]) == []


def test_what_is_executed_meanwhile_and_what_was_seen_before_go_along() -> None:
    policy = SeeingPolicy(history=(3, 1, 0))
    rows = np.full((2, 3), 0.25, np.float32)
    query = make_query(1, k=7)
    past = (make_query(2).obs, make_query(3).obs)
    query = replace(query, due=9, committed=rows, past=past)
    with serve_policy(policy) as (url, _), opened(url) as far:
        assert far.spec.history == (3, 1, 0)
        [answer] = far.propose([query])
    [there] = policy.seen
    assert (there.key, there.k, there.salt, there.due) == (query.key, 7, 0, 9)
    assert there.committed is not None
    assert there.committed.tobytes() == rows.tobytes()
    for sent, come in zip((*past, query.obs), (*there.past, there.obs), strict=True):
        assert sent.proprio.tobytes() == come.proprio.tobytes()
        assert all(np.array_equal(sent.images[c], come.images[c]) for c in KEYS)
    [here] = SeeingPolicy(history=(3, 1, 0)).propose([query])
    assert is_same(answer, here)


def test_a_plain_server_is_what_the_configuration_says() -> None:
    """Its answers depend on the order of questions, so that rows cannot be paired."""
    plain = {"digest": "pi05", "gripper": "open_positive"}
    with serve_policy(kind=Plain) as (url, _), opened(url, **plain) as far:
        assert (far.spec.digest, far.spec.taps) == ("pi05", {})
        assert (far.spec.horizon, far.spec.execute) == (8, 4)
        assert far.spec.cameras == {"agentview": (SIDE, SIDE), "wrist": (SIDE, SIDE)}
        assert not far.spec.batch_invariant
        assert far.spec.remote
        assert read_conventions(far) == Conventions("", "", "open_positive", "upright")
        [answer] = far.propose([make_query()])
        assert answer is not None
        assert answer.actions.shape == (8, 3)


def test_views_say_which_way_round_a_plain_server_looks() -> None:
    policy = SeeingPolicy()
    views = [
        View("agentview", "observation/wrist_image", (SIDE, SIDE), True),
        View("wrist", "observation/image", (SIDE, SIDE), False),
    ]
    query = make_query()
    layout = make_layout(mirror=False)
    with serve_policy(policy, layout, kind=Plain) as (url, _), opened(url, views=views) as far:
        far.propose([query])
    [seen] = policy.seen
    images = query.obs.images
    assert np.array_equal(seen.obs.images["wrist"], images["agentview"][:, ::-1])
    assert np.array_equal(seen.obs.images["agentview"], images["wrist"])


def test_the_token_opens_the_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setenv("FAR_TOKEN", TOKEN)
    with serve_policy(access=Access("127.0.0.1", 0, TOKEN)) as (url, _):
        for settings in ({"token_file": str(tmp_path / "token")}, {"token_variable": "FAR_TOKEN"}):
            with opened(url, **settings) as far:
                assert far.propose([make_query()])[0] is not None
        with pytest.raises(MachineError, match="401"):
            open_policy(url)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"url": "http://127.0.0.1:1"}, "ws://HOST:PORT"),
        ({"url": "ws://"}, "ws://HOST:PORT"),
        ({"url": "ws://gpu:8000"}, "anybody in between"),
        ({"certificate": "x.pem"}, "for wss://"),
        ({"url": "wss://127.0.0.1:1", "certificate": "/no/x.pem"}, "holds no certificates"),
        ({"sockets": 0}, "sockets"),
        ({"deadline": 0.0}, "deadline"),
        ({"max_bytes": 3}, "bytes"),
        ({"on_missing": "guess"}, "raise, hold"),
        ({"execute": 9}, "execute <= horizon"),
        ({"token_file": "/no/token"}, "cannot be read"),
        ({"views": [View("a", "k", (8, 8), True)] * 2}, "of their own"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(settings: Any, says: str) -> None:
    with pytest.raises((ConfigError, UnknownNameError), match=says):
        open_policy(**{"url": "ws://127.0.0.1:1", **settings})


def test_a_picture_that_is_missing_is_named() -> None:
    with serve_policy() as (url, _), opened(url) as far:
        query = make_query()
        obs = replace(query.obs, images={"agentview": query.obs.images["agentview"]})
        with pytest.raises(AegisError, match="observation/wrist_image"):
            far.propose([replace(query, obs=obs)])


# --- Faults ---------------------------------------------------------------------------------------


def make_metadata(**changes: Any) -> bytes:
    about: dict[str, Any] = {
        "protocol": 1, "max_bytes": 1 << 20, "digest": "d", "rounding": "r",
        "state": "observation/state",
        "prompt": "prompt", "horizon": 8, "execute": 4, "actions": ["x", "y", "z"], "cameras": {},
        "mirror": False, "taps": {"trunk": 2}, "history": [0], "batch_invariant": True,
        "portable": True, "from_due": False,
        "conventions": {"proprio": "", "actions": "", "gripper": "", "pictures": "upright"},
    }  # fmt: skip
    return pack_message({"aegis": {k: v for k, v in {**about, **changes}.items() if v is not ...}})


def make_answer(actions: Any = None, features: Any = None, **changes: Any) -> bytes:
    chunk = np.zeros((8, 3), np.float32) if actions is None else actions
    told = {"trunk": [0.0, 0.0]} if features is None else features
    fields = {"actions": chunk, "aegis": {"features": told}, **changes}
    return pack_message({k: v for k, v in fields.items() if v is not ...})


@contextlib.contextmanager
def run_handler(handle: Callable[[ServerConnection], None]) -> Iterator[str]:
    """Yields the address of a server that does what it likes."""

    def quietly(connection: ServerConnection) -> None:
        with contextlib.suppress(Exception):
            handle(connection)

    with serve(quietly, "127.0.0.1", 0, compression=None, max_size=None) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()


@contextlib.contextmanager
def run_answers(*answers: bytes | str, first: bytes | str | None = None) -> Iterator[str]:
    """Yields the address of a server that gives certain answers, whatever is asked."""

    def handle(connection: ServerConnection) -> None:
        connection.send(make_metadata() if first is None else first)
        for answer in answers:
            connection.recv()
            connection.send(answer)
        connection.recv()

    with run_handler(handle) as url:
        yield url


def with_row(value: float) -> np.ndarray:
    actions = np.zeros((8, 3), np.float32)
    actions[5, 1] = value
    return actions


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


def test_questions_share_frames_as_far_as_they_fit() -> None:
    queries = [make_query(i) for i in range(9)]
    here = SeeingPolicy("far", batch=16).propose(queries)
    for room, frames in ((1 << 20, 1), (16_000, 3), (5_000, 9)):
        policy = SeeingPolicy(batch=16)
        with serve_policy(policy, room=room) as (url, _), opened(url, sockets=1) as far:
            assert all(map(is_same, far.propose(queries), here))
        assert len(policy.batches) == frames


UNUSABLE: dict[str, tuple[bytes | str, str]] = {
    "NaN": (make_answer(with_row(np.nan)), "actions, row 5, is"),
    "infinity": (make_answer(with_row(np.inf)), "actions, row 5, is"),
    "beyond single precision": (make_answer(np.full((8, 3), 1e300)), "actions, row 0, is"),
    "other shape": (make_answer(np.zeros((8, 4), np.float32)), r"actions is float32 of shape"),
    "short": (make_answer(np.zeros((3, 3), np.float32)), r"of shape \(3, 3\).*\(8, 3\)"),
    "one row": (make_answer(np.zeros(3, np.float32)), r"of shape \(3,\)"),
    "texts": (make_answer(np.zeros((8, 3), "U3")), "actions is <U3"),
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


def wait_for_end(connection: ServerConnection) -> None:
    with contextlib.suppress(Exception):
        while True:
            connection.recv()


def answer_late(connection: ServerConnection) -> None:
    connection.send(make_metadata())
    wait_for_end(connection)


def say_nothing(connection: ServerConnection) -> None:
    wait_for_end(connection)


def close_at_once(connection: ServerConnection) -> None:
    connection.send(make_metadata())
    connection.recv()
    connection.close(1011, "out of memory")


def close_in_a_frame(connection: ServerConnection) -> None:
    connection.send(make_metadata())
    connection.recv()
    # The header of a frame of 1000 bytes, ten of them, and the end.
    connection.socket.sendall(b"\x82\x7e\x03\xe8" + bytes(10))
    connection.socket.shutdown(socket.SHUT_RDWR)


def drip(connection: ServerConnection) -> None:
    connection.send(make_metadata())
    connection.recv()
    connection.socket.sendall(b"\x82\x7e\x03\xe8")
    for _ in range(1000):
        connection.socket.sendall(b"\x00")
        time.sleep(0.02)


def send_hugely(connection: ServerConnection) -> None:
    connection.send(make_metadata())
    connection.recv()
    # Its length suffices; what comes of it, and that it is refused, the other end ignores.
    connection.socket.sendall(b"\x82\x7f" + (1 << 40).to_bytes(8, "big") + bytes(100))
    time.sleep(2 * PATIENCE)


def break_the_protocol(connection: ServerConnection) -> None:
    connection.send(make_metadata())
    connection.recv()
    connection.socket.sendall(b"\xff\xff\xff\xff nothing that WebSocket knows")
    wait_for_end(connection)


SILENT: dict[str, tuple[Callable[[ServerConnection], None], str]] = {
    "late": (answer_late, "did not answer within 0.5 s"),
    "closes": (close_at_once, r"is not there any more .*out of memory"),
    "closes in a frame": (close_in_a_frame, "is not there any more"),
    "slow drip": (drip, "did not answer within 0.5 s"),
    "huge frame": (send_hugely, "the answer is larger than allowed.*max_bytes"),
    "no WebSocket": (break_the_protocol, "is not there any more"),
}


@pytest.mark.parametrize("name", SILENT)
def test_a_server_that_fails_is_named_within_the_deadline(name: str) -> None:
    handle, says = SILENT[name]
    with run_handler(handle) as url, opened(url, max_bytes=100_000) as far:
        far._deadline = PATIENCE
        with pytest.raises((MachineError, MessageError), match=says) as caught:
            far.propose([make_query(i) for i in range(6)])
        assert f"Policy 'far' at {url}" in str(caught.value)
        assert caught.value.exit_code == 3


@pytest.mark.parametrize("name", [*SILENT, "NaN", "garbage"])
def test_where_the_robot_may_hold_there_is_no_answer(name: str) -> None:
    opening = run_answers(UNUSABLE[name][0]) if name in UNUSABLE else run_handler(SILENT[name][0])
    with opening as url, opened(url, max_bytes=100_000, on_missing="hold") as far:
        far._deadline = PATIENCE
        assert far.propose([make_query()]) == [None]


def test_a_server_that_does_not_say_what_it_is() -> None:
    with run_handler(say_nothing) as url, pytest.raises(MachineError, match="did not say what it"):
        open_policy(url, deadline=PATIENCE)


def test_a_port_that_nobody_listens_on() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(MachineError, match=f"ws://127.0.0.1:{port} is not there any more"):
        open_policy(f"ws://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "noise", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\n\r\n", bytes(5000)]
)
def test_a_port_that_speaks_something_else(noise: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in range(2):
                with contextlib.suppress(OSError):
                    peer, _ = listener.accept()
                    with peer:
                        peer.recv(4096)
                        peer.sendall(noise)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        with pytest.raises(MachineError, match=f"127.0.0.1:{port}"):
            open_policy(f"ws://127.0.0.1:{port}", deadline=PATIENCE)


def test_a_port_that_accepts_and_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(MachineError, match=r"did not say what it is within 0\.5 s"):
            open_policy(f"ws://127.0.0.1:{port}", deadline=PATIENCE)


def test_a_redirection_is_not_followed() -> None:
    with serve_policy() as (url, server), socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(f"HTTP/1.1 302 Found\r\nLocation: {url}\r\n\r\n".encode())

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(MachineError, match="302"):
            open_policy(f"ws://127.0.0.1:{listener.getsockname()[1]}")
        assert server.counts["connections"] == 0


def test_a_lost_connection_is_opened_once_more() -> None:
    """Each connection gives one answer, and is gone."""
    opened_times = []

    def handle(connection: ServerConnection) -> None:
        opened_times.append(1)
        connection.send(make_metadata())
        connection.recv()
        connection.send(make_answer())

    with run_handler(handle) as url, opened(url, sockets=1) as far:
        for _ in range(3):
            [answer] = far.propose([make_query()])
            assert answer is not None
    assert len(opened_times) == 3


def test_another_server_in_its_place_is_refused() -> None:
    digests = iter(["one", "two"])

    def handle(connection: ServerConnection) -> None:
        connection.send(make_metadata(digest=next(digests)))
        connection.recv()

    says = r"metadata is of policy two .*one"
    with (
        run_handler(handle) as url,
        opened(url, sockets=1) as far,
        pytest.raises(MessageError, match=says),
    ):
        far.propose([make_query()])


def test_a_late_answer_is_not_taken_for_that_of_the_next_question() -> None:
    asked, free = threading.Event(), threading.Event()

    def handle(connection: ServerConnection) -> None:
        connection.send(make_metadata())
        for _ in range(2):
            request = unpack_message(connection.recv())  # type: ignore[arg-type]
            if not asked.is_set():
                asked.set()
                free.wait(20)
            number = request["aegis/episode"][4]
            connection.send(make_answer(np.full((8, 3), number / 100, np.float32)))

    with run_handler(handle) as url, opened(url, sockets=1) as far:
        far._deadline = PATIENCE
        with pytest.raises(MachineError, match="did not answer within"):
            far.propose([make_query(1)])
        free.set()
        far._deadline = AGES
        [answer] = far.propose([make_query(2)])
        assert answer is not None
        assert answer.actions[0, 0] == np.float32(0.02)


def ask_in_child(policy: OpenpiPolicy, queue: Any) -> None:
    try:
        policy.propose([make_query()])
        queue.put("answered")
    except MachineError as error:
        queue.put(str(error))


def test_a_forked_child_is_refused_and_the_parent_goes_on() -> None:
    with serve_policy() as (url, _), opened(url) as far:
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        child = context.Process(target=ask_in_child, args=(far, queue))
        child.start()
        assert "does not survive a fork" in queue.get(timeout=20)
        child.join(20)
        assert far.propose([make_query()])[0] is not None


def test_it_cannot_be_sent_to_another_process() -> None:
    says = "Build it from its configuration"
    with (
        serve_policy() as (url, _),
        opened(url) as far,
        pytest.raises(ConfigError, match=says),
    ):
        pickle.dumps(far)


def test_it_may_be_asked_from_several_threads_and_closed_twice() -> None:
    here = SeeingPolicy("far").propose([make_query(i) for i in range(8)])
    found: dict[int, Any] = {}
    with serve_policy(wait=0.001) as (url, _), opened(url) as far:

        def ask(number: int) -> None:
            found[number] = far.propose([make_query(number)])[0]

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        far.close()
    assert all(is_same(found[i], here[i]) for i in range(8))


@pytest.mark.slow
def test_ten_thousand_malformed_answers_are_one_error_each() -> None:
    import random

    from tests.host.test_array_messages import mutate_frame

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
