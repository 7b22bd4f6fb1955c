"""Demonstration: one episode of an expert with a noisy hand, labelled with its intended actions.

The noise takes the robot off the expert's own path, the labels say how to come back; a policy that
learns from them forgives its own errors (Laskey et al. 2017, "DART").
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aegis.core.errors import ConfigError, NonFiniteError
from aegis.core.protocols import Outcome, Policy, Query, World
from aegis.core.seeds import episode_stream
from aegis.core.types import F32, U8, Act, EpisodeKey, Observation


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
        policy: Who leads.
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
        instruction: What the robot was told.
        tick: Ticks at which pictures were taken. Shape (n,).
        images: Camera to pictures. Shape (n, h, w, 3).
        proprio: Proprioception at these ticks. Shape (n, p).
        actions: What the expert wanted, at every control step. Shape (t, a).
        executed: What was done. Shape (t, a).
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

    Args:
        world: Where.
        expert: Who; asked on the observation at which its last chunk ran out.
        key: Start state and noise.
        noise: Shakes the expert's hand.
        cameras: Pictures to keep, name to (height, width).
        every: Keeps an observation every so many control steps.
        lead: Who drives first; None for nobody.

    Returns:
        The demonstration, or None if the episode ended before the expert had its turn.

    Raises:
        ConfigError: If the noise has another number of dimensions than the robot.
        NonFiniteError: If a policy wants NaN or infinity.
    """
    robot = world.embodiment
    shake = _draw_noise(noise, world, key)
    world.begin(key)
    if (led := _drive_lead(world, lead, key)) is None:
        return None
    done, wanted = list(led), list(led)  # whoever led got what it wanted
    begun = k = len(led)
    kept: list[Observation] = []
    chunk, start = np.empty((0, len(robot.names)), np.float32), k
    outcome = Outcome(success=False, done=False)
    while k < world.horizon and not (outcome.success or outcome.done):
        keep = (k - begun) % every == 0
        obs = world.observe({**(cameras if keep else {}), **expert.spec.cameras})
        if keep:
            kept.append(obs)
        if k - start >= len(chunk):
            chunk, start = _ask_policy(expert, Query(key, k, obs)), k
        clean = np.clip(chunk[k - start], robot.low, robot.high)
        action = np.clip(clean + shake[k], robot.low, robot.high)
        wanted.append(clean)
        done.append(action)
        outcome = world.apply(Act(action))
        k += 1
    return Demonstration(
        key=key,
        success=outcome.success,
        instruction=kept[0].instruction,
        tick=tuple(range(begun, k, every)),
        images={name: np.stack([obs.images[name] for obs in kept]) for name in cameras},
        proprio=np.stack([obs.proprio for obs in kept]).astype(np.float32),
        actions=np.stack(wanted),
        executed=np.stack(done),
    )


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
    """Lets the lead drive; returns its actions, or None if the episode ended under it."""
    actions: list[F32] = []
    if lead is None:
        return actions
    robot, ticks = world.embodiment, min(lead.draw_ticks(key), world.horizon - 1)
    while len(actions) < ticks:
        obs = world.observe(lead.policy.spec.cameras)
        for row in _ask_policy(lead.policy, Query(key, len(actions), obs))[: ticks - len(actions)]:
            actions.append(np.clip(row, robot.low, robot.high))
            if world.apply(Act(actions[-1].copy())).done:
                return None
    return actions


def _ask_policy(policy: Policy, query: Query) -> F32:
    chunk = policy.propose([query])[0].actions[: policy.spec.execute]
    if not np.isfinite(chunk).all():
        raise NonFiniteError(
            f"Policy '{policy.spec.name}' wants NaN or infinity at tick {query.k} of {query.key}."
        )
    return chunk
