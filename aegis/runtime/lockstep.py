"""Lockstep driver: one episode in this process, tick by tick; can be saved, forked, handed over.

The world waits while policies think, so an episode depends on nothing but its key. Fleets drive
episodes by a generator instead (`aegis.fleet.branches`), because there one world serves many arms
and waits for batches of answers.

episode = Lockstep(world, controller, policies, key)
episode.play_until(60)
episode.take_snapshot().write_npz(Path("at60.npz"))
twin = episode.fork_into(other_world)                 # goes the same way, bit for bit
helped = episode.hand_over(third_world, strong_only)  # another controller takes over here
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from aegis.core.controller import Controller
from aegis.core.errors import ConfigError
from aegis.core.protocols import ForkableWorld, Outcome, Policy, World
from aegis.core.types import Decision, EpisodeKey, PolicyId, Proposal, Stop, Tick
from aegis.runtime.history import Histories, History
from aegis.runtime.session import Session, stamp_proposal
from aegis.runtime.snapshot import Snapshot
from aegis.runtime.views import Views, merge_cameras


@dataclass(frozen=True, slots=True, eq=False)
class PlayedTick:
    """A tick that was played.

    Attributes:
        tick: What the controller was fed.
        decision: What it decided.
        call_ns: Policy to the wall time of its query [ns].
        decide_ns: Wall time of the decision: detectors, gate and switch [ns].
    """

    tick: Tick
    decision: Decision
    call_ns: Mapping[PolicyId, int]
    decide_ns: int


class Lockstep:
    """An episode under way.

    Args:
        world: World to step; owned by the episode until that ends. Snapshots and forks need a
            ``ForkableWorld``, playing does not.
        controller: Decides.
        policies: The policies, by the names that the controller uses.
        key: Start state and noise.
        delay: Ticks after which a proposal arrives [control steps].
    """

    def __init__(
        self,
        world: World,
        controller: Controller,
        policies: Mapping[PolicyId, Policy],
        key: EpisodeKey,
        delay: int = 0,
    ) -> None:
        self._world, self._controller, self._policies = world, controller, policies
        self._key, self._delay = key, delay
        self._session, self._history = Session(controller, key, delay), History()
        self._histories = _list_histories(controller, policies)
        self._k, self._outcome = 0, Outcome(success=False, done=False)
        world.begin(key)

    @classmethod
    def from_snapshot(
        cls,
        world: ForkableWorld,
        controller: Controller,
        policies: Mapping[PolicyId, Policy],
        snapshot: Snapshot,
        delay: int = 0,
    ) -> Lockstep:
        """Goes on from a snapshot, bit for bit as if it had never been taken.

        The delay is that of the episode that was left.

        Raises:
            SnapshotError: If world or controller cannot go on from it.
        """
        session = snapshot.resume_session(controller, delay)
        world.restore(snapshot.world)
        return cls._from_parts(world, controller, policies, session, snapshot, delay)

    @classmethod
    def _from_parts(
        cls,
        world: World,
        controller: Controller,
        policies: Mapping[PolicyId, Policy],
        session: Session,
        snapshot: Snapshot,
        delay: int,
    ) -> Lockstep:
        # Not by __init__, which would begin the episode again.
        episode = cls.__new__(cls)
        episode._world, episode._controller, episode._policies = world, controller, policies
        episode._key, episode._session, episode._delay = snapshot.world.key, session, delay
        episode._history = snapshot.history
        episode._histories = _list_histories(controller, policies)
        episode._k, episode._outcome = snapshot.world.k, Outcome(success=False, done=False)
        return episode

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

    def play_tick(self) -> PlayedTick:
        """Plays one tick.

        Raises:
            ConfigError: If the episode has ended.
        """
        if self.done:
            raise ConfigError(f"Episode {self._key} ended at tick {self._k}; begin another one.")
        tick, call_ns = self._query_policies()
        began = time.perf_counter_ns()
        decision = self._session.feed(tick)
        decide_ns = time.perf_counter_ns() - began
        self._outcome = self._world.apply(decision.command)
        if isinstance(decision.command, Stop):
            # A world need not know that Stop ends an episode.
            self._outcome = Outcome(self._outcome.success, done=True)
        self._k += 1
        return PlayedTick(tick, decision, call_ns, decide_ns)

    def play_until(self, until: int) -> None:
        """Plays up to a tick, or to the end if that comes first."""
        while self._k < until and not self.done:
            self.play_tick()

    def take_snapshot(self) -> Snapshot:
        """Returns the episode before the next tick.

        Raises:
            ConfigError: If the episode has ended, or its world cannot be left and restored.
        """
        if self.done:
            raise ConfigError(f"Episode {self._key} ended at tick {self._k}; nothing goes on.")
        if not isinstance(self._world, ForkableWorld):
            raise ConfigError(
                f"A {type(self._world).__name__} can be played, but not left and forked: it has no "
                "snapshot() and restore(). See `aegis.core.protocols.ForkableWorld`."
            )
        session = self._session
        return Snapshot(
            self._world.snapshot(), session.state, session.ask, session.delayed, self._history
        )

    def fork_into(self, world: ForkableWorld) -> Lockstep:
        """Returns a twin in another world; both go the same way from here, bit for bit."""
        return self.from_snapshot(
            world, self._controller, self._policies, self.take_snapshot(), self._delay
        )

    def hand_over(
        self,
        world: ForkableWorld,
        controller: Controller,
    ) -> Lockstep:
        """Returns a fork in which another controller begins at this tick, with a fresh chunk."""
        snapshot = self.take_snapshot()
        session = Session(controller, self._key, self._delay)
        world.restore(snapshot.world)
        return self._from_parts(world, controller, self._policies, session, snapshot, self._delay)

    def _query_policies(self) -> tuple[Tick, dict[PolicyId, int]]:
        """Returns what the controller is fed at this tick, and what each query took [ns]."""
        ladder = self._controller.ladder
        sources = {rung: ladder.find_rung(rung).source for rung in self._session.ask}
        cameras = {rung: self._policies[p].spec.cameras for rung, (p, _) in sources.items()}
        histories = self._histories
        watching = [self._policies[p].spec.cameras for p in histories]
        views = Views(self._world, (*cameras.values(), *watching))
        proposals: dict[PolicyId, Proposal] = {}
        call_ns: dict[PolicyId, int] = {}
        for rung, (policy, salt) in sources.items():
            seen = views.select_view(cameras[rung])
            past = self._history.list_past(policy, self._policies[policy].spec.history, seen)
            query = self._session.build_query(self._k, seen, salt, past)
            began = time.perf_counter_ns()
            proposal = self._policies[policy].propose([query])[0]
            call_ns[rung] = time.perf_counter_ns() - began
            if proposal is not None:
                proposals[rung] = stamp_proposal(proposal, rung)
        now = {p: views.select_view(self._policies[p].spec.cameras) for p in histories}
        self._history = self._history.add_tick(now, histories)
        obs = views.select_view(merge_cameras(cameras.values()))
        return Tick(self._k, obs.stamp, obs, proposals), call_ns


def _list_histories(controller: Controller, policies: Mapping[PolicyId, Policy]) -> Histories:
    """Returns how far back each policy looks that may be asked and has a memory."""
    names = {rung.source[0] for rung in controller.ladder.rungs}
    specs = {name: policies[name].spec for name in names if name in policies}
    return {name: spec.history for name, spec in specs.items() if spec.history[0]}
