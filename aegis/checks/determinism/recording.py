"""The recipe of a course: the strong policy drives, and what every stage needs is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aegis.checks.determinism.course import Course, Look, RecordedEpisode
from aegis.checks.determinism.statistics_stage import draw_outcomes
from aegis.checks.determinism.world_stages import WorldFactory
from aegis.core.answers import ask_policy
from aegis.core.protocols import ForkableWorld, Policy, Query, World
from aegis.core.types import F32, F64, Act, EpisodeKey


@dataclass(frozen=True, slots=True)
class Recorder:
    """Records courses.

    Attributes:
        worlds: Way of stepping to what builds the world; the first one is driven.
        weak: Policy whose activations are kept.
        strong: Policy that drives.
        steps: Length of an episode, at most [control steps].
        spacing: Every so many chunks is looked at.
    """

    worlds: Mapping[str, WorldFactory]
    weak: Policy
    strong: Policy
    steps: int
    spacing: int

    def record_course(self, keys: Sequence[EpisodeKey]) -> Course:
        """Plays episodes and returns what the stages need of them."""
        worlds = {name: make() for name, make in self.worlds.items()}
        try:
            episodes = tuple(self._record_episode(worlds, key) for key in keys)
        finally:
            for world in worlds.values():
                world.close()
        return Course(self._join_cameras(), episodes, draw_outcomes())

    def _join_cameras(self) -> dict[str, tuple[int, int]]:
        return {**self.weak.spec.cameras, **self.strong.spec.cameras}

    def _record_episode(self, worlds: Mapping[str, World], key: EpisodeKey) -> RecordedEpisode:
        starts = {}
        for name, world in worlds.items():
            world.begin(key)
            starts[name] = _read_state(world)
        world = next(iter(worlds.values()))
        world.begin(key)
        looks: list[Look] = []
        actions = list(self._drive_world(world, key, looks))
        kept = {name: state for name, state in starts.items() if state.size}
        return RecordedEpisode(key, kept, np.array(actions, np.float32), tuple(looks))

    def _drive_world(self, world: World, key: EpisodeKey, looks: list[Look]) -> Iterator[F32]:
        """Yields the executed actions, shapes (a,), and appends looks."""
        robot, execute = world.embodiment, self.strong.spec.execute
        chunk = np.empty((0, len(robot.names)), np.float32)
        for k in range(self.steps):
            if k % execute == 0:
                query = Query(key, k, world.observe(self._join_cameras()))
                chunk = ask_policy(self.strong, [query])[0].actions
                if k % (execute * self.spacing) == 0:
                    looks.append(self._keep_look(world, query))
            action = chunk[k % execute].clip(robot.low, robot.high)
            yield action
            if world.apply(Act(action)).done:
                return

    def _keep_look(self, world: World, query: Query) -> Look:
        proposal = ask_policy(self.weak, [query])[0]
        state = _read_state(world)
        return Look(query.k, state, query.obs, proposal.actions, proposal.features)


def _read_state(world: World) -> F64:
    """Returns a snapshot, shape (s,); empty where a world takes none."""
    return world.snapshot().values if isinstance(world, ForkableWorld) else np.empty(0)
