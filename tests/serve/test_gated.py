"""The gated controller behind the wire decides what it decides in a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.controller import Controller
from aegis.core.errors import ConfigError
from aegis.core.ladder import Ladder, Rung
from aegis.core.protocols import Query
from aegis.core.types import EpisodeKey, Observation, Proposal, Score, Stop, Tick
from aegis.gates.conformal import ConformalGate
from aegis.gates.switch import HysteresisSwitch
from aegis.runtime.session import Session
from aegis.serve.batcher import QueryBatcher
from aegis.serve.gated_responder import GatedResponder, build_gated_spec
from aegis.serve.metadata import Served
from aegis.serve.openpi_server import OpenpiServer
from aegis.serve.pictures import fit_picture
from tests.serve.clients import Client
from tests.serve.toys import (
    MEANT,
    SeeingPolicy,
    make_layout,
    make_query,
    make_request,
    run_server,
    toy_robot,
)

HORIZON = 40


class Reader:
    """Its score is the first number of the tap."""

    name = "reader"

    def start(self, key: EpisodeKey) -> int:
        return 0

    def update(self, state: int, proposal: Proposal | None, obs: Observation) -> tuple[int, Score]:
        value = float("nan") if proposal is None else float(proposal.features["trunk"][0])
        return state + 1, Score(self.name, value)


def make_controller(strong: int = 4, **changes: Any) -> Controller:
    rungs = (Rung("weak", 4), Rung("strong", strong))
    fixed: dict[str, Any] = {"ladder": Ladder(rungs, None), "patience": 3, "first": "weak"}
    gate = ConformalGate(threshold=0.5, guard_fraction=0.1, fires_fraction=0.2)
    switch = HysteresisSwitch(release=0.2, hold_chunks=1)
    return Controller(
        embodiment=toy_robot(), horizon=HORIZON, detectors=(Reader(),), gate=gate, switch=switch,
        **{**fixed, **changes},
    )  # fmt: skip


def make_policies() -> dict[str, SeeingPolicy]:
    return {"weak": SeeingPolicy("weak"), "strong": SeeingPolicy("strong", samples=1)}


@contextmanager
def serve_gated(
    controller: Controller, policies: dict[str, Any] | None = None, most: int = 8
) -> Iterator[str]:
    chosen = policies or make_policies()

    def make(server: OpenpiServer) -> GatedResponder:
        specs = {name: policy.spec for name, policy in chosen.items()}
        spec = build_gated_spec(controller, specs, "fingerprint")
        served = Served(
            spec, controller.embodiment, make_layout(), True, 1 << 20, {}, MEANT, ("reader",)
        )
        batchers = {n: QueryBatcher(p, 0.001, server.clients.count_idle) for n, p in chosen.items()}
        return GatedResponder(served, controller, chosen, batchers, server.clients, most)

    with run_server(make, horizon=HORIZON) as (url, _):
        yield url


def play_here(key: EpisodeKey, until: int) -> list[tuple[bytes, str]]:
    """Returns command and driver of each tick, as a driver in lockstep has them."""
    policies, session = make_policies(), Session(make_controller(), key)
    played = []
    for k in range(until):
        obs = make_query(k).obs
        asked = {n: policies[n].propose([Query(key, k, obs)])[0] for n in session.ask}
        decision = session.feed(Tick(k, k, obs, asked))
        played.append((decision.command.action.tobytes(), decision.mode.active))
    return played


def ask(client: Client, key: EpisodeKey, k: int, **changes: Any) -> Any:
    place = [key.root, key.suite, key.task, key.start, key.index, k, 0]
    return client.infer(make_request(k, **{"aegis/episode": place}, **changes))


def play_there(clients: list[Client], key: EpisodeKey, until: int) -> list[tuple[bytes, str]]:
    played: list[tuple[bytes, str]] = []
    while len(played) < until:
        client = clients[len(played) % len(clients)]
        answer = ask(client, key, len(played))
        driver = answer["aegis"]["mode"]
        played += [(row.tobytes(), driver) for row in answer["actions"]]
    return played


def test_a_course_over_the_wire_is_that_of_a_run() -> None:
    with serve_gated(make_controller()) as url, Client(url) as one, Client(url) as two:
        about = one.metadata["aegis"]
        assert about["gated"] is True
        assert (about["horizon"], about["execute"]) == (4, 4)
        drivers = set()
        for index in range(4):
            key = EpisodeKey(1, "toy", index, "wide", index)
            here = play_here(key, HORIZON)
            # An episode is known by its key: it does not matter on which connection it goes on.
            assert play_there([one], key, HORIZON) == here
            assert play_there([one, two], key, HORIZON) == here
            drivers |= {driver for _, driver in here}
        assert drivers == {"weak", "strong"}


def test_answers_say_what_was_decided() -> None:
    with serve_gated(make_controller()) as url, Client(url) as client:
        answer = ask(client, EpisodeKey(1, "toy", 0, "wide", 0), 0, **{"aegis/features": True})
    told = answer["aegis"]
    assert (told["tick"], told["rows"], told["mode"], told["command"]) == (0, 4, "weak", "act")
    assert told["scores"]["reader"] == told["features"]["trunk"][0]
    assert told["level"] == "stay"
    assert told["fires"] == 0
    assert isinstance(told["verdict"], str)


def test_a_client_without_addresses_has_the_course_of_its_connection() -> None:
    with serve_gated(make_controller()) as url, Client(url) as client:
        answers = [client.infer(make_request(0)) for _ in range(11)]
    assert [answer["aegis"]["tick"] for answer in answers] == [*range(0, 40, 4), 0]
    [first, *_] = [answer["actions"].tobytes() for answer in answers]
    key = EpisodeKey(0, "openpi", 0, "connection", 0)
    weak = make_policies()["weak"].propose([Query(key, 0, make_query(0).obs)])[0]
    assert first == weak.actions[:4].tobytes()


@pytest.mark.parametrize("execute", [1, 3, 4])
def test_a_client_may_execute_fewer_rows(execute: int) -> None:
    """Rows up to the next boundary are the same; the running chunk goes on where it was left."""
    key = EpisodeKey(1, "toy", 2, "wide", 5)
    with serve_gated(make_controller()) as url, Client(url) as client:
        first = ask(client, key, 0)
        again = ask(client, key, execute)
    if execute < 4:
        assert again["aegis"]["rows"] == 4 - execute
        rest = again["actions"][: 4 - execute]
        assert rest.tobytes() == first["actions"][execute:].tobytes()
    else:
        assert again["aegis"]["rows"] == 4


def test_ticks_that_do_not_follow_are_refused() -> None:
    key = EpisodeKey(1, "toy", 0, "wide", 0)
    with serve_gated(make_controller()) as url:
        for ticks in ((4,), (0, 4, 3), (0, 2000)):
            with Client(url) as client:
                for k in ticks[:-1]:
                    ask(client, key, k)
                place = [key.root, key.suite, key.task, key.start, key.index, ticks[-1], 0]
                said = client.refuse(make_request(**{"aegis/episode": place}))
                assert "aegis/episode.tick is" in said
        with Client(url) as client:  # Tick 0 begins anew.
            assert ask(client, key, 0)["aegis"]["tick"] == 0


def test_episodes_that_are_quiet_for_long_are_forgotten() -> None:
    with serve_gated(make_controller(), most=2) as url, Client(url) as client:
        for index in range(3):
            ask(client, EpisodeKey(1, "toy", 0, "wide", index), 0)
        assert ask(client, EpisodeKey(1, "toy", 0, "wide", 2), 4)["aegis"]["tick"] == 4
        place = [1, "toy", 0, "wide", 0, 4, 0]
        assert "0 at the start" in client.refuse(make_request(**{"aegis/episode": place}))


class Silent(SeeingPolicy):
    def propose(self, queries: Any) -> Any:
        return [None for _ in queries]


def test_a_silent_policy_makes_the_robot_hold_and_then_stop() -> None:
    policies = {**make_policies(), "weak": Silent("weak")}
    key = EpisodeKey(1, "toy", 0, "wide", 0)
    with serve_gated(make_controller(), policies) as url, Client(url) as client:
        first, second = ask(client, key, 0), ask(client, key, 4)
    assert first["aegis"]["command"] == "hold"
    assert first["aegis"]["rows"] == 1
    assert np.isnan(first["aegis"]["scores"]["reader"])
    assert second["aegis"]["command"] == Stop.__name__.lower()
    assert "weak" in second["aegis"]["reason"]
    assert second["actions"].tobytes() == bytes(4 * 3 * 4)


def test_rungs_of_different_lengths_answer_with_what_divides_both() -> None:
    spec = build_gated_spec(
        make_controller(strong=6), {n: p.spec for n, p in make_policies().items()}, ""
    )
    assert (spec.horizon, spec.execute) == (2, 2)


def test_what_cannot_be_asked_over_the_wire_is_refused() -> None:
    specs = {name: policy.spec for name, policy in make_policies().items()}
    led = Ladder((Rung("weak", 4, lead=1), Rung("strong", 4)), None)
    with pytest.raises(ConfigError, match="asked ahead"):
        build_gated_spec(make_controller(ladder=led), specs, "")
    looking = {**specs, "strong": SeeingPolicy(history=(2, 0)).spec}
    with pytest.raises(ConfigError, match=r"ticks \(2,\) ago"):
        build_gated_spec(make_controller(), looking, "")


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=2, max_size=2),
    st.booleans(),
)
def test_the_pictures_that_are_announced_suit_every_policy_or_nothing_is_served(
    sizes: list[tuple[int, int]], resize: bool
) -> None:
    specs = {
        name: replace(SeeingPolicy(name).spec, cameras={"agentview": (60 * h, 60 * w)})
        for name, (h, w) in zip(("weak", "strong"), sizes, strict=True)
    }
    (h, w), (height, width) = sizes
    if h * width != w * height:
        with pytest.raises(ConfigError, match="'agentview' in different aspects: 'strong' in"):
            build_gated_spec(make_controller(), specs, "", resize)
    elif not resize and sizes[0] != sizes[1]:
        with pytest.raises(ConfigError, match=r"'agentview' in different sizes.*resize=true"):
            build_gated_spec(make_controller(), specs, "", resize)
    else:
        found = build_gated_spec(make_controller(), specs, "", resize).cameras["agentview"]
        assert found == (60 * max(h, height), 60 * max(w, width))
        picture = np.zeros((*found, 3), np.uint8)
        for spec in specs.values():
            wanted = spec.cameras["agentview"]
            assert fit_picture(picture, wanted, "key", resize).shape == (*wanted, 3)


def test_everything_that_decisions_depend_on_is_in_the_digest() -> None:
    specs = {name: policy.spec for name, policy in make_policies().items()}
    digests = {build_gated_spec(make_controller(), specs, f).digest for f in ("a", "b")}
    assert len(digests) == 2
