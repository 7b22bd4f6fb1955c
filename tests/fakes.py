"""Fakes that validate what they are given, and a toy world that is solved in milliseconds.

``ToyWorld`` is a point in the plane that must reach a goal. ``ToyPolicy`` plays both roles: the
weak one steers past the goal in hard episodes, the strong one never does. The weak one's tap
``trunk`` leaks how hard the episode is, so that a probe has something to find.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from aegis.core.errors import NonFiniteError, ShapeError, SnapshotError
from aegis.core.protocols import Outcome, PolicySpec, Query, WorldState
from aegis.core.seeds import episode_stream
from aegis.core.types import (
    F32,
    Act,
    ActionKind,
    Command,
    Embodiment,
    EpisodeKey,
    Observation,
    PolicyId,
    Proposal,
    Score,
    Stop,
    Tick,
)

KEY = EpisodeKey(root=7, suite="toy", task=0, start="wide", index=0)


def toy_embodiment() -> Embodiment:
    """A velocity in the plane and a gripper that keeps its grip."""
    return Embodiment(
        names=("x", "y", "grip"),
        low=np.array([-1, -1, -1], np.float32),
        high=np.array([1, 1, 1], np.float32),
        kind=ActionKind.VELOCITY,
        dt=0.05,
        hold=np.zeros(3, np.float32),
        sticky=(False, False, True),
    )


def toy_observation(k: int = 0) -> Observation:
    return Observation(k, np.zeros(2, np.float32), {}, "reach the goal")


def proposal(
    policy: PolicyId,
    k0: int,
    *,
    rows: int = 8,
    value: float = 0.5,
    risk: float = 0.0,
    a: int = 3,
) -> Proposal:
    """A chunk of equal rows whose tap says what FakeDetector is to answer."""
    actions = np.full((rows, a), value, np.float32)
    return Proposal(policy, k0, actions, {"risk": np.array([risk], np.float32)})


def tick(k: int, *proposals: Proposal) -> Tick:
    return Tick(k, k * 50_000_000, toy_observation(k), {p.policy: p for p in proposals})


@dataclass(frozen=True)
class FakeDetector:
    """Answers the tap ``risk``; its state counts the chunks that it saw."""

    name: str = "fake"

    def start(self, key: EpisodeKey) -> int:
        assert isinstance(key, EpisodeKey)
        return 0

    def update(self, state: int, proposal: Proposal | None, obs: Observation) -> tuple[int, Score]:
        assert isinstance(obs, Observation)
        if proposal is None:
            return state + 1, Score(self.name, float("nan"))
        assert proposal.actions.ndim == 2, "a detector must not see unusable chunks"
        return state + 1, Score(self.name, float(proposal.features["risk"][0]))


@dataclass
class ScriptedPolicy:
    """Answers what a function of (query) says; refuses queries that no policy should get."""

    name: PolicyId
    answer: Callable[[Query], Proposal]
    horizon: int = 8
    execute: int = 4
    closed: bool = False
    asked: list[int] = field(default_factory=list)

    @property
    def spec(self) -> PolicySpec:
        return PolicySpec(
            self.name, "scripted", {}, self.horizon, self.execute, {"risk": 1}, privileged=True
        )

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        assert not self.closed, "asked after close"
        assert queries, "asked for nothing"
        self.asked.extend(query.k for query in queries)
        return [self.answer(query) for query in queries]

    def close(self) -> None:
        self.closed = True


class ToyWorld:
    """A point that starts near the origin and must come within 0.05 m of a goal."""

    SPEED = 0.05
    """Way per tick at full command [m]."""

    def __init__(self, horizon: int = 60, noise: float = 0.002, p_hard: float = 0.5) -> None:
        self._horizon = horizon
        self._noise = noise
        self._p_hard = p_hard
        self._key: EpisodeKey | None = None
        self._done = True
        self.closed = False

    @property
    def embodiment(self) -> Embodiment:
        return toy_embodiment()

    @property
    def horizon(self) -> int:
        return self._horizon

    def begin(self, key: EpisodeKey) -> None:
        assert not self.closed, "begun after close"
        rng = episode_stream(key, "start")
        self._key, self._k, self._done = key, 0, False
        self._at = rng.uniform(-0.2, 0.2, 2)
        angle = 2 * np.pi * (key.task / 10) + rng.uniform(-0.2, 0.2)
        self._goal = 0.8 * np.array([np.cos(angle), np.sin(angle)])
        self._hard = float(rng.random() < self._p_hard)

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        assert self._key is not None, "observed before begin"
        return Observation(
            stamp=self._k * 50_000_000,
            proprio=self._at.astype(np.float32),
            images={name: self._picture(*size) for name, size in cameras.items()},
            instruction=f"reach goal {self._key.task}",
            privileged={
                "at": self._at.copy(),
                "goal": self._goal.copy(),
                "hard": np.array([self._hard]),
            },
        )

    def apply(self, command: Command) -> Outcome:
        assert self._key is not None, "moved before begin"
        assert not self._done, "moved after the end"
        action = command.action
        if action.shape != (3,) or action.dtype != np.float32:
            raise ShapeError(f"Action must be float32 of shape (3,). Got: {action!r}.")
        robot = self.embodiment
        if not np.isfinite(action).all():
            raise NonFiniteError(f"Action must be finite. Got: {action!r}.")
        assert (action >= robot.low).all(), "below the limits"
        assert (action <= robot.high).all(), "above the limits"
        jitter = self._noise * episode_stream(self._key, "env", self._k).standard_normal(2)
        self._at = self._at + self.SPEED * action[:2].astype(np.float64) + jitter
        self._k += 1
        success = bool(np.linalg.norm(self._at - self._goal) < 0.05)
        self._done = success or isinstance(command, Stop) or self._k >= self._horizon
        return Outcome(success, self._done)

    def digest(self) -> str:
        state = np.concatenate([self._at, self._goal, [self._hard, self._k]])
        return hashlib.blake2b(state.tobytes(), digest_size=16).hexdigest()

    def snapshot(self) -> WorldState:
        assert self._key is not None, "snapshot before begin"
        assert not self._done, "snapshot after the end"
        values = np.concatenate([self._at, self._goal, [self._hard]])
        return WorldState(f"toy-{self._noise}", self._key, self._k, values)

    def restore(self, state: WorldState) -> None:
        assert not self.closed, "restored after close"
        if state.model != f"toy-{self._noise}" or state.values.shape != (5,):
            raise SnapshotError(f"Not a state of this world: {state.model}.")
        self._key, self._k, self._done = state.key, state.k, False
        self._at, self._goal = state.values[:2].copy(), state.values[2:4].copy()
        self._hard = float(state.values[4])

    def close(self) -> None:
        self.closed = True

    def _picture(self, height: int, width: int) -> np.ndarray:
        picture = np.zeros((height, width, 3), np.uint8)
        for place, channel in ((self._at, 0), (self._goal, 1)):
            row, column = ((place.clip(-1, 1) + 1) / 2 * [height - 1, width - 1]).astype(int)
            picture[row, column, channel] = 255
        return picture


class ToyPolicy:
    """Heads for the goal; a weak one heads past it when the episode is hard."""

    def __init__(
        self,
        name: PolicyId,
        *,
        weak: bool,
        horizon: int = 8,
        execute: int = 4,
        noise: float = 0.05,
        cameras: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        self._weak = weak
        self._noise = noise
        digest = f"toy-{'weak' if weak else 'strong'}"
        self._spec = PolicySpec(
            name, digest, cameras or {}, horizon, execute, {"trunk": 4}, privileged=True
        )
        self.closed = False

    @property
    def spec(self) -> PolicySpec:
        return self._spec

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        assert not self.closed, "asked after close"
        assert queries, "asked for nothing"
        return [self._chunk(query) for query in queries]

    def close(self) -> None:
        self.closed = True

    def _chunk(self, query: Query) -> Proposal:
        for name, (height, width) in self._spec.cameras.items():
            if query.obs.images[name].shape != (height, width, 3):
                raise ShapeError(f"{name} must be ({height}, {width}, 3).")
        truth = query.obs.privileged
        rng = episode_stream(query.key, "policy", self._spec.name, query.k, query.salt)
        hard = float(truth["hard"][0])
        past = 0.3 * np.array([-truth["goal"][1], truth["goal"][0]]) * hard * self._weak
        at, rows = truth["at"].copy(), []
        for _ in range(self._spec.horizon):
            way = (truth["goal"] + past - at) / ToyWorld.SPEED
            step = way / max(1.0, float(np.abs(way).max()))
            rows.append([*(step + self._noise * rng.standard_normal(2)), 1.0])
            at += ToyWorld.SPEED * step
        tap = np.array([2 * hard, at[0], at[1], 0.0]) + 0.5 * rng.standard_normal(4)
        return Proposal(
            self._spec.name,
            query.k,
            np.array(rows, np.float32),
            {"trunk": tap.astype(np.float32)},
        )


def toy_key(index: int, *, task: int = 0, root: int = 7, start: str = "wide") -> EpisodeKey:
    return EpisodeKey(root, "toy", task, start, index)


def roll(world: ToyWorld, policy: ToyPolicy, key: EpisodeKey) -> bool:
    """Lets one policy drive alone; the smallest possible driver."""
    world.begin(key)
    outcome = Outcome(success=False, done=False)
    k = 0
    low, high = world.embodiment.low, world.embodiment.high
    while not outcome.done:
        chunk: F32 = policy.propose([Query(key, k, world.observe({}))])[0].actions
        for row in chunk[: policy.spec.execute]:
            outcome = world.apply(Act(np.clip(row, low, high)))
            k += 1
            if outcome.done:
                break
    return outcome.success
