"""Chunk supply: whom to ask for the chunk to come, and what their answers are worth."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aegis.core.chunk import DueChunk, RunningChunk, start_chunk
from aegis.core.ladder import Ladder
from aegis.core.questions import accept_since, choose_questions, is_late, put_questions
from aegis.core.state import ControllerState
from aegis.core.types import OPERATOR, Embodiment, PolicyId, Proposal, Tick


@dataclass(frozen=True, slots=True, eq=False)
class ChunkSupply:
    """Turns questions to the rungs of a ladder into chunks.

    Attributes:
        ladder: Who may drive.
        embodiment: The robot.
        coast: Spare rows to keep behind the executed ones [control steps].
        shadowed: Whether the watched rung is asked while another one drives.
    """

    ladder: Ladder
    embodiment: Embodiment
    coast: int
    shadowed: bool

    def ask_policies(
        self, state: ControllerState, k: int
    ) -> tuple[ControllerState, tuple[PolicyId, ...]]:
        """Decides whom to query on the observation of a tick, and remembers it."""
        until = state.chunk.until
        eager = state.mode.active == OPERATOR
        if k < until - self.ladder.longest_lead:
            return state, ()
        wanted = [self.ladder.find_rung(name) for name in self._list_wanted(state, k)]
        asked = choose_questions(state.questions, wanted, until, k, eager=eager)
        led = [rung.name for rung in wanted if rung.lead and rung.name in asked]
        if led:
            state = replace(state, questions=put_questions(state.questions, led, k))
        return state, asked

    def _list_wanted(self, state: ControllerState, k: int) -> list[PolicyId]:
        """Lists whom the chunk to come needs: driver, shadow, and the fallback of a silent one."""
        heir, fallback = state.heir, self.ladder.fallback
        wanted = [heir]
        if heir != self.ladder.watched and self.shadowed:
            wanted.append(self.ladder.watched)
        overdue = k > state.chunk.until and self.is_late(state, heir, k - 1)
        # A person who is called never has a chunk, so whoever stands in is asked ahead.
        absent = heir == state.silent or self.ladder.find_rung(heir).person
        if fallback is not None and fallback not in wanted and (absent or overdue):
            wanted.append(fallback)
        return wanted

    def make_chunk(
        self, state: ControllerState, tick: Tick, name: PolicyId
    ) -> tuple[RunningChunk | None, str]:
        """Returns the chunk that a rung's proposal makes at a tick, or None and why."""
        rung = self.ladder.find_rung(name)
        due = DueChunk(
            policy=name,
            since=accept_since(state.chunk.until, rung),
            k=tick.k,
            n=rung.execute,
            least=rung.least_rows,
            spare=self.coast,
        )
        return start_chunk(self.find_proposal(state, tick, name), due, self.embodiment)

    def has_chunk(self, state: ControllerState, tick: Tick, name: PolicyId) -> bool:
        """Says whether a rung's proposal makes a chunk at a tick."""
        return self.make_chunk(state, tick, name)[0] is not None

    def find_proposal(self, state: ControllerState, tick: Tick, name: PolicyId) -> Proposal | None:
        """Returns a rung's newest proposal: without a lead, what came at this very tick."""
        if not self.ladder.find_rung(name).lead:
            return tick.proposals.get(name)
        question = state.questions.get(name)
        return None if question is None else question.answer

    def is_late(self, state: ControllerState, name: PolicyId, k: int) -> bool:
        """Says whether a rung's answer should have come by a tick."""
        return is_late(state.questions, self.ladder.find_rung(name), k)
