"""Journal: collects the rows of one arm's episode while it is played."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from aegis.core.capabilities import ThresholdGate
from aegis.core.types import (
    Act,
    Command,
    Decision,
    EpisodeKey,
    Observation,
    PolicyId,
    Proposal,
)
from aegis.core.types import Hold as HoldCommand
from aegis.fleet.arm import Arm
from aegis.fleet.progress import EpisodeProgress, Judgement
from aegis.records.rows import EpisodeRecord, EpisodeRow, FeatureRow, SampleRow, StepRow


@dataclass(frozen=True, slots=True)
class Standing:
    """How an episode is going; travels with its queries.

    Attributes:
        arm: Name of the arm.
        k: Tick.
        active: Policy that drives.
        risk: Last score of the first detector; NaN if unknown or none yet.
        judged: What the gate judged last; None before the first boundary.
        fires: Hand-overs decided so far.
        strong_steps: Steps under the arm's second driver so far [control steps].
    """

    arm: str
    k: int
    active: PolicyId
    risk: float
    judged: Judgement | None
    fires: int
    strong_steps: int

    def report_progress(self, key: EpisodeKey, arm: Arm, instruction: str) -> EpisodeProgress:
        """Returns the same in the words of progress sinks.

        Args:
            key: The unit.
            arm: The arm of this name.
            instruction: Task in words.
        """
        return EpisodeProgress(
            key=key,
            arm=arm.name,
            k=self.k,
            horizon=arm.controller.horizon,
            active=self.active,
            helper=arm.controller.strong,
            risk=self.risk,
            quantity=arm.quantity,
            track=() if self.judged is None else (self.judged,),
            fires=self.fires,
            strong_steps=self.strong_steps,
            instruction=instruction,
        )


@dataclass(frozen=True, slots=True, eq=False)
class WorldRecord:
    """What an arm finds at a tick; but for the pictures, all that share a world find the same.

    Attributes:
        obs: What was sensed.
        truth: Simulator truth that is written down, by name.
        digest: Hash of the state.
        pictures: Hash of the pictures that the arm's policies look at; empty where none does.
    """

    obs: Observation
    truth: tuple[tuple[str, list[float]], ...]
    digest: str
    pictures: str = ""


@dataclass(slots=True, eq=False)
class Journal:
    """Collects rows.

    Attributes:
        arm: The arm.
        key: The unit.
    """

    arm: Arm
    key: EpisodeKey
    _steps: list[StepRow] = field(default_factory=list)
    _features: list[FeatureRow] = field(default_factory=list)
    _samples: list[SampleRow] = field(default_factory=list)
    _asks: Counter[PolicyId] = field(default_factory=Counter)
    _holds: list[int] = field(default_factory=list)
    _strong_steps: int = 0
    _risk: float = float("nan")
    _judged: Judgement | None = None
    _instruction: str = ""
    _trace: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=16))

    def build_standing(self, k: int) -> Standing:
        """Returns how things stand at tick ``k``."""
        last = self._steps[-1] if self._steps else None
        active = last.next if last else self.arm.controller.first
        fires = last.fires if last else 0
        return Standing(
            self.arm.name, k, active, self._risk, self._judged, fires, self._strong_steps
        )

    def record_step(
        self,
        decision: Decision,
        scene: WorldRecord,
        asked: Sequence[PolicyId],
        proposals: Mapping[PolicyId, Proposal],
        gate: object,
    ) -> None:
        """Writes a tick down.

        Args:
            decision: What the controller decided.
            scene: What was found at the tick.
            asked: Policies that were queried for it.
            proposals: Their answers.
            gate: State of the arm's gate after the decision.
        """
        row = self._build_row(decision, scene, asked)
        self._count_stay(row)
        self._steps.append(row)
        self._asks.update(asked)
        self._instruction = scene.obs.instruction
        if row.risk is not None:
            self._risk = row.risk
        if row.boundary or decision.scores:
            self._judged = self._read_judgement(decision, gate)
        self._trace.update(f"{row.digest}|{row.active}|{row.command}|".encode())
        self._trace.update(np.ascontiguousarray(row.action, dtype=np.float32).tobytes())
        if self.arm.log_features:
            # Sorted, so that the rows do not depend on the order in which answers came.
            self._features += [
                FeatureRow(row.k, policy, layer, vector)
                for policy, proposal in sorted(proposals.items())
                for layer, vector in sorted(proposal.features.items())
            ]
            self._samples += [
                SampleRow(row.k, policy, proposal.samples)
                for policy, proposal in sorted(proposals.items())
                if proposal.samples is not None
            ]

    def finish_episode(self, stop: str, final: str) -> EpisodeRecord:
        """Closes the episode.

        Args:
            stop: Why it ended.
            final: Hash of the last state.
        """
        steps, first = self._steps, self.arm.controller.first
        self._trace.update(final.encode())
        row = EpisodeRow(
            root=self.key.root,
            suite=self.key.suite,
            task=self.key.task,
            start=self.key.start,
            index=self.key.index,
            arm=self.arm.name,
            instruction=self._instruction,
            success=stop == "success",
            stop=stop,
            steps=len(steps),
            strong_steps=self._strong_steps,
            weak_steps=len(steps) - self._strong_steps,
            fires=steps[-1].fires if steps else 0,
            first_fire_k=next((step.k for step in steps if step.fires > 0), None),
            handover_k=next((step.k for step in steps if step.active != first), None),
            holds=tuple(self._holds),
            asks=tuple(sorted(self._asks.items())),
            digest=self._trace.hexdigest(),
            final=final,
            steps_by=tuple(sorted(Counter(step.active for step in steps).items())),
        )
        return EpisodeRecord(row, tuple(steps), tuple(self._features), tuple(self._samples))

    def _build_row(
        self, decision: Decision, scene: WorldRecord, asked: Sequence[PolicyId]
    ) -> StepRow:
        scores = tuple((score.detector, score.value) for score in decision.scores)
        return StepRow(
            k=decision.k,
            active=decision.mode.active,
            since_k=decision.mode.since_k,
            next=decision.next_mode.active,
            boundary=decision.boundary,
            dwell=self._count_dwell(decision),
            command=_name_command(decision.command),
            action=decision.command.action,
            command_reason="" if isinstance(decision.command, Act) else decision.command.reason,
            risk=scores[0][1] if scores else None,
            scores=scores,
            level=decision.verdict.level.name,
            reason=decision.verdict.reason,
            hold=decision.verdict.hold,
            fires=decision.fires,
            asked=tuple(asked),
            proprio=scene.obs.proprio,
            truth=scene.truth,
            digest=scene.digest,
            pictures=scene.pictures,
        )

    def _read_judgement(self, decision: Decision, state: object) -> Judgement:
        """Returns what the gate compared with what; both NaN for a gate that compares nothing."""
        gate, helped = self.arm.controller.gate, decision.mode.active != self.arm.controller.weak
        if not isinstance(gate, ThresholdGate) or not decision.scores:
            return Judgement(decision.k, math.nan, math.nan, helped)
        value = gate.measure(state, decision.scores, decision.k)
        return Judgement(
            decision.k, value, gate.bar(decision.k, self.arm.controller.horizon), helped
        )

    def _count_dwell(self, decision: Decision) -> int:
        last = self._steps[-1] if self._steps else None
        same = last is not None and last.active == decision.mode.active
        return (last.dwell if last is not None and same else 0) + int(decision.boundary)

    def _count_stay(self, row: StepRow) -> None:
        if row.active not in self.arm.controller.ladder.names[1:]:
            return
        self._strong_steps += 1
        if not self._steps or self._steps[-1].active != row.active:
            self._holds.append(0)
        self._holds[-1] += int(row.boundary)


def _name_command(command: Command) -> str:
    if isinstance(command, Act):
        return "act"
    return "hold" if isinstance(command, HoldCommand) else "stop"
