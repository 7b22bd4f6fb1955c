"""Bench of the real-time driver: holds, misses and late wake-ups beside policies that think.

Policies are processes that sleep for as long as a policy thinks, so that what is measured is the
driver. Nothing is sent anywhere.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from math import inf, isnan
from typing import Any

import numpy as np

from aegis.core.controller import Controller
from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.ladder import Ladder, Rung
from aegis.core.protocols import Gate, PolicySpec, Query, Switch
from aegis.core.types import (
    F32,
    ActionKind,
    Embodiment,
    EpisodeKey,
    Hold,
    Observation,
    PolicyId,
    Proposal,
    Score,
)
from aegis.gates.conformal import ConformalGate
from aegis.gates.constant import NeverGate
from aegis.gates.schedule import ScheduleGate
from aegis.gates.switch import HysteresisSwitch
from aegis.host.realtime_measures import request_measures
from aegis.runtime.realtime.clock import MonotonicClock
from aegis.runtime.realtime.driver import RealtimeDriver
from aegis.runtime.realtime.lane import ProcessLane
from aegis.runtime.realtime.lifecycle import Request
from aegis.runtime.realtime.motion_limits import MotionLimits
from aegis.runtime.realtime.peer import TickReport
from aegis.runtime.realtime.settings import DriverSettings, FaultAction
from aegis.runtime.realtime.watchdog import HeardInput

_NANOS = 1_000_000_000
_KEY = EpisodeKey(0, "bench", 0, "realtime", 0)
_AXES = 7


class SleepingPolicy:
    """Sleeps, and proposes to stand still.

    Args:
        name: Policy id.
        latency: How long it thinks [s].
        horizon: Rows of a proposal [control steps].
    """

    def __init__(self, name: PolicyId, latency: float, horizon: int) -> None:
        self._latency = latency
        self.spec = PolicySpec(name, "sleep", {}, horizon, horizon, {})

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        """Returns one proposal per query, after a while."""
        time.sleep(self._latency)
        rows = np.zeros((self.spec.horizon, _AXES), np.float32)
        return [Proposal(self.spec.name, query.k, rows) for query in queries]

    def close(self) -> None:
        """Frees nothing."""


class _CalmDetector:
    """Scores 0, and NaN without a proposal."""

    name = "calm"

    def start(self, key: EpisodeKey) -> None:
        del key

    def update(
        self, state: None, proposal: Proposal | None, obs: Observation
    ) -> tuple[None, Score]:
        del state, obs
        return None, Score(self.name, float("nan") if proposal is None else 0.0)


class _StillPeer:
    """A robot that is always fine, and enabled once."""

    def __init__(self, clock: MonotonicClock) -> None:
        self._clock, self._requests = clock, [Request.ENABLE]

    def observe(self, policies: Sequence[PolicyId]) -> Observation:
        del policies
        return Observation(self._clock.read_time(), np.zeros(8, np.float32), {}, "stand still")

    def read_inputs(self) -> Mapping[str, HeardInput]:
        return {}

    def find_trouble(self) -> str:
        return ""

    def read_requests(self) -> Sequence[Request]:
        requests, self._requests = self._requests, []
        return requests

    def read_hold_action(self) -> F32 | None:
        return None

    def read_operator(self) -> F32 | None:
        return None

    def send(self, action: F32 | None, report: TickReport) -> None:
        del action, report


class RealtimeContest:
    """Drives for a while.

    Args:
        name: Name of the row.
        rate: Ticks per second [Hz].
        seconds: How long [s].
        latency: Policy to how long it thinks [s].
        lead: Ticks between question and chunk [control steps].
        coast: Spare rows [control steps].
        gate: ``calm``: a conformal gate on a score that is always 0; ``turns``: a hand-over every
            fifth chunk; ``never``.
        execute: Rows per chunk [control steps].

    Raises:
        ConfigError: If a setting makes no sense.
    """

    reference = ""

    def __init__(
        self,
        name: str,
        rate: float,
        seconds: float,
        latency: Mapping[PolicyId, float],
        lead: int,
        coast: int,
        gate: str,
        execute: int,
    ) -> None:
        self.name = name
        self._ticks, self._period = round(rate * seconds), round(_NANOS / rate)
        # First, since a setting that is refused must leave no process behind.
        self._controller = _build_controller(gate, rate, lead, coast, execute, self._ticks)
        self._clock = MonotonicClock()
        horizon = 2 * lead + 1 + execute + coast + round(rate * max(latency.values()))
        self._lanes = {
            policy: ProcessLane(partial(SleepingPolicy, policy, takes, horizon), self._clock)
            for policy, takes in latency.items()
        }
        self._reports: list[TickReport] = []
        self._granted: Mapping[str, str] = {}

    def run_ours(self) -> None:
        """Drives; the policies are ready before the first tick."""
        for policy, lane in self._lanes.items():
            if not lane.wait_until_ready(60):
                raise ConfigError(f"Policy '{policy}' did not start: {lane.fault or 'too slow'}.")
        settings = DriverSettings(
            self._period, 1, (), self._ticks,
            MotionLimits(*(np.full(_AXES, inf) for _ in range(4))), None, FaultAction.IDLE,
        )  # fmt: skip
        self._reports.clear()
        with request_measures(priority=40, core=None) as self._granted:
            driver = RealtimeDriver(
                self._controller, _KEY, self._lanes, _StillPeer(self._clock), self._clock, settings
            )
            while not self._reports or self._reports[-1].number < self._ticks - 1:
                self._reports.append(driver.play_tick())

    def run_reference(self) -> None:
        """There is no reference."""

    def collect_facts(self) -> dict[str, Any]:
        """Returns shares of ticks, and lateness as a share of the period."""
        decisions = [one.decision for one in self._reports if one.decision is not None]
        late = np.array([one.lateness for one in self._reports]) / self._period
        missed = sum(one.missed for one in self._reports)
        return {
            "ticks": self._ticks,
            "hold_share": sum(isinstance(d.command, Hold) for d in decisions) / len(decisions),
            "strong_share": sum(d.mode.active == "strong" for d in decisions) / len(decisions),
            "missed_share": missed / self._ticks,
            "late_p50": float(np.percentile(late, 50)),
            "late_p99": float(np.percentile(late, 99)),
            "unknown_scores": sum(isnan(s.value) for d in decisions for s in d.scores),
            "refused": sum(len(one.refused) for one in self._reports),
            "granted": ", ".join(name for name, how in self._granted.items() if how == "granted"),
        }

    def close(self) -> None:
        """Ends the policies."""
        for lane in self._lanes.values():
            lane.close()


def build_contests(seconds: float, rows: Mapping[str, Mapping[str, Any]]) -> list[RealtimeContest]:
    """Builds a contest per row.

    Args:
        seconds: How long each drives [s].
        rows: Name to the further settings of ``RealtimeContest``.
    """
    return [RealtimeContest(name, seconds=seconds, **settings) for name, settings in rows.items()]


def _build_controller(
    gate: str, rate: float, lead: int, coast: int, execute: int, ticks: int
) -> Controller:
    turns = ScheduleGate(start_tick=0, holds=(2,), period=5 * execute)
    calm = ConformalGate(threshold=0.5, guard_fraction=0.0)
    gates: dict[str, Gate[Any]] = {"calm": calm, "turns": turns, "never": NeverGate()}
    if gate not in gates:
        raise UnknownNameError("gate", gate, gates, "rows")
    switch: Switch[Any] = HysteresisSwitch(release=0.3)
    rungs = tuple(Rung(name, execute, lead) for name in ("weak", "strong"))
    robot = Embodiment(
        names=tuple(f"axis{i}" for i in range(_AXES)),
        low=np.full(_AXES, -1, np.float32),
        high=np.full(_AXES, 1, np.float32),
        kind=ActionKind.VELOCITY,
        dt=1 / rate,
        hold=np.zeros(_AXES, np.float32),
        sticky=(False,) * _AXES,
    )
    return Controller(
        embodiment=robot,
        ladder=Ladder(rungs, fallback=None),
        horizon=max(ticks, 1),
        detectors=(_CalmDetector(),),
        gate=gates[gate],
        switch=switch,
        patience=ticks,
        first="weak",
        coast=coast,
    )
