"""Gated episode: the controller's course in one episode, played as its client executes it.

A client asks, executes some rows of the answer, and asks again. The controller decides tick by
tick; the ticks that a client executes between two requests are fed when the next one says how many
they were. What the answer holds is read off a session that is thrown away afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aegis.core.controller import Controller
from aegis.core.errors import MessageError
from aegis.core.types import F32, Decision, EpisodeKey, Observation, PolicyId, Proposal, Tick
from aegis.host.wire_names import EPISODE
from aegis.runtime.session import Session

_LONGEST_PAUSE = 1000
"""Ticks that may lie between two requests [control steps]."""


@dataclass(frozen=True, slots=True, eq=False)
class PlannedChunk:
    """What a client is to execute.

    Attributes:
        actions: Shape (e, a).
        rows: How many of them are to be executed before the next request at best; the others hold.
        decision: The decision at the tick of the request.
        watched: What the weak policy proposed; None where it was not asked, or silent.
    """

    actions: F32
    rows: int
    decision: Decision
    watched: Proposal | None


class GatedEpisode:
    """One episode under a controller.

    Args:
        controller: It decides.
        key: The episode.
        execute: Rows of an answer [control steps].
        content: Digest of what the client saw at tick 0.
        owner: Client that began it.

    Attributes:
        owner: Client that may begin it anew.
        turn: Whoever asks for this episode holds it: an answer depends on those before.
    """

    def __init__(
        self, controller: Controller, key: EpisodeKey, execute: int, content: bytes, owner: str
    ) -> None:
        self._controller, self._execute, self._content = controller, execute, content
        self._session = Session(controller, key)
        self._next = 0
        self._seen: Observation | None = None
        self._last: PlannedChunk | None = None
        self.owner = owner
        self.turn = asyncio.Lock()

    def is_beginning(self, content: bytes) -> bool:
        """Says whether tick 0 with this content is the one that it began with, asked again."""
        return self._next <= 1 and content == self._content

    def find_answer(self, k: int) -> PlannedChunk | None:
        """Returns what was answered at a tick if that was the last one; None otherwise.

        A client whose connection was lost cannot know whether its request was answered. Asked
        again, the tick is not decided again.
        """
        return self._last if self._last is not None and self._last.decision.k == k else None

    def catch_up(self, k: int) -> tuple[PolicyId, ...]:
        """Feeds the ticks that the client has executed since, and returns whom to ask at tick k.

        Raises:
            MessageError: If the tick lies in the past, or too far ahead.
        """
        if not self._next <= k <= self._next + _LONGEST_PAUSE:
            allowed = f"a tick from {self._next} on, at most {_LONGEST_PAUSE} later"
            raise MessageError(f"{EPISODE}.tick", k, allowed)
        if self._seen is None and k:
            raise MessageError(f"{EPISODE}.tick", k, "0 at the start of an episode")
        while self._next < k:
            assert self._seen is not None
            self._session.feed(_make_tick(self._next, self._seen, {}))
            self._next += 1
        return self._session.ask

    def plan_chunk(
        self, k: int, obs: Observation, proposals: Mapping[PolicyId, Proposal]
    ) -> PlannedChunk:
        """Decides tick k, and looks ahead.

        Args:
            k: Tick of the request; ``catch_up`` was called for it.
            obs: What the client saw.
            proposals: Rung to proposal.
        """
        decision = self._session.feed(_make_tick(k, obs, proposals))
        self._next, self._seen = k + 1, obs
        ahead = Session.from_state(self._controller, self._session.state, decision.ask)
        ticks = [_make_tick(later, obs, {}) for later in range(k + 1, k + self._execute)]
        decisions = [decision, *map(ahead.feed, ticks)]
        # From the tick on at which somebody is asked, rows hold: nobody has answered yet.
        rows = next((i for i, one in enumerate(decisions, 1) if one.ask), self._execute)
        actions = np.stack([one.command.action for one in decisions])
        self._last = PlannedChunk(actions, rows, decision, proposals.get(self._controller.weak))
        return self._last


def _make_tick(k: int, obs: Observation, proposals: Mapping[PolicyId, Proposal]) -> Tick:
    return Tick(k, obs.stamp, obs, proposals)
