"""Session: the stateful shell around the controller; holds the state of one running episode."""

from __future__ import annotations

from dataclasses import replace

from aegis.core.controller import Controller
from aegis.core.protocols import Query
from aegis.core.state import ControllerState
from aegis.core.types import F32, Decision, EpisodeKey, Observation, PolicyId, Proposal, Tick

Delayed = tuple[tuple[int, Proposal], ...]
"""Proposals under way, each with the tick at which it arrives."""


def stamp_proposal(proposal: Proposal, rung: PolicyId) -> Proposal:
    """Returns a proposal under the name of the rung that was asked for it."""
    return proposal if proposal.policy == rung else replace(proposal, policy=rung)


class Session:
    """Feeds one episode, tick by tick.

    Args:
        controller: Decides.
        key: The episode.
        delay: Ticks by which proposals are held back after they were fed [control steps]: what
            policies that think so long cost, in a world that waits for them.
        last: Last action that the robot was sent, shape (a,); None for none.

    Attributes:
        ask: Rungs to query on the next observation.
    """

    ask: tuple[PolicyId, ...]

    def __init__(
        self, controller: Controller, key: EpisodeKey, delay: int = 0, last: F32 | None = None
    ) -> None:
        self._controller, self._delay = controller, delay
        self._delayed: Delayed = ()
        self._state, self.ask = controller.begin(key, last)

    @classmethod
    def from_state(
        cls,
        controller: Controller,
        state: ControllerState,
        ask: tuple[PolicyId, ...],
        delay: int = 0,
        delayed: Delayed = (),
    ) -> Session:
        """Goes on from a state that another session was left in.

        Args:
            controller: Equal to the one that led there, or one to try from here on.
            state: What ``state`` was.
            ask: What ``ask`` was.
            delay: Ticks by which proposals are held back [control steps].
            delayed: What ``delayed`` was.
        """
        session = cls(controller, state.key, delay)
        session._state, session.ask, session._delayed = state, ask, delayed
        return session

    @property
    def state(self) -> ControllerState:
        """All that is remembered; immutable, so it may be kept and resumed any number of times."""
        return self._state

    @property
    def delayed(self) -> Delayed:
        """Proposals that are held back."""
        return self._delayed

    def build_query(
        self, k: int, obs: Observation, salt: int, past: tuple[Observation, ...] = ()
    ) -> Query:
        """Returns the question to a rung that is asked on the next observation.

        Args:
            k: Tick of the observation.
            obs: What the policy looks at.
            salt: Salt of its noise.
            past: Earlier observations that it looks at, farthest first.
        """
        return Query(self._state.key, k, obs, salt, *self.find_start(k), past)

    def find_start(self, k: int) -> tuple[int | None, F32 | None]:
        """Returns when the chunk that is asked for starts, and what is executed until then.

        Args:
            k: Tick of the observation.

        Returns:
            A tick, and actions of shape (n, a); None twice if it starts at tick ``k``.
        """
        chunk = self._state.chunk
        return (None, None) if chunk.until <= k else (chunk.until, chunk.list_committed(k))

    def feed(self, tick: Tick) -> Decision:
        """Returns the decision for a tick and remembers what it led to.

        Raises:
            TraceError: If the tick lies in the past.
        """
        if self._delay:
            tick = self._delay_proposals(tick)
        self._state, decision = self._controller.step(self._state, tick)
        self.ask = decision.ask
        return decision

    def _delay_proposals(self, tick: Tick) -> Tick:
        """Returns the tick with the proposals that arrive at it; those that it brought wait."""
        sent = tuple((tick.k + self._delay, one) for one in tick.proposals.values())
        under_way = (*self._delayed, *sent)
        self._delayed = tuple(pair for pair in under_way if pair[0] > tick.k)
        arrived = {one.policy: one for due, one in under_way if due <= tick.k}
        return replace(tick, proposals=arrived)
