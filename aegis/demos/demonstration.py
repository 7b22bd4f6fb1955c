"""Demonstration: one episode of an expert with a noisy hand, labelled with its intended actions.

The noise takes the robot off the expert's own path, the labels say how to come back; a policy that
learns from them forgives its own errors (Laskey et al. 2017, "DART").
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aegis.core.answers import ask_policy
from aegis.core.errors import ConfigError, NonFiniteError
from aegis.core.protocols import Outcome, Policy, Query, World
from aegis.core.seeds import episode_stream
from aegis.core.types import F32, U8, Act, Embodiment, EpisodeKey, Observation


@dataclass(frozen=True, slots=True)
class ActionNoise:
    """Autoregressive noise on executed actions, of another strength in every episode.

    Attributes:
        rho: Correlation from one control step to the next.
        largest: Largest standard deviation of each action dimension; an episode's are these times
            one draw from the uniform distribution on [0, 1]. Length a. Grippers take 0.
    """

    rho: float
    largest: tuple[float, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.rho < 1 or min(self.largest, default=-1.0) < 0:
            raise ConfigError(
                f"Noise needs 0 <= rho < 1 and no negative strength. Got: {self.rho}, "
                f"{self.largest}."
            )

    def draw_noise(self, key: EpisodeKey, steps: int) -> F32:
        """Returns an episode's noise. Shape (steps, a)."""
        rng = episode_stream(key, "demo", "noise")
        strength = np.asarray(self.largest) * rng.uniform()
        fresh = rng.standard_normal((steps, len(self.largest)))
        rows = np.empty_like(fresh)
        last = fresh[0]
        for k, row in enumerate(fresh):
            last = row if k == 0 else self.rho * last + np.sqrt(1 - self.rho**2) * row
            rows[k] = last
        return (strength * rows).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class LeadPolicy:
    """Another policy that drives first, so that the expert must recover from where it went.

    Its own ticks are not kept: a chunk of labels along its path would be nobody's plan.

    Attributes:
        policy: Drives first.
        first: Earliest tick at which the expert takes over [control steps].
        last: Latest such tick; an episode's is drawn uniformly from its address.
    """

    policy: Policy
    first: int
    last: int

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise ConfigError(f"A lead needs 0 <= first <= last. Got: {self.first}, {self.last}.")

    def draw_ticks(self, key: EpisodeKey) -> int:
        """Returns for how many control steps it leads in an episode."""
        rng = episode_stream(key, "demo", "lead")
        return int(rng.integers(self.first, self.last, endpoint=True))


@dataclass(frozen=True, slots=True, eq=False)
class Demonstration:
    """What is kept of one episode.

    Attributes:
        key: The episode.
        success: Whether the goal was reached.
        instruction: Instruction of the task.
        tick: Ticks at which pictures were taken. Shape (n,).
        images: Camera to pictures. Shape (n, h, w, 3).
        proprio: Proprioception at these ticks [SI units]. Shape (n, p).
        actions: Action that the expert intended at every control step. Shape (t, a).
        executed: Action that was executed. Shape (t, a).
    """

    key: EpisodeKey
    success: bool
    instruction: str
    tick: tuple[int, ...]
    images: Mapping[str, U8]
    proprio: F32
    actions: F32
    executed: F32

    def to_npz(self) -> bytes:
        """Returns it as the bytes of a compressed ``.npz`` without pickles."""
        arrays: dict[str, Any] = {
            **self.images,
            "proprio": self.proprio,
            "tick": np.array(self.tick, np.int64),
            "actions": self.actions,
            "executed": self.executed,
            "task": np.int64(self.key.task),
            "index": np.int64(self.key.index),
            "success": np.bool_(self.success),
            "instruction": np.str_(self.instruction),
        }
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()


def play_demonstration(
    world: World,
    expert: Policy,
    key: EpisodeKey,
    noise: ActionNoise,
    cameras: Mapping[str, tuple[int, int]],
    every: int,
    lead: LeadPolicy | None = None,
) -> Demonstration | None:
    """Plays one demonstration.

    It does not use `aegis.runtime.lockstep`: no controller decides here, and what is executed is
    not what was proposed, but that with noise on top.

    Args:
        world: World to play in.
        expert: Demonstrates; asked on the observation at which its last chunk ran out.
        key: Start state and noise.
        noise: Shakes the expert's hand.
        cameras: Pictures to keep, name to (height, width) [px].
        every: Keeps an observation every so many control steps.
        lead: Drives first; None for nobody.

    Returns:
        The demonstration, or None if the episode ended before the expert had its turn.

    Raises:
        ConfigError: If the noise has another number of dimensions than the robot.
        NonFiniteError: If a policy wants NaN or infinity.
    """
    shake = _draw_noise(noise, world, key)
    world.begin(key)
    led = _drive_lead(world, lead, key)
    if led is None:
        return None
    log = _DemoLog(first=len(led), actions=list(led), executed=list(led))
    follower = _ChunkFollower(expert, world.embodiment, key)
    success = _drive_expert(world, follower, log, shake, cameras, every)
    return log.build_demonstration(key, success, cameras, every)


@dataclass(frozen=True, slots=True, eq=False)
class _DemoLog:
    """What is written down while a demonstration is played.

    Attributes:
        first: Tick at which the expert took over [control steps].
        actions: Clean action at every tick; each of shape (a,). A lead got what it wanted.
        executed: Executed action at every tick; each of shape (a,).
        observations: Those that are kept.
    """

    first: int
    actions: list[F32]
    executed: list[F32]
    observations: list[Observation] = field(default_factory=list)

    def build_demonstration(
        self, key: EpisodeKey, success: bool, cameras: Iterable[str], every: int
    ) -> Demonstration:
        kept = self.observations
        return Demonstration(
            key=key,
            success=success,
            instruction=kept[0].instruction,
            tick=tuple(range(self.first, len(self.actions), every)),
            images={name: np.stack([obs.images[name] for obs in kept]) for name in cameras},
            proprio=np.stack([obs.proprio for obs in kept]).astype(np.float32),
            actions=np.stack(self.actions),
            executed=np.stack(self.executed),
        )


class _ChunkFollower:
    """Executes a policy's chunks row by row and asks again when one runs out."""

    def __init__(self, policy: Policy, robot: Embodiment, key: EpisodeKey) -> None:
        self._policy, self._robot, self._key = policy, robot, key
        self._rows: list[F32] = []

    @property
    def cameras(self) -> Mapping[str, tuple[int, int]]:
        """Pictures that the policy reads, name to (height, width) [px]."""
        return self._policy.spec.cameras

    @property
    def needs_observation(self) -> bool:
        """Whether the next action needs a new chunk, and so pictures."""
        return not self._rows

    def next_action(self, k: int, obs: Observation) -> F32:
        """Returns the action of a tick, within the robot's bounds. Shape (a,).

        Args:
            k: Tick.
            obs: Observation before it; read only where a new chunk is needed.

        Raises:
            NonFiniteError: If the policy wants NaN or infinity.
        """
        if self.needs_observation:
            self._rows = list(self._ask_chunk(k, obs))
        return np.clip(self._rows.pop(0), self._robot.low, self._robot.high)

    def _ask_chunk(self, k: int, obs: Observation) -> F32:
        """Returns the rows of a new chunk that are executed. Shape (execute, a)."""
        spec = self._policy.spec
        chunk = ask_policy(self._policy, [Query(self._key, k, obs)])[0].actions[: spec.execute]
        if not np.isfinite(chunk).all():
            raise NonFiniteError(
                f"Policy '{spec.name}' wants NaN or infinity at tick {k} of {self._key}."
            )
        return chunk


def _drive_expert(
    world: World,
    follower: _ChunkFollower,
    log: _DemoLog,
    shake: F32,
    cameras: Mapping[str, tuple[int, int]],
    every: int,
) -> bool:
    """Lets the expert drive to the end of the episode; returns whether the goal was reached.

    Args:
        world: The world, at the tick at which the expert takes over.
        follower: Gives the expert's actions.
        log: Written.
        shake: Noise on the action of every tick. Shape (horizon, a).
        cameras: Pictures to keep, name to (height, width) [px].
        every: Keeps an observation every so many control steps.
    """
    robot, outcome = world.embodiment, Outcome(success=False, done=False)
    for k in range(log.first, world.horizon):
        keep = (k - log.first) % every == 0
        # The expert's own cameras come last: where both name one, it sees what it was made for.
        obs = world.observe({**(cameras if keep else {}), **follower.cameras})
        if keep:
            log.observations.append(obs)
        clean = follower.next_action(k, obs)
        action = np.clip(clean + shake[k], robot.low, robot.high)
        log.actions.append(clean)
        log.executed.append(action)
        outcome = world.apply(Act(action))
        if outcome.success or outcome.done:
            break
    return outcome.success


def _draw_noise(noise: ActionNoise, world: World, key: EpisodeKey) -> F32:
    """Returns how the hand is shaken, at every tick. Shape (horizon, a)."""
    names = world.embodiment.names
    if len(noise.largest) != len(names):
        raise ConfigError(
            f"Noise for {len(names)} action dimensions is needed ({', '.join(names)}). "
            f"Got: {len(noise.largest)}."
        )
    return noise.draw_noise(key, world.horizon)


def _drive_lead(world: World, lead: LeadPolicy | None, key: EpisodeKey) -> list[F32] | None:
    """Lets the lead drive; returns its actions, each of shape (a,).

    None if the episode ended under it.
    """
    actions: list[F32] = []
    if lead is None:
        return actions
    follower = _ChunkFollower(lead.policy, world.embodiment, key)
    for k in range(min(lead.draw_ticks(key), world.horizon - 1)):
        obs = world.observe(follower.cameras if follower.needs_observation else {})
        actions.append(follower.next_action(k, obs))
        if world.apply(Act(actions[-1].copy())).done:
            return None
    return actions
