"""openpi's own client, as it stands, where it is installed: pip install --no-deps openpi-client."""

from __future__ import annotations

import numpy as np
import pytest

from aegis.core.types import EpisodeKey
from aegis.serve.access import Access
from tests.serve.test_gated import make_controller, play_here, serve_gated
from tests.serve.toys import SeeingPolicy, make_query, make_request, serve_policy

websocket_client_policy = pytest.importorskip("openpi_client.websocket_client_policy")
TOKEN = "a-token-of-the-tests"


def connect(url: str, **settings: str):  # noqa: ANN201
    return websocket_client_policy.WebsocketClientPolicy(url, **settings)


def test_it_gets_the_chunks_of_a_policy() -> None:
    query = make_query(1, k=4)
    key = query.key
    place = [key.root, key.suite, key.task, key.start, key.index, query.k, query.salt]
    with serve_policy() as (url, _):
        client = connect(url)
        assert client.get_server_metadata()["aegis"]["horizon"] == 8
        answer = client.infer(make_request(1, **{"aegis/episode": place, "aegis/features": True}))
    assert answer["actions"].tobytes() == SeeingPolicy().propose([query])[0].actions.tobytes()


def test_it_gets_what_the_gated_controller_does() -> None:
    key = EpisodeKey(0, "openpi", 0, "connection", 0)
    here = play_here(key, 4)
    with serve_gated(make_controller()) as url:
        client = connect(url)
        answer = client.infer(make_request(0))
    there = [row.tobytes() for row in answer["actions"]]
    assert there == [row for row, _ in here]
    assert answer["aegis"]["mode"] == "weak"


def test_its_chunk_broker_slices_actions_and_nothing_else() -> None:
    broker = pytest.importorskip("openpi_client.action_chunk_broker")
    with serve_policy(SeeingPolicy(samples=2)) as (url, _):
        stepwise = broker.ActionChunkBroker(connect(url), 4)
        rows = [stepwise.infer(make_request(**{"aegis/features": True})) for _ in range(8)]
    assert [row["actions"].shape for row in rows] == [(3,)] * 8
    assert all(len(row["aegis"]["features"]["trunk"]) == 4 for row in rows)
    assert np.array(rows[3]["aegis"]["samples"]).shape == (2, 8, 3)


def test_it_shows_why_it_was_refused_and_may_know_the_token() -> None:
    with serve_policy(access=Access("127.0.0.1", 0, TOKEN)) as (url, _):
        client = connect(url, api_key=TOKEN)
        with pytest.raises(RuntimeError, match="observation/state is None"):
            client.infer(make_request(**{"observation/state": ...}))
