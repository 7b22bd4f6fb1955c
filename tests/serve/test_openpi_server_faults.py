"""The openpi server among bad clients: frames, floods, tokens, half-open connections."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus

from aegis.core.errors import ConfigError
from aegis.core.types import EpisodeKey
from aegis.serve.access import Access
from tests.serve.clients import Client, RefusedError
from tests.serve.toys import (
    SIDE,
    SeeingPolicy,
    make_request,
    serve_policy,
)

TOKEN = "a-token-of-the-tests"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve_policy() as (address, _):
        yield address


def get_health(url: str) -> tuple[int, bytes]:
    place = urlsplit(url)
    asking = http.client.HTTPConnection(str(place.hostname), place.port, timeout=20)
    asking.request("GET", "/healthz")
    answer = asking.getresponse()
    return answer.status, answer.read()


def address(query: Any) -> list[Any]:
    key: EpisodeKey = query.key
    return [key.root, key.suite, key.task, key.start, key.index, query.k, query.salt]


_BAD: dict[str, tuple[Any, str]] = {
    "text": ("hello", "the request is a text frame"),
    "bytes": (b"\xc1\xc1", "the message is"),
    "list": ([1], "the request is a list"),
    "no picture": (make_request(**{"observation/image": ...}), "observation/image is missing"),
    "float picture": (
        make_request(**{"observation/image": np.zeros((SIDE, SIDE, 3))}),
        "observation/image is float64",
    ),
    "large picture": (
        make_request(**{"observation/wrist_image": np.zeros((9, 9, 3), np.uint8)}),
        r"observation/wrist_image is of shape \(9, 9, 3\)",
    ),
    "no state": (make_request(**{"observation/state": ...}), "observation/state is None"),
    "long state": (
        make_request(**{"observation/state": np.zeros(3)}),
        r"observation/state is of shape \(3,\)",
    ),
    "NaN": (make_request(**{"observation/state": np.full(2, np.nan)}), "observation/state is .nan"),
    "huge state": (make_request(**{"observation/state": np.full(2, 1e300)}), "observation/state"),
    "prompt": (make_request(prompt=3), "prompt is int"),
    "long prompt": (make_request(prompt="x" * 3000), "prompt is 3000 letters"),
    "episode": (make_request(**{"aegis/episode": [1, 2]}), "aegis/episode is"),
    "tick": (
        make_request(**{"aegis/episode": [0, "s", 0, "w", 0, -1, 0]}),
        r"aegis/episode\.tick is -1",
    ),
    "suite": (
        make_request(**{"aegis/episode": [0, 5, 0, "w", 0, 0, 0]}),
        r"aegis/episode\.suite is 5",
    ),
    "flag": (make_request(**{"aegis/reset": "yes"}), "aegis/reset is 'yes'"),
    "due": (make_request(**{"aegis/due": 3}), "aegis/due is 3"),
    "past": (make_request(**{"aegis/past": [{}]}), "observation/image is missing"),
    "other past": (make_request(**{"aegis/past": [make_request()]}), "aegis/past is 1 obs"),
    "batch": (b"\x81\xabaegis/batch\x01", "aegis/batch is int"),
    "empty batch": ({"aegis/batch": []}, "aegis/batch is 0 requests"),
    "batch without episodes": ({"aegis/batch": [make_request()]}, "aegis/batch.0 is no request"),
    "batch with a bad one": (
        {"aegis/batch": [{**make_request(prompt=3), "aegis/episode": [0, "s", 0, "w", 0, 0, 0]}]},
        "prompt is int",
    ),
    "curse": (
        make_request(**{"observation/state": np.array([SeeingPolicy.CURSED, 0])}),
        "NonFiniteError: the toy is cursed",
    ),
}


@pytest.mark.parametrize("name", _BAD)
def test_a_bad_frame_is_answered_by_the_field_and_the_server_goes_on(url: str, name: str) -> None:
    frame, says = _BAD[name]
    with Client(url) as good:
        before = good.infer(make_request())["actions"]
        with Client(url) as client:
            assert re.search(says, client.refuse(frame))
        assert good.infer(make_request(**{"aegis/reset": True}))["actions"].shape == before.shape


def test_a_question_that_fails_harms_none_of_its_batch() -> None:
    policy, said = SeeingPolicy(batch=4), {}
    with serve_policy(policy, wait=1.0) as (url, _):
        together = threading.Barrier(3)

        def ask(number: int) -> None:
            state = np.array([SeeingPolicy.CURSED if number == 1 else 0.5, 0.0])
            with Client(url) as client:
                together.wait(20)
                try:
                    client.infer(make_request(number, **{"observation/state": state}))
                    said[number] = "answered"
                except RefusedError as error:
                    said[number] = str(error)
                together.wait(20)

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert said == {0: "answered", 1: "NonFiniteError: the toy is cursed", 2: "answered"}


def test_an_error_that_nobody_raised_on_purpose_ends_one_connection() -> None:
    class Broken(SeeingPolicy):
        def infer(self, *_: Any) -> Any:
            raise ZeroDivisionError("oops")

    with serve_policy(Broken()) as (url, _):
        for _ in range(2):
            with Client(url) as client:
                assert "ZeroDivisionError: oops" in client.refuse(make_request())


class Silent(SeeingPolicy):
    """Gives no answer to every second question."""

    def propose(self, queries: Any) -> Any:
        found = super().propose(queries)
        return [None if one.key.index % 2 else found[i] for i, one in enumerate(queries)]


def test_an_absent_answer_is_named_and_costs_the_others_nothing() -> None:
    says = "AbsentAnswerError: Policy 'seeing' gave no answer at tick 8 of "
    places = [[3, "toy", 0, "wide", index, 8, 0] for index in range(3)]
    asked = [make_request(i, **{"aegis/episode": place}) for i, place in enumerate(places)]
    with serve_policy(Silent()) as (url, server):
        with Client(url) as client:
            for _ in range(2):
                with pytest.raises(RefusedError, match="the connection stays open") as told:
                    client.infer(asked[1])
                assert str(told.value).startswith(says)
            found = client.infer({"aegis/batch": asked})["aegis/batch"]
            assert client.infer(asked[0])["actions"].shape == (8, 3)
        assert server.counts["refused"] == 2
        assert server.counts["connections"] == 1
    assert ["actions" in one for one in found] == [True, False, True]
    assert says.partition(": ")[2] in found[1]["aegis"]["absent"]


def test_a_large_frame_is_refused_and_the_server_goes_on() -> None:
    with serve_policy() as (url, _):
        with Client(url) as client:
            client.socket.send(bytes(2 << 20))
            with pytest.raises(Exception, match=r"1009|too big|closed"):
                client.receive()
        with Client(url) as client:
            assert client.infer(make_request())["actions"].shape == (8, 3)


def test_health_is_told_to_everybody(url: str) -> None:
    assert get_health(url) == (200, b"OK\n")
    with serve_policy(access=Access("127.0.0.1", 0, TOKEN)) as (guarded, _):
        assert get_health(guarded) == (200, b"OK\n")


def test_who_does_not_know_the_token_is_refused() -> None:
    with serve_policy(access=Access("127.0.0.1", 0, TOKEN)) as (url, _):
        for headers in ({}, {"Authorization": "Api-Key wrong"}, {"Authorization": TOKEN}):
            with pytest.raises(InvalidStatus, match="401"):
                Client(url, additional_headers=headers)
        with Client(url, additional_headers={"Authorization": f"Api-Key {TOKEN}"}) as client:
            assert client.infer(make_request())["actions"].shape == (8, 3)


def test_a_page_in_a_browser_may_not_connect(url: str) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        Client(url, origin="http://example.com")


def test_there_is_a_limit_of_connections_and_places_become_free() -> None:
    with serve_policy(connections=2) as (url, server):
        with Client(url), Client(url), pytest.raises(InvalidStatus, match="503"):
            Client(url)
        for _ in range(200):
            if not server.clients.count_connections():
                break
            threading.Event().wait(0.01)
        with Client(url) as client:
            client.infer(make_request())


def test_a_handshake_that_does_not_come_ends_its_connection(url: str) -> None:
    with serve_policy(handshake=0.2) as (address, _):
        place = urlsplit(address)
        with socket.create_connection((place.hostname, place.port), timeout=20) as half:
            half.sendall(b"GET / HTTP/1.1\r\n")
            assert half.recv(1000) == b"" or b"HTTP" in half.recv(0) + b"HTTP"
        with Client(address) as client:
            client.infer(make_request())


def test_what_is_no_http_is_dropped_and_the_server_goes_on() -> None:
    with serve_policy() as (url, _):
        place = urlsplit(url)
        for noise in (b"\x00" * 100, b"GET /\r\n\r\n", b"\x16\x03\x01" + bytes(200)):
            with socket.create_connection((place.hostname, place.port), timeout=20) as peer:
                peer.sendall(noise)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(4096):
                    pass
        with Client(url) as client:
            client.infer(make_request())


def test_a_port_in_use_is_named(url: str) -> None:
    port = urlsplit(url).port
    assert port is not None
    with (
        pytest.raises(ConfigError, match=f"port {port} cannot be listened on"),
        serve_policy(access=Access("127.0.0.1", port)),
    ):
        pass
