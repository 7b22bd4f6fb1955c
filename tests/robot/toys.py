"""Toys that processes of their own can build: small policies, a controller for them, a world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from aegis.core.controller import Controller
from aegis.core.protocols import Outcome, PolicySpec, Query
from aegis.core.types import Command, Embodiment, EpisodeKey, PolicyId, Proposal
from aegis.ros.contract.contract import Contract
from aegis.ros.driver_process import DriverPlan
from tests.core.late_parts import make_late
from tests.fakes import KEY, ToyWorld
from tests.robot.kit import TOY, WAIT, change, make_contract


class SteadyPolicy:
    """Proposes one action for ever, from a picture of the right size."""

    def __init__(
        self, name: PolicyId, value: float, cameras: Mapping[str, tuple[int, int]]
    ) -> None:
        self._value = value
        self.spec = PolicySpec(name, f"steady {value}", dict(cameras), 24, 10, {}, privileged=False)

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        for query in queries:
            for name, size in self.spec.cameras.items():
                assert query.obs.images[name].shape == (*size, 3)
        actions = np.full((24, 3), self._value, np.float32)
        return [Proposal(self.spec.name, query.k, actions) for query in queries]

    def close(self) -> None:
        pass


class BrokenPolicy(SteadyPolicy):
    """Cannot be loaded."""

    def __init__(self) -> None:
        raise FileNotFoundError("no weights at /nowhere")


class PrivilegedPolicy(SteadyPolicy):
    """Looks at what no robot has."""

    def __init__(self) -> None:
        super().__init__("weak", 0.5, {})
        self.spec = replace(self.spec, privileged=True)


def build_controller(contract: Contract, specs: Mapping[PolicyId, PolicySpec]) -> Controller:
    """Returns the controller of the tests that run late, for the robot of a contract."""
    assert set(specs) == {"weak", "strong"}
    return replace(make_late(lead=4, patience=10**6), embodiment=contract.build_embodiment())


def make_patient_contract(in_fault: str = "idle") -> Contract:
    """Returns the contract of the point with ages that no slow machine reaches."""
    tree = change(TOY, "stale_after", WAIT)
    for path in ("state.0", "pictures.agentview", "levels.estop", "operator"):
        tree = change(tree, f"{path}.max_age", WAIT)
    return make_contract(tree, in_fault=in_fault)


def make_plan(contract: Contract | None = None, weak: object = None) -> DriverPlan:
    """Returns a plan of two steady policies; ``weak`` builds another one in its place."""
    given = contract or make_patient_contract()
    policies = {
        "weak": weak or partial(SteadyPolicy, "weak", 0.25, {"agentview": (8, 8)}),
        "strong": partial(SteadyPolicy, "strong", 0.75, {}),
    }
    build = partial(build_controller, given)
    return DriverPlan(given, policies, build, KEY, {}, 0, None, WAIT)  # type: ignore[arg-type]


class RecordedWorld(ToyWorld):
    """A point that goes where it is told, for ever, and writes down what it was told.

    Attributes:
        told: Actions so far.
        begun: Episodes so far.
        solves_at: Step at which its task is solved.
    """

    def __init__(self, solves_at: int = 10**9) -> None:
        super().__init__(horizon=10**9, noise=0)
        self.told: list[np.ndarray] = []
        self.begun: list[EpisodeKey] = []
        self.solves_at = solves_at

    @property
    def embodiment(self) -> Embodiment:
        return replace(super().embodiment, hold=np.array([0, 0, -1], np.float32))

    def begin(self, key: EpisodeKey) -> None:
        super().begin(key)
        self.begun.append(key)

    def apply(self, command: Command) -> Outcome:
        self.told.append(command.action.copy())
        super().apply(command)
        self._done = False  # As worlds that go on after their task is solved.
        return Outcome(self._k >= self.solves_at, done=False)
