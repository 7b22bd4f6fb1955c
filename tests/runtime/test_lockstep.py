"""Laws of the lockstep driver: it plays what a fleet plays, in any world, and times what it did."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from aegis.core.errors import ConfigError
from aegis.core.protocols import ForkableWorld, Outcome, World
from aegis.core.types import Command, Embodiment, EpisodeKey, Observation
from aegis.gates.conformal import ConformalGate
from aegis.runtime.lockstep import Lockstep
from tests.fakes import ToyWorld, toy_key
from tests.fleet.toyrun import controller, toy_arms, toy_policies, toy_run


class PlainWorld:
    """A world that can be played, but not left and restored."""

    def __init__(self) -> None:
        self._inner = ToyWorld()

    @property
    def embodiment(self) -> Embodiment:
        return self._inner.embodiment

    @property
    def horizon(self) -> int:
        return self._inner.horizon

    def begin(self, key: EpisodeKey) -> None:
        self._inner.begin(key)

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        return self._inner.observe(cameras)

    def apply(self, command: Command) -> Outcome:
        return self._inner.apply(command)

    def digest(self) -> str:
        return self._inner.digest()

    def close(self) -> None:
        self._inner.close()


def test_a_fleet_and_lockstep_play_the_same_episodes(tmp_path: Path) -> None:
    arms = {arm.name: arm for arm in toy_arms()}
    for row in toy_run(tmp_path).episodes:
        world, arm = PlainWorld(), arms[row.arm]
        episode = Lockstep(world, arm.controller, toy_policies(), row.key)
        episode.play_until(10**6)
        assert (episode.k, episode.success, world.digest()) == (row.steps, row.success, row.final)


def test_what_was_played_says_what_it_took() -> None:
    episode = Lockstep(PlainWorld(), controller(ConformalGate(1.0)), toy_policies(), toy_key(2))
    asked = 0
    while not episode.done:
        k, played = episode.k, episode.play_tick()
        assert played.tick.k == played.decision.k == k
        assert set(played.call_ns) == set(played.tick.proposals)
        assert min([played.decide_ns, *played.call_ns.values()]) >= 0
        asked += len(played.call_ns)
    assert 0 < asked < 2 * episode.k


def test_only_a_snapshot_needs_a_world_that_can_be_left() -> None:
    world = PlainWorld()
    assert isinstance(world, World)
    assert not isinstance(world, ForkableWorld)
    episode = Lockstep(world, controller(ConformalGate(1.0)), toy_policies(), toy_key(0))
    episode.play_until(3)
    with pytest.raises(ConfigError, match=r"A PlainWorld can be played, but .* no snapshot\(\)"):
        episode.take_snapshot()
    with pytest.raises(ConfigError, match="A PlainWorld can be played"):
        episode.fork_into(ToyWorld())
