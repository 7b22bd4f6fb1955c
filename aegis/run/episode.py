"""Episode: plays one episode of one arm, as a generator that pauses while it needs proposals."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from aegis.core.protocols import Outcome, World
from aegis.core.types import (
    Act,
    Command,
    Decision,
    EpisodeKey,
    Hold,
    Observation,
    PolicyId,
    Proposal,
    Stop,
    Tick,
)
from aegis.run.arm import Arm
from aegis.run.rows import Episode, EpisodeRow, FeatureRow, StepRow
from aegis.run.session import Session
from aegis.run.wire import Eyes, Standing


@dataclass(frozen=True, slots=True, eq=False)
class Pause:
    """The episode waits for a proposal from each of these policies."""

    views: Mapping[PolicyId, Observation]
    standing: Standing


Play = Generator[Pause, Mapping[PolicyId, Proposal], Episode]


def play(
    world: World, arm: Arm, key: EpisodeKey, eyes: Mapping[PolicyId, Eyes], truth: Sequence[str]
) -> Play:
    """Plays an episode.

    Args:
        world: Where; its cameras are used only at ticks at which somebody looks.
        arm: Who drives.
        key: Start state and noise.
        eyes: What each policy looks at.
        truth: Names of simulator truth to write down.

    Yields:
        A pause whenever proposals are needed; send them in, policy to proposal.

    Returns:
        All rows of the episode.
    """
    log, stop = _Log(arm, key, truth), "horizon"
    world.begin(key)
    session = Session(arm.controller, key)
    horizon = min(arm.controller.horizon, world.horizon)
    for k in range(horizon):
        asked = session.ask
        obs, views = _look(world, asked, eyes)
        digest = world.digest()
        proposals = (yield Pause(views, log.standing(k))) if asked else {}
        decision = session.feed(Tick(k, obs.stamp, obs, proposals))
        outcome = world.apply(decision.command)
        log.step(decision, obs, asked, proposals, digest)
        stop = _ending(decision.command, outcome, last=k + 1 == horizon)
        if stop:
            break
    return log.finish(stop, world.digest())


def _ending(command: Command, outcome: Outcome, *, last: bool) -> str:
    """Returns why the episode ends here; empty while it goes on."""
    if outcome.success:
        return "success"
    if isinstance(command, Stop):
        return command.reason
    if last:
        return "horizon"
    return "world" if outcome.done else ""


def _look(
    world: World, asked: Sequence[PolicyId], eyes: Mapping[PolicyId, Eyes]
) -> tuple[Observation, dict[PolicyId, Observation]]:
    """Senses once per distinct set of picture sizes; usually once."""
    merged: dict[str, tuple[int, int]] = {}
    apart: list[PolicyId] = []
    for policy in asked:
        wanted = eyes[policy].cameras
        if any(merged.get(name, size) != size for name, size in wanted.items()):
            apart.append(policy)
        else:
            merged.update(wanted)
    obs = world.observe(merged)
    views = {
        policy: world.observe(eyes[policy].cameras) if policy in apart else obs for policy in asked
    }
    return obs, views


@dataclass(slots=True, eq=False)
class _Log:
    """Collects the rows of an episode while it is played."""

    arm: Arm
    key: EpisodeKey
    truth: Sequence[str]
    steps: list[StepRow] = field(default_factory=list)
    features: list[FeatureRow] = field(default_factory=list)
    asks: Counter[PolicyId] = field(default_factory=Counter)
    holds: list[int] = field(default_factory=list)
    strong_steps: int = 0
    risk: float = float("nan")
    instruction: str = ""
    trace: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=16))

    def standing(self, k: int) -> Standing:
        last = self.steps[-1] if self.steps else None
        active = last.next if last else self.arm.controller.first
        return Standing(k, active, self.risk, last.fires if last else 0, self.strong_steps)

    def step(
        self,
        decision: Decision,
        obs: Observation,
        asked: Sequence[PolicyId],
        proposals: Mapping[PolicyId, Proposal],
        digest: str,
    ) -> None:
        row = self._row(decision, obs, asked, digest)
        self._count_hold(row)
        self.steps.append(row)
        self.asks.update(asked)
        self.instruction = obs.instruction
        if row.risk is not None:
            self.risk = row.risk
        self.trace.update(f"{digest}|{row.active}|{row.command}|".encode())
        self.trace.update(np.ascontiguousarray(row.action, dtype=np.float32).tobytes())
        if self.arm.log_features:
            self.features += [
                FeatureRow(row.k, policy, layer, vector)
                for policy, proposal in sorted(proposals.items())
                for layer, vector in sorted(proposal.features.items())
            ]

    def _row(
        self, decision: Decision, obs: Observation, asked: Sequence[PolicyId], digest: str
    ) -> StepRow:
        scores = tuple((score.detector, score.value) for score in decision.scores)
        return StepRow(
            k=decision.k,
            active=decision.mode.active,
            since_k=decision.mode.since_k,
            next=decision.next_mode.active,
            boundary=decision.boundary,
            dwell=self._dwell(decision),
            command=_kind(decision.command),
            action=decision.command.action,
            command_reason="" if isinstance(decision.command, Act) else decision.command.reason,
            risk=scores[0][1] if scores else None,
            scores=scores,
            level=decision.verdict.level.name,
            reason=decision.verdict.reason,
            hold=decision.verdict.hold,
            fires=decision.fires,
            asked=tuple(asked),
            proprio=obs.proprio,
            truth=tuple((name, obs.privileged[name].ravel().tolist()) for name in self.truth),
            digest=digest,
        )

    def _dwell(self, decision: Decision) -> int:
        last = self.steps[-1] if self.steps else None
        same = last is not None and last.active == decision.mode.active
        return (last.dwell if last is not None and same else 0) + int(decision.boundary)

    def _count_hold(self, row: StepRow) -> None:
        if row.active != self.arm.controller.strong:
            return
        self.strong_steps += 1
        if not self.steps or self.steps[-1].active != row.active:
            self.holds.append(0)
        self.holds[-1] += int(row.boundary)

    def finish(self, stop: str, final: str) -> Episode:
        steps, first = self.steps, self.arm.controller.first
        self.trace.update(final.encode())
        row = EpisodeRow(
            root=self.key.root,
            suite=self.key.suite,
            task=self.key.task,
            start=self.key.start,
            index=self.key.index,
            arm=self.arm.name,
            instruction=self.instruction,
            success=stop == "success",
            stop=stop,
            steps=len(steps),
            strong_steps=self.strong_steps,
            weak_steps=len(steps) - self.strong_steps,
            fires=steps[-1].fires if steps else 0,
            first_fire_k=next((step.k for step in steps if step.fires > 0), None),
            handover_k=next((step.k for step in steps if step.active != first), None),
            holds=tuple(self.holds),
            asks=tuple(sorted(self.asks.items())),
            digest=self.trace.hexdigest(),
            final=final,
        )
        return Episode(row, tuple(steps), tuple(self.features))


def _kind(command: Command) -> str:
    if isinstance(command, Act):
        return "act"
    return "hold" if isinstance(command, Hold) else "stop"
