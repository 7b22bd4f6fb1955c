"""`aegis serve` and `aegis doctor wire`: what is refused at once, and what they say."""

from __future__ import annotations

import random
import resource
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgpack
import numpy as np
import pytest

from aegis.app.main import main
from aegis.core.answers import ask_policy
from aegis.core.protocols import Policy, Query
from aegis.core.types import Proposal
from aegis.host.array_messages import pack_message
from tests.app.typed import type_in
from tests.fakes import ToyWorld
from tests.host.frames import mutate_frame
from tests.serve.clients import Client
from tests.serve.test_gated import make_controller, make_policies, serve_gated
from tests.serve.toys import (
    KEYS,
    MEANT,
    SIDE,
    Plain,
    SeeingPolicy,
    make_layout,
    make_request,
    serve_policy,
)

WIRE = """
env: {_target_: tests.fakes.ToyWorld, horizon: 24}
start: {family: wide, split: training, offset: 0}
expert: {_target_: tests.fakes.ToyPolicy, name: expert, weak: false}
policy:
  _target_: policies.openpi.policy.OpenpiPolicy
  name: policy
  url: null
  horizon: 8
  execute: 4
  dimensions: 3
  views: []
seed: 0
tasks: [0, 1]
units: 4
ticks: 12
spacing: 4
calls: 20
trusted: [tests]
"""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("host=0.0.0.0", "clients need a token"),
        ("host=0.0.0.0 token_variable=NO_SUCH_TOKEN", "NO_SUCH_TOKEN"),
        ("token_file=/no/token", "cannot be read"),
        ("certificate=a.pem", "both certificate and key"),
        ("what=nothing", "Allowed: policy, gated"),
        ("port=70000", "65535"),
        ("policy=expert", "reads simulator truth"),
        ("keys.wrist=null", "'keys.wrist' must be a text"),
        ("keys.wrist=prompt", "keys of their own"),
        ("max_bytes=3", "max_bytes"),
    ],
)
def test_what_cannot_be_served_is_refused_at_once(words: str, says: str, tmp_path: Path) -> None:
    small = [] if "policy=" in words else ["policy=nano_weak"]
    assert says in type_in(tmp_path, "serve", *small, *words.split(), code=2)["said"]


def test_the_doctor_says_what_a_server_gives(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "wire.yaml").write_text(WIRE)
    with serve_policy(wait=0.001) as (url, server):
        said = type_in(tmp_path, "doctor", "wire", url, "--config-dir", "configs")
        assert server.counts["refused"] == 0
    assert (said["horizon"], said["execute"], said["actions"]) == (8, 4, 3)
    assert said["cameras"] == {camera: [SIDE, SIDE] for camera in KEYS}
    assert (said["digest"], said["taps"]) == ("seeing-1", {"trunk": 4})
    assert (said["calls"], said["differing"]) == (20, 0)
    assert 0 < said["latency_p50_ms"] <= said["latency_p99_ms"]
    # A policy that knows nothing of the world agrees with no expert, either way round.
    assert said["pictures"]["best"] is None
    assert said["exit_code"] == 0


def test_the_doctor_says_another_width(tmp_path: Path) -> None:
    write_wire(tmp_path)
    with serve_policy(SeeingPolicy(action=4), wait=0.001) as (url, _):
        words = ("doctor", "wire", url, "units=2", "calls=1", "--config-dir", "configs")
        said = type_in(tmp_path, *words, code=4)
    assert (said["actions"], said["world_actions"]) == (4, 3)
    assert "the server gives 4 numbers, the world takes 3" in said["said"]


def test_the_doctor_measures_no_memory_of_a_gated_server(tmp_path: Path) -> None:
    """Each call begins an episode; ticks come in their order, mirrored pictures elsewhere."""
    write_wire(tmp_path)
    policies = make_policies()
    with serve_gated(make_controller(), policies, most=100) as url:
        words = ("doctor", "wire", url, "units=2", "calls=7", "--config-dir", "configs")
        for times in (1, 2):
            said = type_in(tmp_path, *words)
            fresh = {q.key for q in policies["weak"].seen if q.key.index > 1 << 50}
            assert len(fresh) == 7 * times, "each call was thought about"
    assert said["differing"] is None
    assert "a gated server remembers" in said["said"]
    # Twelve ticks, one state in four, two units, two ways round.
    assert said["states"] == 6
    assert {q.k for q in policies["weak"].seen} == {0, 4, 8}


class Named(ToyWorld):
    """A world that names its conventions."""

    conventions = replace(MEANT, gripper="open_positive", actions="")


def write_wire(place: Path, world: str = "tests.fakes.ToyWorld") -> None:
    (place / "configs").mkdir()
    (place / "configs" / "wire.yaml").write_text(WIRE.replace("tests.fakes.ToyWorld", world))


@pytest.mark.parametrize("units", [0, 2])
def test_the_doctor_compares_the_conventions_that_are_named(units: int, tmp_path: Path) -> None:
    write_wire(tmp_path, "tests.serve.test_serve_command.Named")
    with serve_policy(wait=0.001) as (url, _):
        words = ("doctor", "wire", url, f"units={units}", "calls=1", "--config-dir", "configs")
        said = type_in(tmp_path, *words, code=4)
    differing = {"server": "close_positive", "world": "open_positive"}
    assert said["conventions"] == {"gripper": differing}
    assert "the server means close_positive, the world open_positive" in said["said"]


def test_the_doctor_asks_with_the_past_that_a_policy_needs(tmp_path: Path) -> None:
    write_wire(tmp_path)
    policy = SeeingPolicy(history=(5, 1, 0))
    with serve_policy(policy, wait=0.001) as (url, server):
        words = ("doctor", "wire", url, "units=1", "calls=1", "--config-dir", "configs")
        said = type_in(tmp_path, *words)
        assert server.counts["refused"] == 0
    assert said["conventions"] == {}
    # Toy pictures show nothing; proprioception moves with the point.
    seen = {query.k: query for query in policy.seen}
    assert sorted(seen) == [0, 4, 8]
    at = {k: query.obs.proprio.tobytes() for k, query in seen.items()}
    for k, query in seen.items():
        assert len(query.past) == 2
        assert (query.past[1].proprio.tobytes() == at[k]) == (k == 0)
        assert (query.past[0].proprio.tobytes() == at[0]) == (k < 8)


def test_the_help_says_which_exit_codes_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "wire", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "exit code 0 if all fits" in said
    assert "4 if a convention differs" in said


class Flipped:
    """A policy whose gripper goes the other way."""

    def __init__(self, policy: Policy) -> None:
        self._policy, self.spec = policy, policy.spec

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        signs = np.array([1, 1, 1, 1, 1, 1, -1], np.float32)
        found = ask_policy(self._policy, queries)
        return [replace(one, actions=one.actions * signs) for one in found]

    def close(self) -> None:
        pass


@pytest.mark.slow
def test_the_doctor_finds_mirrored_pictures_and_a_flipped_gripper(tmp_path: Path) -> None:
    """A real policy behind a plain server, asked with one convention wrong at a time."""
    from policies.nano_vla.policy import NanoVLA

    checkpoint = "policies/nano_vla/checkpoints/strong.safetensors"
    place = Path(__file__).resolve().parents[2] / checkpoint
    policy = NanoVLA("policy", str(place), batch=16, taps=[], temperature=0.3, portable=True)

    views = (
        "policy.views=["
        + ",".join(
            f"{{_target_: policies.views.View, camera: {camera}, key: {key}, "
            "size: [64, 64], mirror: true}"
            for camera, key in KEYS.items()
        )
        + "]"
    )
    few = ["units=6", "calls=2", "env.assets=builtin", views]
    for served, mirror, best, code in (
        (policy, True, ("as sent", "as it is"), 0),
        (policy, False, ("mirrored", "as it is"), 4),
        (Flipped(policy), True, ("as sent", "flipped"), 4),
    ):
        with serve_policy(served, make_layout(mirror=mirror), kind=Plain) as (url, _):
            said = type_in(tmp_path, "doctor", "wire", url, *few, code=code)
        assert said["pictures"]["best"] == best[0]
        assert said["gripper"]["best"] == best[1]


@pytest.mark.slow
def test_ten_thousand_malformed_frames_are_refused_and_take_no_memory() -> None:
    rng, whole = random.Random(7), pack_message(make_request(1))
    peaks = []
    with serve_policy(wait=0.0, connections=8) as (url, server):
        for _ in range(4):
            for _ in range(2500):
                with Client(url) as client:
                    client.socket.send(mutate_frame(whole, rng))
                    frame = client.socket.recv(timeout=20)
                    assert isinstance(frame, str) or b"actions" in msgpack.unpackb(
                        frame, raw=True, strict_map_key=False
                    )
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        assert server.counts["refused"] > 3000
        with Client(url) as client:
            assert client.infer(make_request())["actions"].shape == (8, 3)
    assert peaks[-1] - peaks[0] < 32_000, "kB"
