"""What the openpi server says: its first frame, answers, batches, and what it needs to see."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import msgpack
import numpy as np
import pytest
from websockets.asyncio.server import Server
from websockets.exceptions import ConnectionClosed

from aegis.core.types import EpisodeKey
from aegis.serve.access import Access
from tests.serve.clients import Client, pack_numpy
from tests.serve.toys import (
    KEYS,
    MEANT,
    SIDE,
    SeeingPolicy,
    make_layout,
    make_query,
    make_request,
    serve_policy,
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve_policy() as (address, _):
        yield address


def address(query: Any) -> list[Any]:
    key: EpisodeKey = query.key
    return [key.root, key.suite, key.task, key.start, key.index, query.k, query.salt]


def test_the_first_frame_says_what_is_served(url: str) -> None:
    with Client(url) as client:
        about = client.metadata["aegis"]
    assert about["protocol"] == 1
    assert about["gated"] is False
    assert (about["horizon"], about["execute"], about["digest"]) == (8, 4, "seeing-1")
    assert about["actions"] == ["ry", "rz", "gripper"][-3:]
    picture = {"height": SIDE, "width": SIDE}
    assert about["cameras"] == {camera: {"key": key, **picture} for camera, key in KEYS.items()}
    assert about["taps"] == {"trunk": 4}
    assert about["mirror"] is about["batch_invariant"] is about["portable"] is True
    assert about["rounding"] == "toy"
    assert about["robot"]["high"] == [1, 1, 1]
    assert about["conventions"] == asdict(MEANT)


def test_an_answer_is_what_the_policy_says(url: str) -> None:
    query = make_query(1, k=8)
    [here] = SeeingPolicy().propose([query])
    with Client(url) as client:
        asked = make_request(1, **{"aegis/episode": address(query), "aegis/features": True})
        answer = client.infer(asked)
        bare = client.infer(make_request(1, **{"aegis/episode": address(query)}))
    assert answer["actions"].dtype == np.float32
    assert answer["actions"].tobytes() == bare["actions"].tobytes() == here.actions.tobytes()
    features = answer["aegis"]["features"]
    assert np.array(features["trunk"], np.float32).tobytes() == here.features["trunk"].tobytes()
    assert answer["aegis"]["samples"] is None
    assert "features" not in bare["aegis"]
    assert answer["policy_timing"]["infer_ms"] > 0
    assert bare["server_timing"]["prev_total_ms"] > 0


def list_arrays(value: Any, path: str = "") -> list[str]:
    if isinstance(value, np.ndarray):
        return [path]
    if isinstance(value, dict):
        return [found for name in value for found in list_arrays(value[name], f"{path}.{name}")]
    return []


def test_actions_are_the_only_array_so_that_the_chunk_broker_slices_nothing_else() -> None:
    with serve_policy(SeeingPolicy(samples=2)) as (url, _), Client(url) as client:
        answer = client.infer(make_request(**{"aegis/features": True}))
    assert list_arrays(answer) == [".actions"]
    assert np.array(answer["aegis"]["samples"]).shape == (2, 8, 3)


def test_a_client_that_only_asks_is_counted() -> None:
    policy = SeeingPolicy()
    with serve_policy(policy) as (url, _), Client(url) as one, Client(url) as two:
        for _ in range(3):
            one.infer(make_request())
        two.infer(make_request())
        one.infer(make_request(prompt="something else"))
        one.infer(make_request(prompt="something else"))
        one.infer(make_request(prompt="something else", **{"aegis/reset": True}))
        for _ in range(10):
            two.infer(make_request())
    seen = [(query.key.index, query.k) for query in policy.seen]
    assert seen[:7] == [(0, 0), (0, 4), (0, 8), (1, 0), (2, 0), (2, 4), (3, 0)]
    # An episode is no longer than the horizon: 40 steps are ten answers of four.
    assert seen[7:] == [(1, k) for k in range(4, 40, 4)] + [(4, 0)]


def test_questions_of_several_clients_are_one_batch() -> None:
    policy, clients = SeeingPolicy(batch=4), 8
    answers: dict[int, bytes] = {}
    with serve_policy(policy, wait=1.0) as (url, server):
        together = threading.Barrier(clients)

        def ask(number: int) -> None:
            with Client(url) as client:
                together.wait(20)
                asked = {"aegis/episode": address(make_query(number))}
                answers[number] = client.infer(make_request(number, **asked))["actions"].tobytes()
                together.wait(20)

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert server.counts["answered"] == clients
    alone = SeeingPolicy()
    for i in range(clients):
        assert answers[i] == alone.propose([make_query(i)])[0].actions.tobytes()
    assert len(policy.batches) < clients


def test_frames_of_several_questions_are_one_batch() -> None:
    """As many questions as connections are no reason to begin: other frames are on their way."""
    policy, frames, each = SeeingPolicy(batch=16), 4, 4
    with serve_policy(policy, wait=5.0) as (url, _), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(url)) for _ in range(frames)]
        for i, client in enumerate(clients):
            places = [address(make_query(each * i + j)) for j in range(each)]
            asked = [make_request(**{"aegis/episode": place}) for place in places]
            client.socket.send(msgpack.packb({"aegis/batch": asked}, default=pack_numpy))
        for client in clients:
            assert len(client.receive()["aegis/batch"]) == each
    assert policy.batches == [frames * each]


def test_pictures_of_other_sizes_and_unmirrored_ones() -> None:
    query, layout = make_query(2), make_layout(mirror=False, resize=True)
    big = {key: query.obs.images[c].repeat(3, 0).repeat(3, 1) for c, key in KEYS.items()}
    with serve_policy(layout=layout) as (url, _), Client(url) as client:
        answer = client.infer(make_request(2, **big, **{"aegis/episode": address(query)}))
    assert answer["actions"].tobytes() == SeeingPolicy().propose([query])[0].actions.tobytes()


def test_a_policy_with_a_history_needs_what_was_seen_before() -> None:
    query, earlier = make_query(4, k=6), make_query(5).obs
    [here] = SeeingPolicy(history=(2, 0)).propose([replace(query, past=(earlier,))])
    with serve_policy(SeeingPolicy(history=(2, 0))) as (url, _):
        asked = make_request(4, **{"aegis/episode": address(query)})
        with Client(url) as client:
            assert client.metadata["aegis"]["history"] == [2, 0]
            past = [{k: v for k, v in make_request(5).items() if k != "prompt"}]
            answer = client.infer({**asked, "aegis/past": past})
            assert answer["actions"].tobytes() == here.actions.tobytes()
            assert "aegis/past is 0 observations" in client.refuse(asked)


def test_the_end_tells_clients_that_the_server_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what the oldest websockets that is allowed takes."""
    close = Server.close

    def close_as_15_does(self: Server, close_connections: bool = True) -> None:
        close(self, close_connections)

    monkeypatch.setattr(Server, "close", close_as_15_does)
    with contextlib.ExitStack() as stack:
        with serve_policy() as (url, _):
            client = stack.enter_context(Client(url))
            client.infer(make_request())
        with pytest.raises(ConnectionClosed) as closed:
            client.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001


def test_localhost_is_one_address() -> None:
    with serve_policy(access=Access("localhost", 0)) as (url, _), Client(url) as client:
        assert url.startswith("ws://localhost:")
        assert client.infer(make_request())["actions"].shape == (8, 3)


def test_the_end_answers_what_is_under_way() -> None:
    begun, go = threading.Event(), threading.Event()

    class Slow(SeeingPolicy):
        def infer(self, rows: Any, noise: Any) -> Any:
            begun.set()
            assert go.wait(20)
            return super().infer(rows, noise)

    answers: list[Any] = []

    def ask(url: str) -> None:
        with Client(url) as client:
            answers.append(client.infer(make_request()))

    with serve_policy(Slow()) as (url, _):
        thread = threading.Thread(target=ask, args=(url,))
        thread.start()
        assert begun.wait(20)
        threading.Timer(0.1, go.set).start()
    thread.join(20)
    assert answers[0]["actions"].shape == (8, 3)
