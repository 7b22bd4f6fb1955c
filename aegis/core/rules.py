"""Rule chain: detectors score a proposal, the gate judges the scores, the switch names a driver."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.protocols import Context, Detector, Gate, Switch
from aegis.core.state import ControllerState
from aegis.core.types import Observation, Proposal, Score, Verdict


@dataclass(frozen=True, slots=True, eq=False)
class RuleChain:
    """Rules of a controller, in the order in which they run.

    Attributes:
        detectors: They score each proposal of the watched rung.
        gate: Decides whether to hand over.
        switch: Decides who drives next.

    Raises:
        ConfigError: If two detectors have one name, or the gate needs one and there is none.
    """

    detectors: tuple[Detector[Any], ...]
    gate: Gate[Any]
    switch: Switch[Any]

    def __post_init__(self) -> None:
        names = [detector.name for detector in self.detectors]
        if len(set(names)) != len(names):
            raise ConfigError(f"Detectors must have different names. Got: {', '.join(names)}.")
        if self.gate.needs_scores and not names:
            raise ConfigError("The gate needs scores, but there is no detector. Give one.")

    def judge(
        self,
        state: ControllerState,
        proposal: Proposal | None,
        obs: Observation,
        context: Context,
        *,
        scored: bool,
    ) -> tuple[ControllerState, tuple[Score, ...], Verdict]:
        """Judges a chunk boundary.

        Args:
            state: What is remembered.
            proposal: The watched rung's proposal; None if it gave none that could be executed.
            obs: The observation of the tick.
            context: What rules may know besides.
            scored: Whether detectors run; else nobody asked the watched rung.

        Raises:
            UnknownNameError: If the switch names somebody who is not on the ladder.
        """
        minds = state.detectors
        scores: tuple[Score, ...] = ()
        if scored:
            minds, scores = self._score_proposal(state, proposal, obs)
        gate, verdict = self.gate.judge(state.gate, scores, context)
        switch, heir = self.switch.transition(state.switch, verdict, scores, context)
        rungs = context.rungs
        if heir not in rungs:
            raise UnknownNameError("policy", heir, rungs, "the switch's answer")
        climbs = rungs.index(heir) > rungs.index(context.mode.active)
        state = replace(
            state,
            heir=heir,
            fires=state.fires + climbs,
            detectors=minds,
            gate=gate,
            switch=switch,
        )
        return state, scores, verdict

    def _score_proposal(
        self, state: ControllerState, proposal: Proposal | None, obs: Observation
    ) -> tuple[tuple[Any, ...], tuple[Score, ...]]:
        """Scores a proposal; without one every score is NaN."""
        minds, scores = [], []
        for detector, mind in zip(self.detectors, state.detectors, strict=True):
            mind, score = detector.update(mind, proposal, obs)
            minds.append(mind)
            # A detector must not be able to call silence safe.
            scores.append(score if proposal is not None else Score(detector.name, float("nan")))
        return tuple(minds), tuple(scores)
