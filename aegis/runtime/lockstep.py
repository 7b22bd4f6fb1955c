"""Lockstep rollout: one episode in this process, tick by tick; can be saved and forked.

rollout = Rollout(world, controller, policies, key)
rollout.play_until(60)
rollout.take_snapshot().write_npz(Path("at60.npz"))
twin = rollout.fork_into(other_world)                 # goes the same way, bit for bit
helped = rollout.hand_over(third_world, strong_only)  # another controller takes over here
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from aegis.core.controller import Controller
from aegis.core.errors import ConfigError
from aegis.core.protocols import ForkableWorld, Outcome, Policy, Query
from aegis.core.types import Decision, EpisodeKey, Observation, PolicyId, Proposal, Stop, Tick
from aegis.runtime.session import Session
from aegis.runtime.snapshot import Snapshot
from aegis.runtime.views import Views, merge_cameras

_NO_SALT: Mapping[PolicyId, int] = MappingProxyType({})


class Rollout:
    """An episode under way.

    Args:
        world: Where. It belongs to the rollout until that is done with.
        controller: Who decides.
        policies: The policies, by the names that the controller uses.
        key: Start state and noise.
        salt: Policy to noise salt; missing ones use 0, the noise that all arms share.

    Attributes:
        tick: What the controller was fed last; None before the first step.
        decision: What it decided.
    """

    tick: Tick | None
    decision: Decision | None

    def __init__(
        self,
        world: ForkableWorld,
        controller: Controller,
        policies: Mapping[PolicyId, Policy],
        key: EpisodeKey,
        salt: Mapping[PolicyId, int] = _NO_SALT,
    ) -> None:
        self._world, self._controller, self._policies = world, controller, policies
        self._key, self._salt = key, salt
        self._session = Session(controller, key)
        self._k, self._outcome = 0, Outcome(success=False, done=False)
        self.tick = self.decision = None
        world.begin(key)

    @classmethod
    def from_snapshot(
        cls,
        world: ForkableWorld,
        controller: Controller,
        policies: Mapping[PolicyId, Policy],
        snapshot: Snapshot,
        salt: Mapping[PolicyId, int] = _NO_SALT,
    ) -> Rollout:
        """Goes on from a snapshot, bit for bit as if it had never been taken.

        Raises:
            SnapshotError: If world or controller cannot go on from it.
        """
        session = snapshot.resume_session(controller)
        world.restore(snapshot.world)
        return cls._from_parts(world, controller, policies, session, snapshot, salt)

    @classmethod
    def _from_parts(
        cls,
        world: ForkableWorld,
        controller: Controller,
        policies: Mapping[PolicyId, Policy],
        session: Session,
        snapshot: Snapshot,
        salt: Mapping[PolicyId, int],
    ) -> Rollout:
        rollout = cls.__new__(cls)
        rollout._world, rollout._controller, rollout._policies = world, controller, policies
        rollout._key, rollout._salt, rollout._session = snapshot.world.key, salt, session
        rollout._k, rollout._outcome = snapshot.world.k, Outcome(success=False, done=False)
        rollout.tick = rollout.decision = None
        return rollout

    @property
    def k(self) -> int:
        """Next tick."""
        return self._k

    @property
    def done(self) -> bool:
        """Whether the episode has ended."""
        end = min(self._controller.horizon, self._world.horizon)
        return self._outcome.done or self._k >= end

    @property
    def success(self) -> bool:
        """Whether the goal was reached."""
        return self._outcome.success

    def play_tick(self) -> Decision:
        """Plays one tick.

        Raises:
            ConfigError: If the episode has ended.
        """
        if self.done:
            raise ConfigError(f"Episode {self._key} ended at tick {self._k}; begin another one.")
        asked = self._session.ask
        eyes = {policy: self._policies[policy].spec.cameras for policy in asked}
        glance = Views(self._world, eyes.values())
        proposals = {
            policy: self._ask_policy(policy, glance.select_view(seen))
            for policy, seen in eyes.items()
        }
        obs = glance.select_view(merge_cameras(eyes.values()))
        self.tick = Tick(self._k, obs.stamp, obs, proposals)
        self.decision = self._session.feed(self.tick)
        self._outcome = self._world.apply(self.decision.command)
        if isinstance(self.decision.command, Stop):
            self._outcome = Outcome(self._outcome.success, done=True)
        self._k += 1
        return self.decision

    def _ask_policy(self, policy: PolicyId, obs: Observation) -> Proposal:
        """Returns a policy's proposal under the name by which the controller asked for it."""
        query = Query(self._key, self._k, obs, self._salt.get(policy, 0))
        return replace(self._policies[policy].propose([query])[0], policy=policy)

    def play_until(self, until: int) -> None:
        """Plays up to a tick, or to the end if that comes first."""
        while self._k < until and not self.done:
            self.play_tick()

    def take_snapshot(self) -> Snapshot:
        """Returns the episode before the next tick.

        Raises:
            ConfigError: If the episode has ended.
        """
        if self.done:
            raise ConfigError(f"Episode {self._key} ended at tick {self._k}; nothing goes on.")
        return Snapshot(self._world.snapshot(), self._session.state, self._session.ask)

    def fork_into(self, world: ForkableWorld) -> Rollout:
        """Returns a twin in another world; both go the same way from here, bit for bit."""
        return self.from_snapshot(
            world, self._controller, self._policies, self.take_snapshot(), self._salt
        )

    def hand_over(
        self,
        world: ForkableWorld,
        controller: Controller,
        salt: Mapping[PolicyId, int] = _NO_SALT,
    ) -> Rollout:
        """Returns a fork in which another controller begins at this tick, with a fresh chunk."""
        snapshot = self.take_snapshot()
        session = Session(controller, self._key)
        world.restore(snapshot.world)
        return self._from_parts(world, controller, self._policies, session, snapshot, salt)
