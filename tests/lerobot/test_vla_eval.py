"""The genuine vla-eval, which lies in LeRobot's environment, talks to our server."""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aegis.core.protocols import Query
from aegis.core.types import EpisodeKey, Observation
from aegis.serve.pictures import resize_picture
from aegis.serve.responder import Responder
from aegis.serve.vla_eval.server import VlaEvalServer
from aegis.study.imported.reading import read_results
from tests.serve.toys import SIDE, SeeingPolicy, make_layout, make_policy_responder, run_server
from tests.serve.vla_eval.harness import KEY, LAYOUT, observe, see

pytestmark = pytest.mark.lerobot
PERIOD = 2


def make(server: VlaEvalServer, policy: SeeingPolicy) -> Responder:
    layout = make_layout(**LAYOUT, resize=True)
    return make_policy_responder(policy, server, layout, wait=0.001)


def test_its_connection_gets_what_the_policy_says() -> None:
    from vla_eval.connection import Connection
    from vla_eval.specs import GRIPPER_CLOSE_POS, DimSpec

    async def play(url: str) -> tuple[Any, list[Any]]:
        async with Connection(url) as connection:
            task = {"suite": KEY.suite, "task_id": KEY.task, "episode_idx": KEY.index}
            await connection.start_episode({"task": task})
            acted = [await connection.act(observe(k)) for k in range(6)]
            await connection.end_episode({"metrics": {"success": True}})
            return connection.server_info, acted

    policy = SeeingPolicy()
    with run_server(functools.partial(make, policy=policy), wire=VlaEvalServer) as (url, _):
        told, acted = asyncio.run(play(url))
    gripper = DimSpec.from_dict(told["action_spec"]["gripper"])
    assert gripper.is_compatible(GRIPPER_CLOSE_POS)[0]
    rows = [
        row
        for k in (0, 4)
        for (proposal,) in [SeeingPolicy().propose([Query(KEY, k, see(k))])]
        for row in proposal.actions[:4]
    ]
    np.testing.assert_array_equal([one["actions"] for one in acted], rows[:6])


@pytest.mark.slow
def test_its_libero_is_played_on_our_assets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures and proprioception of its LIBERO are ours, and its recording is read."""
    from vla_eval.orchestrator import Orchestrator

    policy = SeeingPolicy(proprio=8, action=7, execute=PERIOD)
    steps, place = 4, "vla_eval_aegis.libero:AegisLibero"
    params = {"suite": KEY.suite, "seed": 7}
    benchmark = {"benchmark": place, "name": "spatial", "max_tasks": 1, "max_steps": steps}
    with run_server(functools.partial(make, policy=policy), wire=VlaEvalServer) as (url, _):
        config = {
            "server": {"url": url, "timeout": 600},
            "output_dir": str(tmp_path),
            "benchmarks": [{**benchmark, "episodes_per_task": 1, "params": params}],
        }
        asyncio.run(Orchestrator(config, eval_id="one").run())
    (recording,) = tmp_path.glob("recording-*.sqlite")
    (episode,) = read_results(str(recording)).episodes
    assert (episode.address.suite, episode.address.task, episode.address.index) == (KEY.suite, 0, 0)
    assert (episode.steps, episode.error) == (steps, "")
    assert [query.k for query in policy.seen] == [0, PERIOD]
    assert policy.seen[0].key == EpisodeKey(0, KEY.suite, 0, "official", 0)
    check_against_our_world(policy.seen[0].obs)


def check_against_our_world(seen: Observation) -> None:
    """Compares what the harness sent first with what our world shows at the same start state.

    Mirrored or upside down, pictures would be far away; with a folded angle, so would the state.
    They are alike and not equal: while objects settle, robosuite turns the hand to where it was
    before the start state was set, which depends on the harness's random numbers.
    """
    from envs.libero.world import LiberoWorld

    world = LiberoWorld(suite=KEY.suite, assets="builtin", horizon=20, pictures="official")
    world.begin(EpisodeKey(0, KEY.suite, 0, "official", 0))
    ours = world.observe({"agentview": (256, 256), "wrist": (256, 256)})
    world.close()
    np.testing.assert_allclose(seen.proprio, ours.proprio, atol=0.2)
    for camera, picture in ours.images.items():
        small = resize_picture(picture, SIDE, SIDE).astype(float)
        got = seen.images[camera].astype(float)
        errors = [np.abs(got - turned).mean() for turned in (small, small[:, ::-1], small[::-1])]
        assert errors[0] < 10
        assert errors[0] < 0.5 * min(errors[1:])
