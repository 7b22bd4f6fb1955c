"""Fork check: a restored world continues as if it had never stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from aegis.checks.contract import NamedPlugin, extract_bits, name_plugin
from aegis.core.errors import SnapshotError
from aegis.core.protocols import ForkableWorld, WorldState
from aegis.core.types import Act, EpisodeKey


def check_fork(
    one: ForkableWorld,
    fresh: ForkableWorld,
    key: EpisodeKey,
    course: list[Act],
    cameras: Mapping[str, tuple[int, int]],
) -> None:
    """Checks snapshots; called by ``check_world`` where a world has them.

    Args:
        one: A world.
        fresh: Another one, in which no episode has begun.
        key: An episode.
        course: Commands to try, none of which ends the episode. At least two.
        cameras: Cameras to try.

    Raises:
        PluginError: If a promise is broken.
    """
    tool = name_plugin("World", one, ("snapshot", "restore"))
    half = len(course) // 2
    one.begin(key)
    for command in course[:half]:
        one.apply(command)
    state = _check_snapshot(tool, one, key, half)
    kept = state.values.copy()
    path = _play_course(one, course[half:], cameras)
    promise = tool.make_promise("snapshot", "it stays as it is", "Copy the arrays into it")
    promise.require(np.array_equal(kept, state.values, equal_nan=True), "another one", "a copy")
    # Another episode comes in between, so that what restore forgets to put back differs.
    one.begin(replace(key, index=0 if key.index else 1))
    remedy = "Put everything into the snapshot: solvers' warm starts, filters, caches, what lags"
    promise = tool.make_promise("restore", "the world goes on as if it had not stopped", remedy)
    for world, where in ((one, "in the same world"), (fresh, "in a fresh world")):
        with tool.guard_call("restore"):
            world.restore(state)
        again = _play_course(world, course[half:], cameras)
        promise.require(again == path, f"another course {where}", "equal digests and observations")
    _check_refusals(tool, fresh, state)


def _check_snapshot(tool: NamedPlugin, one: ForkableWorld, key: EpisodeKey, k: int) -> WorldState:
    """Takes a snapshot; checks that it is of this tick, and that taking it changes nothing."""
    before = one.digest()
    with tool.guard_call("snapshot"):
        state = one.snapshot()
    remedy = "Return WorldState(model, key, k, values) with a float64 vector"
    promise = tool.make_promise("snapshot", "it is the episode at this tick", remedy)
    good = isinstance(state, WorldState) and state.values.ndim == 1
    promise.require(good and (state.key, state.k) == (key, k), state, f"{key} at tick {k}")
    promise = tool.make_promise("snapshot", "taking it changes nothing", "Copy what you read")
    promise.require(one.digest() == before, "another digest", "the same digest")
    return state


def _check_refusals(tool: NamedPlugin, world: ForkableWorld, state: WorldState) -> None:
    """Checks that a world refuses snapshots that are not its own, or are damaged."""
    remedy = "Compare the model and the length, and raise SnapshotError"
    promise = tool.make_promise("restore", "it refuses what is not its own", remedy)
    others = {
        "a state of another model": replace(state, model=state.model + "x"),
        "a state that is cut": replace(state, values=state.values[:-1].copy()),
    }
    for name, other in others.items():
        promise.require(_is_refused(world, other), f"{name}, taken without a word", "SnapshotError")


def _play_course(
    world: ForkableWorld, course: list[Act], cameras: Mapping[str, tuple[int, int]]
) -> list[object]:
    seen: list[object] = []
    for command in course:
        seen += [world.digest(), extract_bits(world.observe(dict(cameras)))]
        outcome = world.apply(command)
        seen.append((outcome.success, outcome.done))
        if outcome.done:
            break
    return [*seen, world.digest()]


def _is_refused(world: ForkableWorld, state: WorldState) -> bool:
    try:
        world.restore(state)
    except SnapshotError:
        return True
    return False
