"""Stage: a real-time driver with everything around it, on a clock that jumps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf

import numpy as np

from aegis.core.controller import Controller
from aegis.core.types import Nanos, Proposal
from aegis.runtime.realtime.driver import RealtimeDriver
from aegis.runtime.realtime.motion_limits import MotionLimits
from aegis.runtime.realtime.settings import DriverSettings, FaultAction
from aegis.runtime.realtime.watchdog import InputLimit
from tests.core.late_parts import make_late
from tests.fakes import KEY
from tests.runtime.realtime_fakes import MS, FakeClock, FakeLane, FakePeer

PERIOD = 20 * MS
INPUTS = (
    InputLimit("e-stop", max_age=200 * MS, level=False),
    InputLimit("camera", max_age=100 * MS),
)
FREE = MotionLimits(*(np.full(3, inf) for _ in range(4)))
SETTINGS = DriverSettings(PERIOD, 1, INPUTS, 5, FREE, None, FaultAction.IDLE)
Takes = Callable[[int], Nanos | None]


class Stage:
    """A driver with everything around it."""

    def __init__(
        self,
        parts: Controller | None = None,
        *,
        takes: Takes = lambda _: 150 * MS,
        settings: DriverSettings = SETTINGS,
        overshoot: Callable[[int], Nanos] = lambda _: 0,
        spoil: Callable[[Proposal], Proposal | None] = lambda chunk: chunk,
        **peer: object,
    ) -> None:
        self.clock = FakeClock(overshoot)
        self.peer = FakePeer(self.clock, **peer)  # type: ignore[arg-type]
        self.lanes = {name: FakeLane(name, self.clock, takes, spoil) for name in ("weak", "strong")}
        found = parts or make_late(lead=8)
        step = settings.period * settings.parts / 1e9
        found = replace(found, embodiment=replace(found.embodiment, dt=step))
        self.driver = RealtimeDriver(found, KEY, self.lanes, self.peer, self.clock, settings)

    def play(self, ticks: int) -> FakePeer:
        for _ in range(ticks):
            self.driver.play_tick()
        return self.peer
