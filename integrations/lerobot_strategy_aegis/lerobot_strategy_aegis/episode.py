"""Episode: one course of the controller on a robot, as fast as the robot is to be driven."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from aegis.core.controller import Controller
from aegis.core.protocols import Policy, Query
from aegis.core.types import Decision, EpisodeKey, Hold, Observation, PolicyId, Proposal, Stop, Tick
from aegis.runtime.history import History
from aegis.runtime.session import Session, stamp_proposal
from lerobot_strategy_aegis.interface import RobotInterface, Sensed

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EpisodeSummary:
    """How an episode went.

    Attributes:
        ticks: Control steps that were played.
        strong_ticks: Those in which another policy than the weak one drove.
        fires: Hand-overs to a stronger policy.
        stopped: Why the controller gave up; empty if it did not.
    """

    ticks: int
    strong_ticks: int
    fires: int
    stopped: str

    def __str__(self) -> str:
        counts = f"{self.ticks} ticks, {self.strong_ticks} of them by a stronger policy"
        end = f"; stopped: {self.stopped}" if self.stopped else ""
        return f"{counts}, {self.fires} hand-overs{end}"


class RobotEpisode:
    """Plays one episode, tick by tick; policies are asked in line, as LeRobot's ``sync`` does.

    Args:
        controller: It decides.
        policies: Policies behind its rungs.
        robot: The robot.
        key: Address of the episode.
        sensed: What the robot senses before the first tick.
    """

    def __init__(
        self,
        controller: Controller,
        policies: Mapping[PolicyId, Policy],
        robot: RobotInterface,
        key: EpisodeKey,
        sensed: Sensed,
    ) -> None:
        self._controller, self._policies, self._robot = controller, policies, robot
        self._session = Session(controller, key, last=robot.find_position(sensed))
        self._histories = {name: one.spec.history for name, one in policies.items()}
        self._history = History()
        self._ticks = self._strong_ticks = 0
        self._decision: Decision | None = None

    @property
    def is_over(self) -> bool:
        """Whether the controller gave up, or the episode is as long as it may be."""
        return bool(self._find_stop()) or self._ticks >= self._controller.horizon

    def summarise(self) -> EpisodeSummary:
        """Returns how it went so far."""
        fires = 0 if self._decision is None else self._decision.fires
        return EpisodeSummary(self._ticks, self._strong_ticks, fires, self._find_stop())

    def decide_step(self, sensed: Sensed) -> Decision:
        """Decides a tick.

        Args:
            sensed: What the robot senses.
        """
        k = self._ticks
        views = self._see(sensed)
        proposals = {rung: p for rung in self._session.ask if (p := self._ask(rung, k, views))}
        obs = views[self._controller.ladder.find_rung(self._controller.weak).source[0]]
        decision = self._session.feed(Tick(k, sensed.stamp, obs, proposals))
        self._history = self._history.add_tick(views, self._histories)
        self._ticks += 1
        self._strong_ticks += decision.mode.active != self._controller.weak
        _log_change(self._decision, decision)
        self._decision = decision
        return decision

    def _see(self, sensed: Sensed) -> dict[PolicyId, Observation]:
        """Returns what each policy sees; pictures only for those that are asked or remember."""
        asked = {self._controller.ladder.find_rung(rung).source[0] for rung in self._session.ask}
        views = {}
        for name, policy in self._policies.items():
            if name in asked or self._histories[name][0]:
                views[name] = self._robot.build_observation(sensed, policy.spec)
            else:
                views[name] = self._robot.build_blind_observation(sensed)
        return views

    def _ask(
        self, rung: PolicyId, k: int, views: Mapping[PolicyId, Observation]
    ) -> Proposal | None:
        name, salt = self._controller.ladder.find_rung(rung).source
        policy, obs = self._policies[name], views[name]
        past = self._history.list_past(name, policy.spec.history, obs)
        query: Query = self._session.build_query(k, obs, salt, past)
        (proposal,) = policy.propose([query])
        return None if proposal is None else stamp_proposal(proposal, rung)

    def _find_stop(self) -> str:
        command = None if self._decision is None else self._decision.command
        return command.reason if isinstance(command, Stop) else ""


def _log_change(before: Decision | None, now: Decision) -> None:
    """Tells who is to drive, where that changes, and why the robot holds or stops."""
    heir = now.next_mode
    if before is None or before.next_mode.active != heir.active:
        scores = [f"{one.detector} {one.value:.3g}" for one in now.scores]
        said = "; ".join([*scores, now.verdict.reason])
        _logger.info(
            "tick %d: %s drives from tick %d on: %s", now.k, heir.active, heir.since_k, said
        )
    if isinstance(now.command, Hold | Stop):
        kind = type(now.command).__name__.lower()
        _logger.warning("tick %d: %s: %s", now.k, kind, now.command.reason)
