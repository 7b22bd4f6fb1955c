"""Families of start states: which there are, how many starts each has, and how one is drawn.

``official``: the index-th of LIBERO's 50 states; fixture poses from LIBERO's own range.
``wide``: an official state in which every group of objects that stand on each other, and every
fixture with what stands on or in it, is moved by an independent uniform offset. Draws that put
objects into collision, off the table or out of reach are rejected; so is a draw after whose
settling something has fallen over or slid away.
"""

from __future__ import annotations

import mujoco

from aegis.core.errors import StartStateError, UnknownNameError
from aegis.core.seeds import episode_stream
from aegis.core.types import EpisodeKey
from envs.libero.library import FIRST_SUITE
from envs.libero.scene import Scene
from envs.libero.starts.settled import draw_settled_start, has_new_collision, is_still_fair
from envs.libero.starts.spatial import draw_spatial_start, has_collision, is_admissible
from envs.libero.starts.start_state import StartState, draw_official_start

START_COUNTS: dict[str, int | None] = {"official": 50, "wide": None}
"""Families, and how many start states of a task each has; None if there is no end."""
MAX_ATTEMPTS = 200


def draw_start(scene: Scene, key: EpisodeKey, attempt: int) -> StartState:
    """Draws the start state of an episode.

    Args:
        scene: The task.
        key: The episode's address.
        attempt: Number of draws for this episode that were rejected; part of the address.

    Raises:
        UnknownNameError: If ``key.start`` is not a family.
        StartStateError: If the family has no such index.
    """
    if key.start not in START_COUNTS:
        raise UnknownNameError("start family", key.start, START_COUNTS, "the LIBERO environment")
    if key.index < 0 or (key.start == "official" and key.index >= len(scene.official)):
        raise StartStateError(
            f"Start '{key.start}' has no index {key.index} in {scene.instruction!r}; official "
            f"starts go from 0 to {len(scene.official) - 1}, wide ones from 0 up."
        )
    rng = episode_stream(key, "start", attempt)
    if key.start == "official":
        return draw_official_start(scene, key.index, rng)
    if scene.suite == FIRST_SUITE:
        return draw_spatial_start(scene, rng)
    return draw_settled_start(scene, rng)


def is_colliding(data: mujoco.MjData, start: StartState) -> bool:
    """Returns whether a wide start, before it settles, puts things into each other."""
    if start.rest is None:
        return has_collision(data)
    return has_new_collision(data, start.rest)


def is_fair(scene: Scene, data: mujoco.MjData, start: StartState) -> bool:
    """Returns whether a wide start has settled into a fair one."""
    if start.rest is None:
        return is_admissible(scene, data, start)
    return is_still_fair(scene, data, start, start.rest)
