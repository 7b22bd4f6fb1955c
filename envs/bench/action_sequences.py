"""Courses: action sequences on which steps are timed and compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aegis.core.types import F64, EpisodeKey, Observation
from envs.libero.simulation import Simulation

SEQUENCE_KINDS = ("random", "smooth", "pressing", "expert")
MAX_EXPERT_STEPS = 160
"""Control steps after which an expert that has not succeeded is stopped."""
Expert = Callable[[Observation], F64]


@dataclass(frozen=True, slots=True, eq=False)
class ActionSequence:
    """A start state and the actions from there on.

    Attributes:
        task: Task number.
        kind: One of `SEQUENCE_KINDS`.
        key: The episode whose start state it is.
        actions: Shape (n, 7).
    """

    task: int
    kind: str
    key: EpisodeKey
    actions: F64


def draw_action_sequences(
    ours: Simulation, steps: int, seed: int, expert: Expert
) -> list[ActionSequence]:
    """Draws one course of each kind.

    Args:
        ours: The task, stepped exactly; the expert is played in it.
        steps: Control steps of each course but the expert's, which ends with its success.
        seed: Of start state and actions.
        expert: Observation to action.
    """
    scene = ours.scene
    key = EpisodeKey(seed, scene.suite, scene.task, "official", seed % len(scene.official))
    rng = np.random.default_rng((seed, scene.task))
    drawn = {"random": _draw_random, "smooth": _draw_smooth, "pressing": _draw_pressing}
    found = [
        ActionSequence(scene.task, kind, key, draw(rng, steps)) for kind, draw in drawn.items()
    ]
    return [*found, ActionSequence(scene.task, "expert", key, _play_expert(ours, key, expert))]


def _draw_random(rng: np.random.Generator, steps: int) -> F64:
    """Returns independent actions. Shape (steps, 7)."""
    return rng.uniform(-1.5, 1.5, (steps, 7))  # beyond the limits, where robosuite clips


def _draw_pressing(rng: np.random.Generator, steps: int) -> F64:
    """Returns actions that press a closed gripper down. Shape (steps, 7)."""
    actions = rng.uniform(-0.3, 0.3, (steps, 7))
    actions[:, 2], actions[:, 6] = -1.0, 1.0
    return actions


def _draw_smooth(rng: np.random.Generator, steps: int) -> F64:
    """Returns actions that wander. Shape (steps, 7)."""
    actions, action, target = np.zeros((steps, 7)), np.zeros(7), np.zeros(7)
    for k in range(steps):
        if k % 10 == 0:
            target = rng.uniform(-1, 1, 7)
        action = np.clip(0.8 * action + 0.3 * target, -1, 1)
        actions[k] = action
        if k % 7 == 0:  # without rotation robosuite keeps the old goal: a branch of its own
            actions[k, 3:6] = 0.0
    return actions


def _play_expert(ours: Simulation, key: EpisodeKey, expert: Expert) -> F64:
    """Returns the expert's actions up to its success. Shape (n, 7)."""
    ours.begin(key)
    actions = []
    for _ in range(MAX_EXPERT_STEPS):
        ours.refresh_kinematics()
        proprio = ours.hand.read_proprio(ours.data)
        actions.append(expert(Observation(0, proprio, {}, "", ours.read_truth())))
        if ours.step(actions[-1].copy()):
            break
    return np.array(actions)
