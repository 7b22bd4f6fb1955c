"""Real-time driver: the controller of the studies on a clock, with policies that think beside it.

A tick is clock time. Its deadline is ``start + n * period``, whatever happened before; one that was
missed is gone and counted. Each enabling begins a life with an address of its own; answers of a
former life are void.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import isclose

import numpy as np

from aegis.core.chunk import clip_action
from aegis.core.controller import Controller
from aegis.core.errors import AegisError, ConfigError, NonFiniteError
from aegis.core.types import F32, Act, EpisodeKey, Nanos, PolicyId, Stop, Tick
from aegis.runtime.realtime.clock import Alarm, Clock
from aegis.runtime.realtime.drive import Drive
from aegis.runtime.realtime.lane import Lane, LaneAnswer
from aegis.runtime.realtime.lifecycle import (
    Life,
    Request,
    RequestAnswer,
    Status,
    answer_request,
    raise_fault,
)
from aegis.runtime.realtime.motion_limits import Motion, interpolate_action, limit_action
from aegis.runtime.realtime.peer import Peer, TickReport
from aegis.runtime.realtime.settings import DriverSettings, FaultAction
from aegis.runtime.realtime.watchdog import find_trouble
from aegis.runtime.session import Session, stamp_proposal

_NANOS = 1_000_000_000
_FAREWELL = 500_000_000
"""Time for which doing nothing is sent after the robot was disabled [ns]."""


class RealtimeDriver:
    """Drives a robot tick by tick.

    Args:
        controller: Decides.
        key: Address of the first life; each further one has the next index.
        lanes: Rung to the lane of its policy.
        peer: The robot and its people.
        clock: Time.
        settings: How to drive.
        record: Hears of each tick, after its command was sent.
        alarm: Wakes the driver between ticks; None if nothing is that urgent.
    """

    def __init__(
        self,
        controller: Controller,
        key: EpisodeKey,
        lanes: Mapping[PolicyId, Lane],
        peer: Peer,
        clock: Clock,
        settings: DriverSettings,
        record: Callable[[TickReport], None] = lambda _: None,
        alarm: Alarm | None = None,
    ) -> None:
        missing = sorted(set(controller.ladder.names) - set(lanes))
        if missing:
            raise ConfigError(f"No lane for {', '.join(missing)}. Give one for each rung.")
        if len({id(lane) for lane in lanes.values()}) != len(lanes):
            raise ConfigError("Two rungs share a lane. Give each rung one of its own.")
        step = controller.embodiment.dt
        if not isclose(settings.period * settings.parts, step * _NANOS, rel_tol=1e-3):
            raise ConfigError(
                f"{settings.parts} commands of {settings.period} ns do not make a control step of "
                f"{step} s. Set period and parts by the embodiment's dt."
            )
        self._controller, self._key, self._lanes = controller, key, lanes
        self._peer, self._clock, self._settings = peer, clock, settings
        self._record, self._alarm = record, alarm
        self._status = Status(Life.INACTIVE)
        self._number, self._lives = 0, 0
        self._start = clock.read_time() + settings.period
        self._last = controller.embodiment.hold
        self._drive: Drive | None = None
        self._missed_in_a_row, self._idle_until = 0, 0

    @property
    def status(self) -> Status:
        """State, and why it is in fault."""
        return self._status

    def play_tick(self) -> TickReport:
        """Waits for the next deadline and plays its tick."""
        settings = self._settings
        deadline = self._start + self._number * settings.period
        self._await_deadline(deadline)
        now = self._clock.read_time()
        missed = max(now - deadline, 0) // settings.period
        self._number += missed
        self._missed_in_a_row = self._missed_in_a_row + missed if missed else 0
        late = now - deadline - missed * settings.period
        report = TickReport(self._number, now, late, missed, self._status, trouble="")
        try:
            # First kept, then acted on: who asked hears of it, even if what follows fails.
            report = self._hear_peer(report)
            action, report = self._choose_action(report)
        except Exception as error:
            self._raise_fault(f"{type(error).__name__}: {error}")
            action = self._choose_idle_action(now)
        report = replace(report, status=self._status)
        self._peer.send(action, report)
        if action is not None:
            self._last = action
        self._record(report)
        self._number += 1
        return report

    def _await_deadline(self, deadline: Nanos) -> None:
        """Waits; what an alarm brings is acted on at once, not only at the next tick."""
        while self._alarm is not None and self._alarm.wait_until(deadline):
            now = self._clock.read_time()
            report = TickReport(self._number, now, 0, 0, self._status, trouble="", alarm=True)
            was = self._status
            try:
                report = replace(report, trouble=self._find_trouble())
            except Exception as error:
                report = replace(report, trouble=f"{type(error).__name__}: {error}")
            if report.trouble:
                self._raise_fault(report.trouble)
            if self._status is not was:
                report = replace(report, status=self._status)
                self._peer.send(self._choose_idle_action(now), report)
                self._record(report)
        self._clock.sleep_until(deadline)

    def _hear_peer(self, report: TickReport) -> TickReport:
        """Looks for trouble and answers requests."""
        trouble = self._find_trouble()
        answers = tuple(self._answer_request(one, trouble) for one in self._peer.read_requests())
        if trouble and self._status.life is Life.ACTIVE:
            self._raise_fault(trouble)
        return replace(report, trouble=trouble, answers=answers)

    def _find_trouble(self) -> str:
        heard = self._peer.read_inputs()
        # Read again: what arrived just now did not arrive in the future.
        now = self._clock.read_time()
        trouble = find_trouble(self._settings.inputs, heard, now) or self._peer.find_trouble()
        if trouble or self._missed_in_a_row <= self._settings.max_missed:
            return trouble
        return f"{self._missed_in_a_row} ticks missed in a row"

    def _answer_request(self, request: Request, trouble: str) -> RequestAnswer:
        if request is Request.ENABLE and self._status.life is Life.INACTIVE:
            trouble = trouble or self._find_obstacle()
        answer = answer_request(self._status, request, trouble)
        if answer.granted:
            try:
                self._drive = self._begin_life() if request is Request.ENABLE else None
            except AegisError as error:
                return RequestAnswer(self._status, granted=False, reason=str(error))
            self._status = answer.status
        return answer

    def _find_obstacle(self) -> str:
        """Returns what keeps a life from beginning: a policy that is gone, a picture that is none.

        While a life goes on, others may do without such a policy.
        """
        for rung, lane in self._lanes.items():
            if lane.fault:
                return f"policy '{rung}' is gone: {lane.fault}"
        try:
            self._peer.observe(self._controller.ladder.names)
        except AegisError as error:
            return str(error)
        return ""

    def _begin_life(self) -> Drive:
        key = replace(self._key, index=self._key.index + self._lives)
        self._lives += 1
        measured = self._peer.read_hold_action()
        idle = self._controller.embodiment.stay_idle(self._last)
        last = idle if measured is None else clip_action(measured, self._controller.embodiment)
        if last is None:
            raise NonFiniteError(f"The robot measures no action that holds it: {measured}.")
        session = Session(self._controller, key, last=last)
        return Drive(session, self._number, Motion.at_rest(last), last, last, last)

    def _raise_fault(self, cause: str) -> None:
        self._status = raise_fault(self._status, cause)
        self._drive = None

    def _choose_action(self, report: TickReport) -> tuple[F32 | None, TickReport]:
        """Returns what is sent, shape (a,), or None, and what happened."""
        if self._drive is not None:
            drive = self._drive
            step, part = divmod(self._number - drive.began, self._settings.parts)
            if step != drive.step:
                report = self._decide_step(drive, step, report)
            if self._drive is not None:
                self._idle_until = report.now + _FAREWELL
                return self._bound_action(drive, part, report)
        return self._choose_idle_action(report.now), report

    def _choose_idle_action(self, now: Nanos) -> F32 | None:
        """Returns what is sent while nobody drives, shape (a,), or None for nothing."""
        if self._settings.fault_action is FaultAction.SILENCE:
            return None
        if self._status.life is Life.FAULT or now < self._idle_until:
            return self._controller.embodiment.stay_idle(self._last)
        return None

    def _decide_step(self, drive: Drive, k: int, report: TickReport) -> TickReport:
        """Asks the controller for control step ``k``."""
        # Who was busy is asked as soon as it is not, on what is seen then.
        asking = tuple(dict.fromkeys((*drive.session.ask, *drive.refused)))
        obs = self._peer.observe(asking)
        if not np.isfinite(obs.proprio).all():
            raise NonFiniteError(f"Proprioception is not finite: {obs.proprio}.")
        stale = obs.find_staleness(report.now, self._controller.stale_after)
        arrived = self._collect_answers(drive.session.state.key)
        asked = []
        for rung in () if stale else asking:
            salt = self._controller.ladder.find_rung(rung).salt
            if self._lanes[rung].submit_query(drive.session.build_query(k, obs, salt)):
                asked.append(rung)
        # Policies that need no time have answered already.
        arrived |= self._collect_answers(drive.session.state.key)
        proposals = {
            rung: stamp_proposal(one.proposal, rung)
            for rung, one in arrived.items()
            if one.proposal is not None
        }
        tick = Tick(k, report.now, obs, proposals, self._peer.read_operator())
        decision = drive.session.feed(tick)
        action = decision.command.action
        if not isinstance(decision.command, Act):
            # What was sent, not what was wanted, is where the robot is to stay.
            action = self._controller.embodiment.stay_idle(drive.motion.action)
        drive.before, drive.action, drive.step = drive.action, action, k
        # What was asked of an old observation is not asked at all: the controller asks again.
        busy = tuple(rung for rung in asking if rung not in asked)
        drive.refused = drive.refused if stale else busy
        if isinstance(decision.command, Stop):
            self._raise_fault(decision.command.reason)
        return replace(
            report,
            tick=tick,
            decision=decision,
            asked=tuple(asked),
            refused=drive.refused,
            took={rung: one.took for rung, one in arrived.items()},
            failed={rung: one.fault for rung, one in arrived.items() if one.fault},
            key=drive.session.state.key,
            began_with=drive.began_with,
        )

    def _collect_answers(self, key: EpisodeKey) -> dict[PolicyId, LaneAnswer]:
        """Returns the answers that came; those of a former life are void."""
        found = {}
        for rung, lane in self._lanes.items():
            answer = lane.poll_answer()
            if answer is not None and answer.query.key == key:
                found[rung] = answer
        return found

    def _bound_action(self, drive: Drive, part: int, report: TickReport) -> tuple[F32, TickReport]:
        settings, embodiment = self._settings, self._controller.embodiment
        wanted = interpolate_action(drive.before, drive.action, embodiment, part, settings.parts)
        proprio = None if report.tick is None else report.tick.obs.proprio
        if proprio is None and settings.box is not None:
            proprio = self._peer.observe(()).proprio
        limited = limit_action(
            wanted,
            drive.motion,
            embodiment,
            settings.limits,
            settings.period / _NANOS,
            settings.box,
            proprio,
        )
        drive.motion = limited.motion
        return np.asarray(limited.action), replace(report, cut=limited.cut)
