"""The only stateful shell around the controller: it keeps the state of one running episode."""

from __future__ import annotations

from aegis.core.controller import Controller
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

    def feed(self, tick: Tick) -> Decision:
        """Returns the decision for a tick and remembers what it led to.

        Raises:
            TraceError: If the tick lies in the past.
        """
        self._state, decision = self._controller.step(self._state, tick)
        self.ask = decision.ask
        return decision
