"""Session: the stateful shell around the controller; holds the state of one running episode."""

from __future__ import annotations

from aegis.core.controller import Controller, ControllerState
from aegis.core.types import Decision, EpisodeKey, PolicyId, Tick


class Session:
    """Feeds one episode, tick by tick.

    Attributes:
        ask: Policies to query on the next observation.
    """

    ask: tuple[PolicyId, ...]

    def __init__(self, controller: Controller, key: EpisodeKey) -> None:
        self._controller = controller
        self._state, self.ask = controller.begin(key)

    @classmethod
    def from_state(
        cls, controller: Controller, state: ControllerState, ask: tuple[PolicyId, ...]
    ) -> Session:
        """Goes on from a state that another session was left in.

        Args:
            controller: Equal to the one that led there, or one to try from here on.
            state: What ``state`` was.
            ask: What ``ask`` was.
        """
        session = cls(controller, state.key)
        session._state, session.ask = state, ask
        return session

    @property
    def state(self) -> ControllerState:
        """All that is remembered; immutable, so it may be kept and resumed any number of times."""
        return self._state

    def feed(self, tick: Tick) -> Decision:
        """Returns the decision for a tick and remembers what it led to.

        Raises:
            TraceError: If the tick lies in the past.
        """
        self._state, decision = self._controller.step(self._state, tick)
        self.ask = decision.ask
        return decision
