"""The controller: one tick in, one decision out, no clock, no input, no output, nothing kept.

One tick goes one way: proposals -> detectors -> scores -> gate -> verdict -> switch -> mode -> row
of the plan -> command. The controller never calls a policy; ``Decision.ask`` says whom the driver
must query on the next observation.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from aegis.core.chunk import RunningChunk, clip_action
from aegis.core.errors import ConfigError, TraceError
from aegis.core.ladder import Ladder
from aegis.core.protocols import Context, Detector, Gate, Switch
from aegis.core.questions import (
    drop_overtaken,
    keep_open_questions,
    receive_answers,
    withdraw_questions,
)
from aegis.core.rules import RuleChain
from aegis.core.state import ControllerState
from aegis.core.supply import ChunkSupply
from aegis.core.types import (
    F32,
    OPERATOR,
    Act,
    Command,
    Decision,
    Embodiment,
    EpisodeKey,
    Hold,
    Level,
    Mode,
    Nanos,
    PolicyId,
    Score,
    Stop,
    Tick,
    Verdict,
)

_BETWEEN_CHUNKS = Verdict(Level.STAY, "between chunks")
_NO_CHUNK_BEGAN = Verdict(Level.STAY, "no chunk began")
_OPERATOR_DRIVES = Verdict(Level.STAY, "operator drives")
_SHADOW_NOT_DUE = Verdict(Level.STAY, "shadow not due yet")


@dataclass(frozen=True, slots=True, eq=False)
class Controller:
    """Lets the weakest policy drive and hands over to a stronger one when the gate says so.

    A hand-over decided at a chunk boundary takes effect at the next one, after the chunk at hand,
    so it costs no tick. A chunk that starts at tick k is asked for ``lead`` ticks before; without a
    lead, on the observation of tick k.

    Attributes:
        embodiment: The robot.
        ladder: Who may drive.
        horizon: Longest episode [control steps].
        detectors: They score each proposal of the first rung.
        gate: Decides whether to hand over.
        switch: Decides who drives next.
        patience: Consecutive ticks of Hold that are tolerated before Stop [control steps].
        first: Who drives first.
        shadow: Whether the first rung is asked while a stronger one drives even if the gate needs
            no scores, so that its activations can be written down.
        coast: Rows behind the executed ones that may be used while an answer is late [control
            steps].
        stale_after: Age from which on an observation is not acted on [ns]; None for a world that
            waits.

    Raises:
        ConfigError: If the parts cannot work together.
        UnknownNameError: If ``first`` is no rung.
    """

    embodiment: Embodiment
    ladder: Ladder
    horizon: int
    detectors: tuple[Detector[Any], ...]
    gate: Gate[Any]
    switch: Switch[Any]
    patience: int
    first: PolicyId
    shadow: bool = False
    coast: int = 0
    stale_after: Nanos | None = None
    _supply: ChunkSupply = field(init=False, repr=False)
    _rules: RuleChain = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rules", RuleChain(self.detectors, self.gate, self.switch))
        self.ladder.check_first(self.first)
        for name, least in (("horizon", 1), ("patience", 0), ("coast", 0), ("stale_after", 1)):
            if (value := getattr(self, name)) is not None and value < least:
                raise ConfigError(f"{name} must be at least {least}. Got: {value}.")
        self.ladder.check_leads(self.coast)
        shadowed = self.shadow or self.gate.needs_scores
        supply = ChunkSupply(self.ladder, self.embodiment, self.coast, shadowed)
        object.__setattr__(self, "_supply", supply)

    @property
    def weak(self) -> PolicyId:
        """Rung that is watched."""
        return self.ladder.watched

    @property
    def strong(self) -> PolicyId:
        """Strongest rung."""
        return self.ladder.top

    def begin(
        self, key: EpisodeKey, last: F32 | None = None
    ) -> tuple[ControllerState, tuple[PolicyId, ...]]:
        """Returns the state at the start of an episode, and whom to query for tick 0.

        ``last`` is the action that the robot was sent last, shape (a,): a full hand stays closed.
        """
        last = self.embodiment.hold if last is None else last
        nothing = np.empty((0, len(self.embodiment.names)), np.float32)
        state = ControllerState(
            key=key, k=0, chunk=RunningChunk(nothing, 0, 0), mode=Mode(self.first, 0),
            heir=self.first, last=last, holds=0, chunks=0, dwell=0, fires=0,
            detectors=tuple(detector.start(key) for detector in self.detectors),
            gate=self.gate.start(key), switch=self.switch.start(key), stopped="", questions={},
            silent="",
        )  # fmt: skip
        return self._supply.ask_policies(state, 0)

    def step(self, state: ControllerState, tick: Tick) -> tuple[ControllerState, Decision]:
        """Decides one tick.

        A proposal that is missing, short, non-finite or too late leads to Hold with a reason and
        is asked for again; it never raises. After Stop every tick is Stop.

        Raises:
            TraceError: If the tick lies in the past.
        """
        if tick.k < state.k:
            raise TraceError(f"Tick {tick.k} came after tick {state.k - 1}. Ticks must ascend.")
        stopped = state.stopped or (tick.stop and f"stop: {tick.stop}")
        if stopped:
            command = Stop(self.embodiment.stay_idle(state.last), stopped)
            return self._finish_tick(state, tick.k, command)
        if state.questions:
            answered = receive_answers(state.questions, tick.proposals)
            state = replace(state, questions=answered)
        if tick.operator is not None:
            return self._follow_operator(state, tick.k, tick.operator)
        if fault := tick.obs.find_staleness(tick.now, self.stale_after):
            state = replace(state, questions=withdraw_questions(state.questions, tick.k))
            return self._hold(state, tick.k, fault)
        if tick.k < state.chunk.until:
            return self._finish_tick(state, tick.k, Act(state.chunk.read_row(tick.k)))
        return self._cross_boundary(state, tick)

    def _cross_boundary(
        self, state: ControllerState, tick: Tick
    ) -> tuple[ControllerState, Decision]:
        """Starts a chunk, or goes on without one as long as that is safe."""
        chunk, fault = self._supply.make_chunk(state, tick, state.heir)
        if chunk is None and state.chunk.has_row(tick.k):
            return self._finish_tick(state, tick.k, Act(state.chunk.read_row(tick.k)))
        if chunk is None and not self._supply.is_late(state, state.heir, tick.k):
            # Nobody is judged for an answer that is not late yet.
            return self._hold(state, tick.k, f"{state.heir}: not due yet", waiting=True)
        if chunk is None:
            state, chunk = self._relieve_driver(state, tick)
        # The heir takes over whether its chunk has come or not: if it is silent the robot holds.
        if state.heir != state.mode.active:
            state = replace(state, mode=Mode(state.heir, tick.k), dwell=0)
        scores: tuple[Score, ...] = ()
        verdict = _NO_CHUNK_BEGAN
        # Where a stronger policy is silent there is nothing to judge. The watched policy's silence
        # is itself a risk, so the gate hears of it.
        if chunk is not None or state.mode.active == self.weak:
            state, scores, verdict = self._judge_boundary(state, tick, chunk)
        if chunk is None:
            return self._hold(state, tick.k, fault, scores, verdict)
        act = Act(chunk.rows[0])
        return self._finish_tick(state, tick.k, act, scores, verdict, boundary=True)

    def _relieve_driver(
        self, state: ControllerState, tick: Tick
    ) -> tuple[ControllerState, RunningChunk | None]:
        """Lets the fallback, if there is one and it has answered, drive for a silent heir."""
        fallback = self.ladder.fallback
        if fallback is None or fallback == state.heir:
            return state, None
        relief, _ = self._supply.make_chunk(state, tick, fallback)
        if relief is None:
            return state, None
        return replace(state, heir=fallback, silent=state.heir), relief

    def _judge_boundary(
        self, state: ControllerState, tick: Tick, chunk: RunningChunk | None
    ) -> tuple[ControllerState, tuple[Score, ...], Verdict]:
        """Runs detectors, gate and switch at a boundary, and starts the chunk if there is one."""
        began, watched = chunk is not None, state.mode.active == self.weak
        context = Context(
            k=tick.k, horizon=self.horizon, chunk=state.chunks, mode=state.mode,
            rungs=self.ladder.names, dwell=state.dwell + began, fires=state.fires,
        )  # fmt: skip
        # The shadow's rows are never executed; whether they could be decides whether its scores
        # count.
        scored = watched or self._supply.shadowed
        usable = began if watched else scored and self._supply.has_chunk(state, tick, self.weak)
        scores: tuple[Score, ...] = ()
        verdict = _SHADOW_NOT_DUE
        if usable or not scored or self._supply.is_late(state, self.weak, tick.k):
            proposal = self._supply.find_proposal(state, tick, self.weak) if usable else None
            state, scores, verdict = self._rules.judge(
                state, proposal, tick.obs, context, scored=scored
            )
        if chunk is None:
            return state, scores, verdict
        state = replace(
            state,
            chunk=chunk,
            chunks=state.chunks + 1,
            dwell=context.dwell,
            questions=keep_open_questions(state.questions),
            silent="" if state.mode.active == state.silent else state.silent,
        )
        return state, scores, verdict

    def _follow_operator(
        self, state: ControllerState, k: int, action: F32
    ) -> tuple[ControllerState, Decision]:
        """Does what a person says; the chunk at hand is void. ``action`` has shape (a,)."""
        fresh = state.mode.active != OPERATOR
        mode = Mode(OPERATOR, k) if fresh else state.mode
        # Whoever was called has come; afterwards the watched policy drives.
        heir = self.weak if self.ladder.find_rung(state.heir).person else state.heir
        void = RunningChunk(state.chunk.rows[:0], k + 1, k + 1)
        asked = drop_overtaken(state.questions, self.ladder) if fresh else state.questions
        state = replace(state, mode=mode, heir=heir, chunk=void, dwell=0, questions=asked)
        clipped = clip_action(action, self.embodiment)
        if clipped is None:
            return self._hold(state, k, f"operator: action {action}", (), _OPERATOR_DRIVES)
        return self._finish_tick(state, k, Act(clipped), (), _OPERATOR_DRIVES)

    def _hold(
        self,
        state: ControllerState,
        k: int,
        reason: str,
        scores: tuple[Score, ...] = (),
        verdict: Verdict = _NO_CHUNK_BEGAN,
        *,
        waiting: bool = False,
    ) -> tuple[ControllerState, Decision]:
        """Does nothing for a tick, or gives up when patience is over."""
        holds = state.holds + (not waiting)
        idle = self.embodiment.stay_idle(state.last)
        command: Command = Hold(idle, reason)
        if holds > self.patience:
            command = Stop(idle, f"{reason}, {holds} ticks in a row")
        state = replace(state, holds=holds)
        return self._finish_tick(state, k, command, scores, verdict)

    def _finish_tick(
        self,
        state: ControllerState,
        k: int,
        command: Command,
        scores: tuple[Score, ...] = (),
        verdict: Verdict = _BETWEEN_CHUNKS,
        *,
        boundary: bool = False,
    ) -> tuple[ControllerState, Decision]:
        """Turns HALT into Stop, asks for what is needed next, and writes the decision."""
        if verdict.level >= Level.HALT:
            command = Stop(self.embodiment.stay_idle(state.last), f"gate: {verdict.reason}")
        stopped = command.reason if isinstance(command, Stop) else ""
        holds = 0 if isinstance(command, Act) else state.holds
        state = state.end_tick(k, command.action, holds, stopped)
        ask: tuple[PolicyId, ...] = ()
        if not stopped:
            state, ask = self._supply.ask_policies(state, k + 1)
        due = max(state.chunk.until, k + 1)
        decision = Decision(
            k=k,
            command=command,
            ask=ask,
            mode=state.mode,
            next_mode=state.mode if state.heir == state.mode.active else Mode(state.heir, due),
            scores=scores,
            verdict=verdict,
            fires=state.fires,
            boundary=boundary and not stopped,
            due=due,
            committed=state.chunk.list_committed(k + 1),
        )
        return state, decision
