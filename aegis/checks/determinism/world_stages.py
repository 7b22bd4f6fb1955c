"""Stages of the world: model, start state, physics, sensing; and its pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

from numpy.typing import NDArray

from aegis.checks.determinism.course import Course, RecordedEpisode
from aegis.checks.determinism.results import StageResult, play_stage
from aegis.core.capabilities import AssetBacked, ModelBacked, Rendering
from aegis.core.protocols import ForkableWorld, World, WorldState
from aegis.core.types import F64, Act, Observation

WorldFactory: TypeAlias = Callable[[], World]
GROUP, PICTURES = "world", "pictures"


def play_world_stages(worlds: Mapping[str, WorldFactory], course: Course) -> Iterator[StageResult]:
    """Plays the world's stages.

    Args:
        worlds: Way of stepping to what builds the world; the first one is looked at.
        course: Recorded inputs.
    """
    make = next(iter(worlds.values()))
    with _open_world(make) as world:
        if isinstance(world, ModelBacked):
            yield play_stage("model", GROUP, partial(_read_models, world, course))
        yield play_stage("start", GROUP, partial(_list_start_states, world, course))
    for stepping, make_other in worlds.items():
        with _open_world(make_other) as world:
            name = f"physics {stepping}".strip()
            yield play_stage(name, GROUP, partial(_list_path, world, course, stepping))
    with _open_world(make) as world:
        yield play_stage("sensing", GROUP, partial(_list_senses, world, course))


def play_picture_stages(make: WorldFactory, course: Course) -> Iterator[StageResult]:
    """Plays a stage for each camera; a driver that crashes takes nothing else with it.

    Args:
        make: Builds the world.
        course: Recorded inputs.
    """
    with _open_world(make) as world:
        for camera in course.cameras:
            draw = partial(_list_pictures, world, course, camera)
            yield play_stage(f"pictures {camera}", PICTURES, draw)


def read_world_facts(make: WorldFactory) -> dict[str, str]:
    """Returns what a world's results depend on besides its configuration."""
    with _open_world(make) as world:
        return {"assets": world.assets_digest} if isinstance(world, AssetBacked) else {}


def read_renderer(make: WorldFactory) -> str:
    """Returns the driver that draws a world's pictures; empty where it does not say.

    Raises:
        MachineError: If no picture can be drawn here.
    """
    with _open_world(make) as world:
        return world.describe_renderer() if isinstance(world, Rendering) else ""


@contextmanager
def _open_world(make: WorldFactory) -> Iterator[World]:
    world = make()
    try:
        yield world
    finally:
        world.close()


def _read_models(world: World, course: Course) -> Iterator[NDArray[Any]]:
    """Yields the compiled model of each episode, of any shape."""
    assert isinstance(world, ModelBacked)
    for one in course.episodes:
        world.begin(one.key)
        yield world.read_model()


def _list_start_states(world: World, course: Course) -> Iterator[str]:
    for one in course.episodes:
        world.begin(one.key)
        yield world.digest()


def _list_path(world: World, course: Course, stepping: str) -> Iterator[str]:
    """Yields the digest after each recorded action."""
    for one in course.episodes:
        world.begin(one.key)
        if stepping in one.starts:
            _restore_state(world, one, 0, one.starts[stepping])
        for action in one.actions:
            world.apply(Act(action))
            yield world.digest()


def _list_senses(world: World, course: Course) -> Iterator[NDArray[Any]]:
    """Yields proprioception and simulator truth in each recorded state, of any shapes."""
    for obs in _observe_states(world, course, {}):
        yield obs.proprio
        yield from obs.privileged.values()


def _list_pictures(world: World, course: Course, camera: str) -> Iterator[NDArray[Any]]:
    """Yields a camera's picture of each recorded state. Shapes (h, w, 3)."""
    for obs in _observe_states(world, course, {camera: course.cameras[camera]}):
        yield obs.images[camera]


def _observe_states(
    world: World, course: Course, cameras: Mapping[str, tuple[int, int]]
) -> Iterator[Observation]:
    """Yields what is seen in each recorded state; at the start where a world takes none."""
    for one in course.episodes:
        world.begin(one.key)
        for look in one.looks:
            if look.state.size:
                _restore_state(world, one, look.k, look.state)
            yield world.observe(cameras)


def _restore_state(world: World, one: RecordedEpisode, k: int, values: F64) -> None:
    """Puts a world in which the episode has begun into a recorded state, shape (s,)."""
    assert isinstance(world, ForkableWorld), "states are recorded of worlds that take them"
    # Under this world's own name of the model: a version that differs is not to hide what follows.
    world.restore(WorldState(world.snapshot().model, one.key, k, values))
