"""Expert states: what the expert saw and did, to compare a server's answers with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aegis.app.config.composition import ComposedConfig
from aegis.app.config.lab import choose_units, read_suite_name
from aegis.app.config.part_builder import build_policy
from aegis.app.config.settings import Settings
from aegis.app.screen import Screen
from aegis.core.answers import ask_policy
from aegis.core.protocols import Policy, Query, World
from aegis.core.types import F32, Act, EpisodeKey
from aegis.runtime.history import History


@dataclass(frozen=True, slots=True, eq=False)
class RecordedState:
    """A state that the expert passed, and what it did there.

    Attributes:
        query: The question to the server.
        action: Mean of what the expert did in as many steps as a client executes. Shape (a,).
    """

    query: Query
    action: F32


def record_states(
    composed: ComposedConfig, policy: Policy, world: World, screen: Screen
) -> list[RecordedState]:
    """Lets the expert play, and keeps what it saw and did; one state where nothing is compared."""
    settings = Settings(composed.tree)
    count = settings.integer("units", 0)
    start, suite = settings.level("start"), read_suite_name(composed)
    units = choose_units(settings, start, suite, max(count, 1), None, None)
    ticks = settings.integer("ticks", 1) if count else 1
    expert = build_policy(composed, "expert", settings.node("expert"))
    states: list[RecordedState] = []
    try:
        with screen.show_progress("the expert plays", len(units)) as show:
            for i, key in enumerate(units):
                states += _play_expert(
                    world, expert, policy, key, ticks, settings.integer("spacing", 1)
                )
                show(i + 1, "")
    finally:
        expert.close()
    return states


def _play_expert(
    world: World, expert: Policy, policy: Policy, key: EpisodeKey, ticks: int, spacing: int
) -> list[RecordedState]:
    """Returns the states of one episode."""
    world.begin(key)
    spec, history = policy.spec, History()
    histories = {spec.name: spec.history} if spec.history[0] else {}
    asked: list[Query] = []
    actions: list[F32] = []
    for k in range(ticks):
        # Whoever looks back sees every tick, as in a run.
        obs = world.observe(spec.cameras if histories or k % spacing == 0 else {})
        if k % spacing == 0:
            past = history.list_past(spec.name, spec.history, obs)
            asked.append(Query(key, k, obs, past=past))
        history = history.add_tick({spec.name: obs}, histories)
        chunk = ask_policy(expert, [Query(key, k, obs)])[0].actions
        actions.append(np.clip(chunk[0], world.embodiment.low, world.embodiment.high))
        if world.apply(Act(actions[-1])).done:
            break
    done = np.stack(actions)
    return [
        RecordedState(query, done[query.k : query.k + spec.execute].mean(axis=0)) for query in asked
    ]
