"""Controller state: all that is remembered from one tick to the next, in one immutable value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aegis.core.chunk import RunningChunk
from aegis.core.questions import Questions
from aegis.core.types import F32, EpisodeKey, Mode, PolicyId


@dataclass(frozen=True, slots=True, eq=False)
class ControllerState:
    """All that the controller remembers from one tick to the next.

    Attributes:
        key: The episode.
        k: Next tick; an earlier one is refused.
        chunk: The running chunk.
        mode: Who drives.
        heir: Who drives from the next chunk boundary on.
        last: Last action sent. Shape (a,).
        holds: Hold ticks since the last executed action [control steps]; waiting for an answer that
            is not late yet does not count.
        chunks: Chunks started in this episode.
        dwell: Chunks started by the driving policy since it took over.
        fires: Hand-overs to a stronger rung decided so far.
        detectors: State of each detector, in order.
        gate: State of the gate.
        switch: State of the switch.
        stopped: Why the episode was given up; empty while it runs.
        questions: Questions for the chunk to come, to rungs with a lead.
        silent: Rung for which the fallback stood in last, until it answers; empty for none.
    """

    key: EpisodeKey
    k: int
    chunk: RunningChunk
    mode: Mode
    heir: PolicyId
    last: F32
    holds: int
    chunks: int
    dwell: int
    fires: int
    detectors: tuple[Any, ...]
    gate: Any
    switch: Any
    stopped: str
    questions: Questions
    silent: PolicyId

    def end_tick(self, k: int, action: F32, holds: int, stopped: str) -> ControllerState:
        """Returns the state after a tick.

        Args:
            k: The tick.
            action: What was sent. Shape (a,).
            holds: Hold ticks since the last executed action [control steps].
            stopped: Why the episode was given up; empty while it runs.
        """
        return ControllerState(  # Not `replace`: this is what most ticks cost.
            self.key, k + 1, self.chunk, self.mode, self.heir, action, holds, self.chunks,
            self.dwell, self.fires, self.detectors, self.gate, self.switch, stopped,
            self.questions, self.silent,
        )  # fmt: skip
