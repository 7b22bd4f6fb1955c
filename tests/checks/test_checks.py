"""All that is shipped keeps its promises."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from aegis.checks import (
    check_detector,
    check_gate,
    check_policy,
    check_switch,
    check_world,
    sample_queries,
)
from aegis.core.protocols import Detector, Gate, Policy, Switch
from aegis.core.types import EpisodeKey, Observation, Proposal
from aegis.detectors.activation import ActivationProbe
from aegis.export.actions import write_actions
from aegis.fitting.probe_fit import fit_probe
from aegis.gates.bernoulli import RandomGate
from aegis.gates.conformal import ConformalGate
from aegis.gates.constant import AlwaysGate, NeverGate
from aegis.gates.gain import GainGate
from aegis.gates.rescue import RescueGate
from aegis.gates.schedule import ScheduleGate
from aegis.gates.stint import StintGate
from aegis.gates.switch import HysteresisSwitch
from envs.libero.world import LiberoWorld
from envs.robosuite import RobosuiteWorld
from policies.expert import ScriptedExpert
from policies.nano_vla.policy import NanoVLA
from policies.replay import ReplayPolicy
from tests.fakes import KEY, FakeDetector, ToyPolicy, ToyWorld, proposal, toy_observation
from tests.fitting.data import make_rollouts
from tests.fleet.toyrun import TrunkDetector, toy_queries
from tests.policies.nano_vla_fixtures import make_query, save_tiny

EYE = {"eye": (12, 16)}
LIBERO = EpisodeKey(7, "libero_spatial", 0, "wide", 1)


def toy_cases(policy: Policy) -> list[tuple[Proposal, Observation]]:
    queries = toy_queries(policy)
    return [(policy.propose([query])[0], query.obs) for query in queries]


def test_toy_world_and_policies() -> None:
    check_world(ToyWorld, KEY)
    check_world(partial(ToyWorld, horizon=1), KEY, EYE)
    for weak in (True, False):
        policy = ToyPolicy("one", weak=weak, cameras=EYE)
        chunks = check_policy(policy, toy_queries(policy), width=3)
        assert [chunk.k0 for chunk in chunks] == [0, 4, 8, 0, 4, 8]
        assert policy.closed


def test_libero_world_and_the_scripted_expert() -> None:
    make = partial(LiberoWorld, "libero_spatial", "builtin", 10)
    check_world(make, LIBERO, {"wrist": (16, 24)})
    expert = ScriptedExpert("expert")
    check_policy(expert, sample_queries(make, [LIBERO], expert.spec), width=7)


def test_robosuite_world() -> None:
    key = EpisodeKey(7, "robosuite", 0, "wide", 1)
    check_world(partial(RobosuiteWorld, "robosuite", "Lift", 10), key, {"agentview": (16, 24)})


@pytest.mark.parametrize("samples", [0, 2])
def test_nano_vla(samples: int, tmp_path: Path) -> None:
    policy = NanoVLA("weak", save_tiny(tmp_path / "tiny.safetensors"), batch=4, samples=samples)
    check_policy(policy, [make_query(i, k=5 * i) for i in range(5)], width=7)


def test_replay(tmp_path: Path) -> None:
    done = np.arange(84, dtype=np.float32).reshape(12, 7)
    write_actions(tmp_path / "trace.npz", {make_query(1).key: done, make_query(2).key: -done})
    policy = ReplayPolicy("replay", str(tmp_path / "trace.npz"), horizon=4, execute=2)
    check_policy(policy, [make_query(1, k=0), make_query(2, k=2), make_query(1, k=10)])


def test_activation_probe() -> None:
    probe = fit_probe(
        make_rollouts(),
        make_rollouts("calibration"),
        kind="logistic",
        alpha=0.1,
        guard=0.2,
        root=1,
        windows=(1.0,),
    )
    rows = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    actions = np.zeros((8, 3), np.float32)
    chunks = [Proposal("weak", 4 * i, actions, {"trunk": row}) for i, row in enumerate(rows)]
    check_detector(ActivationProbe(probe), KEY, [(c, toy_observation(c.k0)) for c in chunks])


@pytest.mark.parametrize("detector", [FakeDetector(), TrunkDetector()])
def test_fake_detectors(detector: Detector) -> None:
    if isinstance(detector, FakeDetector):
        cases = [(proposal("weak", k, risk=k / 9), toy_observation(k)) for k in (0, 4, 8)]
    else:
        cases = toy_cases(ToyPolicy("weak", weak=True))
    check_detector(detector, KEY, cases)


@pytest.mark.parametrize(
    "gate",
    [
        NeverGate(),
        AlwaysGate(),
        ConformalGate(threshold=0.5),
        ConformalGate(threshold=-3.0, guard_fraction=0.0, fires_fraction=1.0),
        ConformalGate(threshold=0.5, score="detector 0"),
        ConformalGate(threshold=0.5, score="nobody"),
        GainGate(0.1, (0, 100), (1.0, 0.0), 0.02),
        GainGate(0.0, (0,), (0.5,), 0.5, guard_fraction=0.3, fires_fraction=0.02, score="nobody"),
        RescueGate(0.1, "risk", "rescue"),
        RescueGate(-0.9, "a", "b", guard_fraction=0.3, fires_fraction=0.02),
        StintGate(20, 70, (2, 4)),
        ScheduleGate(start_tick=20, holds=(2, 3), period=30),
        ScheduleGate(start_tick=0, holds=(1,), order="cycle"),
        RandomGate(rate=0.3, holds=(2, 4)),
    ],
    ids=repr,
)
def test_gates(gate: Gate) -> None:
    check_gate(gate, KEY)


@pytest.mark.parametrize(
    "switch",
    [
        HysteresisSwitch(release=0.3),
        HysteresisSwitch(release=0.3, hold_chunks=1, max_chunks=4, threshold=0.5),
        HysteresisSwitch(release=0.3, score="detector 0"),
        HysteresisSwitch(release=-np.inf),
    ],
    ids=repr,
)
def test_switches(switch: Switch) -> None:
    check_switch(switch, KEY)
