"""vla-eval's wire: what a harness is told, what it gets step by step, and what it may not do."""

from __future__ import annotations

import random
import resource
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from aegis.core.protocols import Query
from aegis.core.types import EpisodeKey
from aegis.serve.access import Access
from tests.host.frames import mutate_frame
from tests.serve.toys import SeeingPolicy
from tests.serve.vla_eval.harness import KEY, ErrorReplyError, Harness, observe, see, serve

TOKEN = "a-token-of-letters"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve() as address:
        yield address


def play(harness: Harness, key: EpisodeKey, until: int) -> list[bytes]:
    harness.begin(key)
    return [harness.act(observe(k))["actions"].tobytes() for k in range(until)]


def play_here(key: EpisodeKey, until: int, policy: SeeingPolicy | None = None) -> list[bytes]:
    """Returns the actions of a policy that is asked here, and executes its chunks."""
    policy = policy or SeeingPolicy()
    rows: list[bytes] = []
    while len(rows) < until:
        k = len(rows)
        past = tuple(see(max(k - back, 0)) for back in policy.spec.history if back)
        (proposal,) = policy.propose([Query(key, k, see(k), past=past)])
        rows += [row.tobytes() for row in proposal.actions[: policy.spec.execute]]
    return rows[:until]


def test_hello_tells_what_is_served_and_what_is_to_be_sent(url: str) -> None:
    with Harness(url) as harness:
        told = harness.hello()
    assert told["protocol_version"] == 1
    assert told["observation_params"] == {
        "send_state": True,
        "send_wrist_image": True,
        "quat_no_antipodal": True,
    }
    assert told["action_spec"]["gripper"]["format"] == "binary_close_positive"
    assert set(told["observation_spec"]) == {"agentview", "wrist", "state", "language"}
    assert told["aegis"]["policy"] == "seeing"


@pytest.mark.parametrize("packing", ["png", "raw", "array"])
def test_actions_are_those_of_the_policy_here(url: str, packing: str) -> None:
    """The pictures are asymmetric: mirrored ones would give other actions."""
    with Harness(url, packing) as harness:
        assert play(harness, KEY, 10) == play_here(KEY, 10)


def test_equal_addresses_have_equal_noise_and_others_other(url: str) -> None:
    other = EpisodeKey(0, KEY.suite, KEY.task, KEY.start, 8)
    with Harness(url) as one, Harness(url) as two:
        first = play(one, KEY, 8)
        assert play(two, KEY, 8) == play(one, KEY, 8) == first
        assert play(one, other, 8) != first


def test_a_policy_that_looks_back_sees_what_was_sent_before() -> None:
    made = {"history": (3, 1, 0), "execute": 2}
    with serve(SeeingPolicy(**made)) as address, Harness(address) as harness:
        assert play(harness, KEY, 9) == play_here(KEY, 9, SeeingPolicy(**made))


def test_rows_between_two_chunks_need_no_pictures(url: str) -> None:
    with Harness(url) as harness:
        harness.begin()
        first = harness.act(observe(0))
        second = harness.act(observe(1, images={}))
    assert first["aegis"]["tick"] == second["aegis"]["tick"] == 0


BAD: list[tuple[dict[str, Any], str]] = [
    ({"images": {}}, "images.agentview is missing"),
    ({"images": ...}, "images is a NoneType"),
    ({"states": ...}, "states is missing"),
    ({"states": np.full(2, np.nan)}, "states is [nan nan]; allowed: finite"),
    ({"states": np.zeros(5)}, "states is of shape (5,)"),
    ({"task_description": 7}, "task_description is int"),
]


@pytest.mark.parametrize(("changes", "said"), BAD)
def test_a_bad_observation_is_an_error_of_its_step(
    url: str, changes: dict[str, Any], said: str
) -> None:
    with Harness(url) as harness:
        harness.begin()
        with pytest.raises(ErrorReplyError) as found:
            harness.act(observe(0, **changes))
        assert said in str(found.value)
        assert play(harness, KEY, 4) == play_here(KEY, 4)


BEGINNINGS: list[tuple[dict[str, Any], str]] = [
    ({"suite": ...}, "task.suite is None"),
    ({"task_id": -1}, "task.task_id is -1"),
    ({"episode_idx": "0"}, "task.episode_idx is '0'"),
]


@pytest.mark.parametrize(("changes", "said"), BEGINNINGS)
def test_why_an_episode_cannot_begin_is_told_at_its_first_step(
    url: str, changes: dict[str, Any], said: str
) -> None:
    """The harness waits for no answer to a beginning: one would be taken for a later action."""
    with Harness(url) as harness:
        harness.begin(**changes)
        with pytest.raises(ErrorReplyError) as found:
            harness.act(observe(0))
        assert said in str(found.value)
        assert play(harness, KEY, 4) == play_here(KEY, 4)


def test_what_does_not_wait_is_refused(url: str) -> None:
    with Harness(url) as harness:
        harness.send("episode_start", {"task": {}, "mode": "live"})
        with pytest.raises(ErrorReplyError, match="mode is 'live'"):
            harness.act(observe(0))
        harness.send("episode_end", {})
        with pytest.raises(ErrorReplyError, match="episode_start before"):
            harness.act(observe(0))
        with pytest.raises(ErrorReplyError, match="protocol_version is 2"):
            harness.hello(protocol_version=2)
        harness.send("error", {"error": "mine"})
        assert harness.hello()["model_server"] == "aegis"


def test_a_failing_policy_costs_one_step(url: str) -> None:
    cursed = np.array([SeeingPolicy.CURSED, 0.0])
    with Harness(url) as harness:
        harness.begin()
        with pytest.raises(ErrorReplyError, match="the toy is cursed"):
            harness.act(observe(0, states=cursed))
        assert play(harness, KEY, 4) == play_here(KEY, 4)


@pytest.mark.parametrize("frame", [b"", b"\xc1", b"\x93\x01\x02\x03", b"\x80", "a text"])
def test_a_frame_that_is_no_message_ends_its_connection_only(url: str, frame: bytes | str) -> None:
    with Harness(url) as other:
        with Harness(url) as harness:
            harness.socket.send(frame)
            assert harness.receive()["type"] == "error"
            with pytest.raises(ConnectionClosed):
                harness.socket.recv(timeout=20)
        assert play(other, KEY, 4) == play_here(KEY, 4)


@pytest.mark.slow
def test_ten_thousand_malformed_frames_are_refused_and_take_no_memory() -> None:
    rng, peaks, refused = random.Random(7), [], 0
    with serve() as address:
        with Harness(address) as harness:
            whole = harness.pack_message("observation", observe(0))
        for _ in range(4):
            for _ in range(2500):
                with Harness(address) as harness:
                    harness.begin()
                    harness.socket.send(mutate_frame(whole, rng))
                    refused += harness.receive()["type"] == "error"
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        with Harness(address) as harness:
            assert play(harness, KEY, 4) == play_here(KEY, 4)
    assert refused > 3000
    assert peaks[-1] - peaks[0] < 32_000, "kB"


def test_health_is_told_to_anybody(url: str) -> None:
    with urllib.request.urlopen(f"{url.replace('ws', 'http', 1)}/health", timeout=20) as answer:
        assert answer.read() == b'{"status": "ok"}\n'


def test_a_token_may_stand_in_the_address() -> None:
    """The harness has no other place for it."""
    with serve(access=Access("127.0.0.1", 0, TOKEN)) as address:
        known = address.replace("ws://", f"ws://aegis:{TOKEN}@")
        with Harness(known) as harness:
            assert harness.hello()["protocol_version"] == 1
        header = {"Authorization": f"Api-Key {TOKEN}"}
        with Harness(address, additional_headers=header) as harness:
            assert harness.hello()["protocol_version"] == 1
        for wrong in (address, address.replace("ws://", "ws://aegis:another@")):
            with pytest.raises(InvalidStatus, match="401"):
                Harness(wrong)
        with pytest.raises(InvalidStatus, match="401"):
            Harness(address, additional_headers={"Authorization": "Basic %%%"})
