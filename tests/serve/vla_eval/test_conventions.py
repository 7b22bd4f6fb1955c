"""Conventions of vla-eval's LIBERO: what is served means the same, or is refused at start-up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aegis.core.conventions import (
    CLOSE_POSITIVE,
    EEF_DELTA,
    EEF_PROPRIO,
    EEF_PROPRIO_FOLDED,
    MIRRORED,
    OPEN_ONE,
    OPEN_POSITIVE,
    UPRIGHT,
    Conventions,
)
from aegis.core.errors import ConfigError, ConventionError
from aegis.core.types import EpisodeKey
from aegis.serve.batcher import QueryBatcher
from aegis.serve.gated_responder import GatedResponder, build_gated_spec
from aegis.serve.metadata import Served
from aegis.serve.vla_eval.conventions import check_libero, list_parameters
from aegis.serve.vla_eval.server import VlaEvalServer
from tests.serve.test_gated import HORIZON, make_controller, make_policies, play_here
from tests.serve.toys import SeeingPolicy, make_layout, make_query, run_server, toy_robot
from tests.serve.vla_eval.harness import LAYOUT, Harness, observe

FITS = Conventions(EEF_PROPRIO, EEF_DELTA, CLOSE_POSITIVE, UPRIGHT)


def make_served(mirror: bool = True, dims: int = 7, **changes: str) -> Served:
    layout = make_layout(**LAYOUT, mirror=mirror)
    meant = replace(FITS, **changes)
    return Served(SeeingPolicy().spec, toy_robot(dims), layout, False, 1 << 20, {}, meant)


@pytest.mark.parametrize("proprio", [EEF_PROPRIO, EEF_PROPRIO_FOLDED, ""])
def test_the_angle_is_asked_for_as_the_policy_reads_it(proprio: str) -> None:
    served = make_served(proprio=proprio)
    check_libero(served)
    assert list_parameters(served)["quat_no_antipodal"] is (proprio != EEF_PROPRIO_FOLDED)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gripper": OPEN_POSITIVE}, "gripper"),
        ({"gripper": OPEN_ONE}, "gripper"),
        ({"actions": "joint_positions"}, "actions"),
        ({"proprio": "joint_positions"}, "proprio"),
        ({"pictures": MIRRORED}, "pictures"),
        ({"mirror": False}, "pictures"),
    ],
)
def test_what_means_something_else_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConventionError, match=f"by {said}"):
        check_libero(make_served(**changes))


def test_another_robot_is_refused() -> None:
    with pytest.raises(ConfigError, match="takes 7 numbers"):
        check_libero(make_served(dims=3))


def test_a_policy_without_a_wrist_camera_asks_for_none() -> None:
    served = replace(
        make_served(), layout=make_layout(**{**LAYOUT, "pictures": {"a": "agentview"}})
    )
    assert list_parameters(served)["send_wrist_image"] is False


def test_the_gated_controller_plays_the_course_of_a_run() -> None:
    """Step by step over the wire, what a driver in lockstep decides tick by tick."""
    controller, policies = make_controller(), make_policies()

    def make(server: VlaEvalServer) -> GatedResponder:
        specs = {name: policy.spec for name, policy in policies.items()}
        spec = build_gated_spec(controller, specs, "fingerprint")
        served = Served(
            spec, controller.embodiment, make_layout(**LAYOUT), True, 1 << 20, {}, FITS, ("reader",)
        )
        count = server.clients.count_idle
        batchers = {name: QueryBatcher(one, 0.001, count) for name, one in policies.items()}
        return GatedResponder(served, controller, policies, batchers, server.clients, 8)

    drivers = set()
    with run_server(make, wire=VlaEvalServer, seed=1) as (url, _), Harness(url) as harness:
        for index in range(3):
            key = EpisodeKey(1, "toy", index, "official", index)
            harness.begin(key)
            played = [harness.act(observe_query(k)) for k in range(HORIZON)]
            here = play_here(key, HORIZON)
            assert [one["actions"].tobytes() for one in played] == [row for row, _ in here]
            drivers |= {one["aegis"]["mode"] for one in played}
    assert drivers == {"weak", "strong"}


def observe_query(k: int) -> dict[str, Any]:
    """Returns what ``play_here`` sees at a tick, as vla-eval sends it."""
    obs = make_query(k).obs
    images = {c: p[:, ::-1].copy() for c, p in obs.images.items()}
    return observe(k, images=images, states=obs.proprio, task_description=obs.instruction)
