"""Clients of one gated controller: requests asked again, and episodes that two clients want."""

from __future__ import annotations

import numpy as np
import pytest

from aegis.core.ladder import Ladder, Rung
from aegis.core.types import EpisodeKey
from aegis.host.wire_names import CLIENT
from tests.policies.openpi_peers import opened
from tests.serve.clients import Client
from tests.serve.test_gated import HORIZON, ask, make_controller, make_policies, play_here
from tests.serve.test_gated import serve_gated as serve
from tests.serve.toys import make_query, make_request

KEY = EpisodeKey(1, "toy", 0, "wide", 0)


def test_a_repeated_request_has_the_same_answer_and_the_course_goes_on() -> None:
    here, there, policies = play_here(KEY, HORIZON), [], make_policies()
    with serve(make_controller(), policies) as url:
        for k in range(0, HORIZON, 4):
            with Client(url) as client:
                answer = ask(client, KEY, k)
                there += [(row.tobytes(), answer["aegis"]["mode"]) for row in answer["actions"]]
            seen = {name: len(policy.seen) for name, policy in policies.items()}
            with Client(url) as client:
                # On a robot the next picture is another one; the tick is decided all the same.
                again = ask(client, KEY, k, **({"observation/state": np.ones(2)} if k else {}))
            assert again["actions"].tobytes() == answer["actions"].tobytes()
            assert again["aegis"] == answer["aegis"]
            assert {name: len(policy.seen) for name, policy in policies.items()} == seen
    assert there == here


def test_tick_0_with_other_pictures_begins_anew() -> None:
    with serve(make_controller()) as url, Client(url) as client:
        first = ask(client, KEY, 0)
        other = ask(client, KEY, 0, **{"observation/state": np.ones(2)})
        assert other["actions"].tobytes() != first["actions"].tobytes()
        ask(client, KEY, 4)
        assert ask(client, KEY, 0)["actions"].tobytes() == first["actions"].tobytes()


def test_an_episode_is_its_owners_until_that_is_gone() -> None:
    with serve(make_controller()) as url:
        with Client(url) as owner:
            first = ask(owner, KEY, 0)
            with Client(url) as other:
                place = [*(KEY.root, KEY.suite, KEY.task, KEY.start, KEY.index), 0, 0]
                said = other.refuse(make_request(0, **{"aegis/episode": place}))
            assert "aegis/episode is in use" in said
            assert "another index or salt" in said
            with Client(url) as other:  # A salt is an address of its own.
                other.infer(make_request(0, **{"aegis/episode": [*place[:-1], 1]}))
            assert ask(owner, KEY, 4)["aegis"]["tick"] == 4
        with Client(url) as other:
            assert ask(other, KEY, 0)["actions"].tobytes() == first["actions"].tobytes()


def test_connections_of_one_client_are_one_owner() -> None:
    name = {"additional_headers": {CLIENT: "one"}}
    with (
        serve(make_controller()) as url,
        Client(url, **name) as one,
        Client(url, **name) as two,
        Client(url, additional_headers={CLIENT: "other"}) as other,
    ):
        ask(one, KEY, 0)
        ask(one, KEY, 4)
        assert ask(two, KEY, 0)["aegis"]["tick"] == 0
        place = [*(KEY.root, KEY.suite, KEY.task, KEY.start, KEY.index), 0, 0]
        assert "in use" in other.refuse(make_request(0, **{"aegis/episode": place}))


def test_it_announces_what_every_answer_has() -> None:
    """Activations it has only where the weak policy was asked, scores always."""
    with serve(make_controller()) as url:
        with Client(url) as client:
            assert client.metadata["aegis"]["taps"] == {}
            assert client.metadata["aegis"]["scores"] == ["reader"]
        with opened(url, sockets=3) as far:
            assert far.spec.taps == {}
            here, there = play_here(KEY, HORIZON), []
            for k in range(0, HORIZON, 4):
                query = make_query(k, k=k)
                [answer] = far.propose([type(query)(KEY, k, query.obs)])
                assert answer is not None
                there += [row.tobytes() for row in answer.actions]
    assert there == [action for action, _ in here]


@pytest.mark.parametrize("salt", [0, 1])
def test_a_rung_may_ask_another_rungs_policy(salt: int) -> None:
    rungs = (Rung("weak", 4), Rung("again", 4, policy="weak", salt=salt))
    ladder = Ladder(rungs, None)
    with serve(make_controller(ladder=ladder, first="again")) as url, Client(url) as client:
        answer = ask(client, KEY, 0)
    assert (answer["aegis"]["mode"], answer["aegis"]["command"]) == ("again", "act")
