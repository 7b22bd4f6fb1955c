"""The controller: one tick in, one decision out, no clock, no input, no output, nothing kept.

One tick goes one way: proposals -> detectors -> scores -> gate -> verdict -> switch -> mode -> row
of the plan -> command. The controller never calls a policy; ``Decision.ask`` says whom the driver
must query on the next observation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aegis.core.chunk import DueChunk, select_usable_rows
from aegis.core.errors import ConfigError, TraceError, UnknownNameError
from aegis.core.protocols import Context, Detector, Gate, Switch
from aegis.core.types import (
    F32,
    Act,
    Command,
    Decision,
    Embodiment,
    EpisodeKey,
    Hold,
    Level,
    Mode,
    PolicyId,
    Score,
    Stop,
    Tick,
    Verdict,
)

_BETWEEN_CHUNKS = Verdict(Level.STAY, "between chunks")
_NO_CHUNK_BEGAN = Verdict(Level.STAY, "no chunk began")


@dataclass(frozen=True, slots=True, eq=False)
class ControllerState:
    """All that the controller remembers from one tick to the next.

    Attributes:
        key: The episode.
        k: Next tick; an earlier one is refused.
        rows: Actions of the running chunk, finite and clipped. Shape (n, a).
        start: Tick of ``rows[0]``.
        until: Tick at which the next chunk is due; ``start + n`` once a chunk runs.
        mode: Who drives.
        heir: Who drives from the next chunk boundary on.
        last: Last action sent. Shape (a,).
        holds: Hold ticks since the last executed action [control steps].
        chunk: Chunks started in this episode.
        dwell: Chunks started by the driving policy since it took over.
        fires: Hand-overs to the strong policy decided so far.
        detectors: State of each detector, in order.
        gate: State of the gate.
        switch: State of the switch.
        stopped: Why the episode was given up; empty while it runs.
    """

    key: EpisodeKey
    k: int
    rows: F32
    start: int
    until: int
    mode: Mode
    heir: PolicyId
    last: F32
    holds: int
    chunk: int
    dwell: int
    fires: int
    detectors: tuple[Any, ...]
    gate: Any
    switch: Any
    stopped: str


@dataclass(frozen=True, slots=True, eq=False)
class Controller:
    """Lets a weak policy drive and hands over to a strong one when the gate says so.

    A chunk that starts at tick k is asked for on the observation of tick k. A hand-over decided at
    a boundary takes effect at the next one, after the chunk at hand, so it costs no tick.

    Attributes:
        embodiment: The robot.
        weak: Name of the policy that is watched.
        strong: Name of the policy that helps.
        execute: Policy to rows that are executed per proposal [control steps].
        horizon: Longest episode [control steps].
        detectors: They score each proposal of the weak policy.
        gate: Decides whether to hand over.
        switch: Decides who drives next.
        patience: Consecutive ticks of Hold that are tolerated before Stop [control steps].
        first: Who drives first.
        shadow: Whether the weak policy is asked while the strong one drives even if the gate needs
            no scores, so that its activations can be written down.

    Raises:
        ConfigError: If the parts cannot work together.
        UnknownNameError: If ``first`` is neither of the two policies.
    """

    embodiment: Embodiment
    weak: PolicyId
    strong: PolicyId
    execute: Mapping[PolicyId, int]
    horizon: int
    detectors: tuple[Detector[Any], ...]
    gate: Gate[Any]
    switch: Switch[Any]
    patience: int
    first: PolicyId
    shadow: bool = False

    def __post_init__(self) -> None:
        if self.weak == self.strong:
            raise ConfigError(f"weak and strong must have different names. Got: '{self.weak}'.")
        if self.first not in (self.weak, self.strong):
            raise UnknownNameError("policy", self.first, (self.weak, self.strong), "first")
        for name in (self.weak, self.strong):
            rows = self.execute.get(name, 0)
            if rows < 1:
                raise ConfigError(f"execute.{name} must be at least 1 control step. Got: {rows}.")
        if self.horizon < 1:
            raise ConfigError(f"horizon must be at least 1 control step. Got: {self.horizon}.")
        if self.patience < 0:
            raise ConfigError(f"patience must not be negative. Got: {self.patience}.")
        names = [detector.name for detector in self.detectors]
        if len(set(names)) != len(names):
            raise ConfigError(f"Detectors must have different names. Got: {', '.join(names)}.")
        if self.gate.needs_scores and not names:
            raise ConfigError("The gate needs scores, but there is no detector. Give one.")

    def begin(self, key: EpisodeKey) -> tuple[ControllerState, tuple[PolicyId, ...]]:
        """Returns the state at the start of an episode, and whom to query for tick 0."""
        state = ControllerState(
            key=key, k=0, rows=np.empty((0, len(self.embodiment.names)), np.float32), start=0,
            until=0, mode=Mode(self.first, 0), heir=self.first, last=self.embodiment.hold, holds=0,
            chunk=0, dwell=0, fires=0,
            detectors=tuple(detector.start(key) for detector in self.detectors),
            gate=self.gate.start(key), switch=self.switch.start(key), stopped="",
        )  # fmt: skip
        return state, self._select_policies(self.first)

    def step(self, state: ControllerState, tick: Tick) -> tuple[ControllerState, Decision]:
        """Decides one tick.

        A proposal that is missing, short, non-finite or too late leads to Hold with a reason and
        is asked for again; it never raises. After Stop every tick is Stop.

        Raises:
            TraceError: If the tick lies in the past.
        """
        if tick.k < state.k:
            raise TraceError(f"Tick {tick.k} came after tick {state.k - 1}. Ticks must ascend.")
        if state.stopped:
            stop = Stop(self._compute_idle_action(state.last), state.stopped)
            return self._finish_tick(state, tick.k, stop, (), _BETWEEN_CHUNKS, boundary=False)
        if tick.k < state.until:
            act = Act(state.rows[tick.k - state.start])
            return self._finish_tick(state, tick.k, act, (), _BETWEEN_CHUNKS, boundary=False)
        return self._start_chunk(state, tick)

    def _start_chunk(self, state: ControllerState, tick: Tick) -> tuple[ControllerState, Decision]:
        """Starts a chunk, or holds when the driving policy gave none."""
        # The heir takes over whether its chunk has come or not: if it is silent the robot holds,
        # and the old driver, whose chunk is over, is not asked on.
        if state.heir != state.mode.active:
            state = replace(state, mode=Mode(state.heir, tick.k), dwell=0)
        rows, trouble = self._select_rows(state, tick, state.mode.active)
        command: Command = (
            Hold(self._compute_idle_action(state.last), trouble) if rows is None else Act(rows[0])
        )
        scores: tuple[Score, ...] = ()
        verdict = _NO_CHUNK_BEGAN
        # Where the strong policy is silent there is nothing to judge. The weak policy's silence is
        # itself a risk, so the gate hears of it.
        if rows is not None or state.mode.active == self.weak:
            context = self._build_context(state, tick.k, state.dwell + (rows is not None))
            state, scores, verdict = self._judge_boundary(state, tick, context, rows)
        return self._finish_tick(state, tick.k, command, scores, verdict, boundary=rows is not None)

    def _judge_boundary(
        self, state: ControllerState, tick: Tick, context: Context, rows: F32 | None
    ) -> tuple[ControllerState, tuple[Score, ...], Verdict]:
        """Runs detectors, gate and switch at a boundary, and starts the chunk if there is one.

        ``rows`` are the actions of the new chunk, shape (n, a), or None if none came.
        """
        minds = state.detectors
        scores: tuple[Score, ...] = ()
        if context.mode.active == self.weak:
            minds, scores = self._score_proposal(state, tick, usable=rows is not None)
        elif self._needs_shadow:
            # The shadow's rows are never executed; whether they could be decides whether its scores
            # count.
            shadow, _ = self._select_rows(state, tick, self.weak)
            minds, scores = self._score_proposal(state, tick, usable=shadow is not None)
        gate, verdict = self.gate.judge(state.gate, scores, context)
        switch, heir = self.switch.transition(state.switch, verdict, scores, context)
        if heir not in (self.weak, self.strong):
            raise UnknownNameError("policy", heir, (self.weak, self.strong), "the switch's answer")
        fired = heir == self.strong and context.mode.active == self.weak
        begun = rows is not None
        state = ControllerState(  # Not `replace`, which costs more than the detector.
            key=state.key, k=state.k, rows=state.rows if rows is None else rows,
            start=tick.k if begun else state.start,
            until=state.until if rows is None else tick.k + len(rows), mode=state.mode, heir=heir,
            last=state.last, holds=state.holds, chunk=state.chunk + begun, dwell=context.dwell,
            fires=state.fires + fired, detectors=minds, gate=gate, switch=switch,
            stopped=state.stopped,
        )  # fmt: skip
        return state, scores, verdict

    def _score_proposal(
        self, state: ControllerState, tick: Tick, *, usable: bool
    ) -> tuple[tuple[Any, ...], tuple[Score, ...]]:
        """Scores the weak policy's proposal; without a usable one every score is NaN."""
        proposal = tick.proposals[self.weak] if usable else None
        minds, scores = [], []
        for detector, mind in zip(self.detectors, state.detectors, strict=True):
            mind, score = detector.update(mind, proposal, tick.obs)
            minds.append(mind)
            # A detector must not be able to call silence safe.
            scores.append(score if proposal is not None else Score(detector.name, float("nan")))
        return tuple(minds), tuple(scores)

    def _finish_tick(
        self,
        state: ControllerState,
        k: int,
        command: Command,
        scores: tuple[Score, ...],
        verdict: Verdict,
        *,
        boundary: bool,
    ) -> tuple[ControllerState, Decision]:
        """Turns too much patience and HALT into Stop, and writes the decision."""
        holds = state.holds + 1 if isinstance(command, Hold) else 0
        # Before patience: a gate that halts is to be named as the cause.
        if verdict.level >= Level.HALT:
            command = Stop(self._compute_idle_action(state.last), f"gate: {verdict.reason}")
        elif isinstance(command, Hold) and holds > self.patience:
            command = Stop(command.action, f"{command.reason}, {holds} ticks in a row")
        stopped = command.reason if isinstance(command, Stop) else ""
        state = ControllerState(
            key=state.key, k=k + 1, rows=state.rows, start=state.start, until=state.until,
            mode=state.mode, heir=state.heir, last=command.action, holds=holds, chunk=state.chunk,
            dwell=state.dwell, fires=state.fires, detectors=state.detectors, gate=state.gate,
            switch=state.switch, stopped=stopped,
        )  # fmt: skip
        switched = state.heir != state.mode.active
        due = state.until <= k + 1 and not stopped
        decision = Decision(
            k=k,
            command=command,
            ask=self._select_policies(state.heir) if due else (),
            mode=state.mode,
            next_mode=Mode(state.heir, max(state.until, k + 1)) if switched else state.mode,
            scores=scores,
            verdict=verdict,
            fires=state.fires,
            boundary=boundary and not stopped,
        )
        return state, decision

    def _select_rows(
        self, state: ControllerState, tick: Tick, policy: PolicyId
    ) -> tuple[F32 | None, str]:
        """Returns a policy's usable rows, shape (n, a), or None and why there are none."""
        due = DueChunk(policy, since=state.until, k=tick.k, n=self.execute[policy])
        return select_usable_rows(tick.proposals.get(policy), due, self.embodiment)

    def _build_context(self, state: ControllerState, k: int, dwell: int) -> Context:
        return Context(
            k=k, horizon=self.horizon, chunk=state.chunk, mode=state.mode, weak=self.weak,
            strong=self.strong, dwell=dwell, fires=state.fires,
        )  # fmt: skip

    def _select_policies(self, driver: PolicyId) -> tuple[PolicyId, ...]:
        """Returns whom to query for a boundary: the driver, and the weak shadow if needed."""
        if driver == self.strong and self._needs_shadow:
            return (self.strong, self.weak)
        return (driver,)

    @property
    def _needs_shadow(self) -> bool:
        return self.shadow or self.gate.needs_scores

    def _compute_idle_action(self, last: F32) -> F32:
        """Returns the embodiment's way to do nothing. Shape (a,)."""
        return np.where(self.embodiment.sticky, last, self.embodiment.hold)
