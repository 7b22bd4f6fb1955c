"""A toy experiment, small enough to be run many times, and worlds and policies that misbehave."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from aegis.checks import sample_queries
from aegis.core.controller import Controller
from aegis.core.ladder import Ladder
from aegis.core.protocols import Gate, Outcome, Policy, Query
from aegis.core.types import Command, EpisodeKey, Observation, PolicyId, Proposal, Score
from aegis.fleet.arm import Arm
from aegis.fleet.pool import WorkerPool
from aegis.fleet.progress import NullSink, ProgressSink
from aegis.fleet.run_plan import RunPlan
from aegis.fleet.runner import play_plan
from aegis.fleet.units import Split, list_units
from aegis.gates.bernoulli import RandomGate
from aegis.gates.conformal import ConformalGate
from aegis.gates.constant import NeverGate
from aegis.gates.schedule import ScheduleGate
from aegis.gates.switch import HysteresisSwitch
from aegis.records.store import RunTables
from tests.fakes import ToyPolicy, ToyWorld, toy_embodiment, toy_key

HORIZON = 60


@dataclass(frozen=True)
class TrunkDetector:
    """Reads how hard the episode is from the weak policy's tap."""

    name: str = "trunk"

    def start(self, key: EpisodeKey) -> None:
        return None

    def update(
        self, state: None, proposal: Proposal | None, obs: Observation
    ) -> tuple[None, Score]:
        value = float("nan") if proposal is None else float(proposal.features["trunk"][0])
        return None, Score(self.name, value)


def controller(gate: Gate, first: PolicyId = "weak", horizon: int = HORIZON) -> Controller:
    return Controller(
        embodiment=toy_embodiment(),
        ladder=Ladder.pair("weak", "strong", {"weak": 4, "strong": 4}),
        horizon=horizon,
        detectors=(TrunkDetector(),),
        gate=gate,
        switch=HysteresisSwitch(release=0.5, hold_chunks=2),
        patience=8,
        first=first,
    )


def toy_arms() -> tuple[Arm, ...]:
    return (
        Arm("weak", controller(NeverGate()), log_features=True),
        Arm("strong", controller(NeverGate(), first="strong")),
        Arm("blind", controller(ScheduleGate(start_tick=16, holds=(2, 3)))),
        Arm("random", controller(RandomGate(rate=0.2, holds=(2, 3)))),
        Arm("aegis", controller(ConformalGate(threshold=1.0))),
    )


def toy_policies() -> dict[PolicyId, ToyPolicy]:
    cameras = {"agentview": (8, 8)}
    return {
        "weak": ToyPolicy("weak", weak=True, cameras=cameras),
        "strong": ToyPolicy("strong", weak=False, cameras=cameras),
    }


def toy_queries(policy: Policy) -> list[Query]:
    return sample_queries(ToyWorld, [toy_key(1), toy_key(2)], policy.spec)


def toy_plan(count: int = 4, arms: tuple[Arm, ...] | None = None, **kwargs: object) -> RunPlan:
    return RunPlan(
        units=list_units(7, "toy", (0, 1), "wide", Split.TEST, count),
        arms=arms or toy_arms(),
        config="toy: true\n",
        identity={"config": "toy"},
        truth=("hard",),
        **kwargs,
    )


def toy_run(
    out: Path,
    plan: RunPlan | None = None,
    *,
    workers: int = 1,
    slots: int = 2,
    world: partial[ToyWorld] | None = None,
    policies: dict[PolicyId, ToyPolicy] | None = None,
    sink: ProgressSink | None = None,
) -> RunTables:
    with WorkerPool(world or partial(ToyWorld, horizon=HORIZON), workers) as pool:
        return play_plan(
            plan or toy_plan(), policies or toy_policies(), pool, out, sink or NullSink(), slots
        )


def tables(out: Path) -> dict[str, bytes]:
    return {n: (out / f"{n}.parquet").read_bytes() for n in ("episodes", "steps", "features")}


class Recorder(NullSink):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.totals: tuple[int, int] = (0, 0)
        self.heard: list[object] = []
        self.ends = 0
        self.closes = 0

    def on_run_opened(self, total: int, done: int, arms: Sequence[str]) -> None:
        self.totals = (total, done)

    def on_progress(self, progress: object) -> None:
        self.heard.append(progress)

    def on_episode_finished(self, episode: object) -> None:
        self.ends += 1

    def on_run_closed(self) -> None:
        self.closes += 1


class Interrupter(Recorder):
    """Sends this process a Ctrl-C when so many episodes are done."""

    def __init__(self, after: int, times: int = 1) -> None:
        super().__init__()
        self.after, self.times = after, times

    def on_episode_finished(self, episode: object) -> None:
        super().on_episode_finished(episode)
        if self.ends == self.after:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)


class DyingWorld(ToyWorld):
    """Kills its process once, at tick 12 of one episode, unless the marker is there."""

    def __init__(self, marker: Path, always: bool = False, **kwargs: int) -> None:
        super().__init__(**kwargs)
        self._marker, self._always = marker, always

    def apply(self, command: Command) -> Outcome:
        if self._k == 12 and (self._always or not self._marker.exists()):
            self._marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().apply(command)


class BrokenWorld(ToyWorld):
    """Raises in the middle of an episode."""

    def apply(self, command: Command) -> Outcome:
        if self._k == 5:
            raise ZeroDivisionError("the wheel came off")
        return super().apply(command)


class FullDisk:
    """Stands in for ``os.fsync`` when no space is left."""

    def __call__(self, descriptor: int) -> None:
        raise OSError(28, "No space left on device")


class FullDiskWorld(ToyWorld):
    """Fills the disk of its process after some episodes."""

    def __init__(self, after: int, **kwargs: int) -> None:
        super().__init__(**kwargs)
        self._after = after

    def begin(self, key: EpisodeKey) -> None:
        super().begin(key)
        self._after -= 1
        if self._after < 0:
            os.fsync = FullDisk()


class OwnName(ToyPolicy):
    """Stamps a name of its own on its proposals, as a VLA from elsewhere would."""

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        return [replace(chunk, policy="smolvla") for chunk in super().propose(queries)]


class SharedDraws(ToyPolicy):
    """Draws from one generator, as a policy must not."""

    def __init__(self, name: PolicyId, **kwargs: object) -> None:
        super().__init__(name, **kwargs)
        self._rng = np.random.default_rng(0)

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        return [
            Proposal(
                chunk.policy,
                chunk.k0,
                chunk.actions + self._rng.normal(0, 0.01, chunk.actions.shape).astype(np.float32),
                chunk.features,
            )
            for chunk in super().propose(queries)
        ]


class NanPolicy(ToyPolicy):
    """Proposes NaN from some tick on."""

    def __init__(self, name: PolicyId, since: int, until: int, **kwargs: object) -> None:
        super().__init__(name, **kwargs)
        self._since, self._until = since, until

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        return [
            Proposal(chunk.policy, chunk.k0, chunk.actions * np.float32("nan"), chunk.features)
            if self._since <= chunk.k0 < self._until
            else chunk
            for chunk in super().propose(queries)
        ]


def column(table: pa.Table, name: str) -> list[object]:
    return table.column(name).to_pylist()
