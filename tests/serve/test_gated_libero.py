"""LIBERO episodes played through the served gated controller are those of a run, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import pytest

from aegis.app.config.composition import compose_config
from aegis.app.config.folders import find_config_folders
from aegis.app.config.lab import make_world_factory
from aegis.app.config.part_builder import build_policy, read_policy_nodes
from aegis.app.config.settings import Settings
from aegis.app.serving import build_responder
from aegis.core.protocols import Policy, World
from aegis.core.types import Act, EpisodeKey
from aegis.runtime.lockstep import Lockstep
from aegis.serve.gated_responder import GatedResponder
from aegis.serve.openpi_server import OpenpiServer
from tests.serve.clients import Client
from tests.serve.toys import KEYS, run_server

HORIZON = 60
SIZE = (64, 64)
GATES = {
    "shipped": ((), {"weak"}),
    "blind": (("gate=blind", "gate.start_tick=12", "gate.holds=[20]"), {"weak", "strong"}),
}
"""Settings of a gate, and who drives at least."""


class Played(NamedTuple):
    """A tick that was played: what was executed, who drove, and what came of it."""

    action: bytes
    driver: str
    digest: str


def compose(name: str, *words: str) -> Any:
    return compose_config(name, list(words), *find_config_folders(name, None))


@contextmanager
def load_policies(composed: Any) -> Iterator[dict[str, Policy]]:
    nodes = read_policy_nodes(Settings(composed.tree), ("weak", "strong"))
    with ExitStack() as stack:
        policies: dict[str, Policy] = {}
        for name, node in nodes.items():
            policies[name] = build_policy(composed, name, node)
            stack.callback(policies[name].close)
        yield policies


def play_here(
    world: World, responder: GatedResponder, policies: dict[str, Policy], key: EpisodeKey
) -> list[Played]:
    """Plays an episode as runs do."""
    episode = Lockstep(world, responder._controller, policies, key)
    played = []
    while not episode.done:
        decision = episode.play_tick().decision
        action = decision.command.action.tobytes()
        played.append(Played(action, decision.mode.active, world.digest()))
    return played


def play_there(world: World, client: Client, key: EpisodeKey) -> list[Played]:
    """Plays an episode as clients of openpi's protocol do: pictures are sent mirrored."""
    world.begin(key)
    played: list[Played] = []
    done = False
    while not done:
        obs = world.observe(dict.fromkeys(KEYS, SIZE))
        k = len(played)
        answer = client.infer(
            {
                **{key: obs.images[camera][:, ::-1] for camera, key in KEYS.items()},
                "observation/state": obs.proprio,
                "prompt": obs.instruction,
                "aegis/episode": [key.root, key.suite, key.task, key.start, key.index, k, 0],
            }
        )
        told = answer["aegis"]
        for row in answer["actions"][: told["rows"]]:
            done = world.apply(Act(row)).done or len(played) + 1 >= HORIZON
            played.append(Played(row.tobytes(), told["mode"], world.digest()))
            if done:
                break
    return played


@pytest.mark.slow
@pytest.mark.parametrize("gate", GATES)
def test_libero_over_the_wire_is_libero_in_a_run(gate: str) -> None:
    words, least = GATES[gate]
    composed = compose("serve", "what=gated", f"horizon={HORIZON}", *words)
    world = make_world_factory(compose("run", f"env.horizon={HORIZON}", "env.assets=builtin"))()
    drivers = set()
    with load_policies(composed) as policies:
        found: list[GatedResponder] = []

        def make(server: OpenpiServer) -> GatedResponder:
            responder = build_responder(composed, policies, server.clients)
            assert isinstance(responder, GatedResponder)
            found.append(responder)
            return responder

        with run_server(make, horizon=HORIZON) as (url, _), Client(url) as client:
            for task in (0, 3):
                key = EpisodeKey(0, "libero_spatial", task, "wide", task)
                here = play_here(world, found[0], policies, key)
                assert play_there(world, client, key) == here
                drivers |= {one.driver for one in here}
    world.close()
    assert drivers >= least
