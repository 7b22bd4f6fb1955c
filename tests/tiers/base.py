"""The base: numpy, hydra and rich are enough for the controller and what it is made of."""

from __future__ import annotations

import numpy as np

from aegis.core.controller import Controller
from aegis.core.ladder import Ladder
from aegis.core.types import ActionKind, Embodiment, EpisodeKey, Observation, Proposal, Tick
from aegis.gates.schedule import ScheduleGate
from aegis.gates.switch import HysteresisSwitch
from aegis.runtime.session import Session
from tests.tiers.asking import check_installed, check_missing, check_refused, import_rooms, type_in

TICKS = 40


def drive() -> list[str]:
    """Drives an episode of two constant policies; returns who drove, tick by tick."""
    robot = Embodiment(
        names=("x",),
        low=np.array([-1], np.float32),
        high=np.array([1], np.float32),
        kind=ActionKind.VELOCITY,
        dt=0.05,
        hold=np.zeros(1, np.float32),
        sticky=(False,),
    )
    controller = Controller(
        embodiment=robot,
        ladder=Ladder.pair("weak", "strong", {"weak": 5, "strong": 5}),
        horizon=TICKS,
        detectors=(),
        gate=ScheduleGate(start_tick=20, holds=(2,), period=None),
        switch=HysteresisSwitch(release=float("-inf"), hold_chunks=2),
        patience=2,
        first="weak",
    )
    session = Session(controller, EpisodeKey(0, "toy", 0, "wide", 0))
    drivers = []
    for k in range(TICKS):
        sensed = Observation(k, np.zeros(1, np.float32), {}, "go on")
        value = {"weak": 0.1, "strong": 0.9}
        chunks = {
            name: Proposal(name, k, np.full((10, 1), value[name], np.float32))
            for name in session.ask
        }
        decision = session.feed(Tick(k, 0, sensed, chunks))
        drivers.append(decision.mode.active)
    return drivers


if __name__ == "__main__":
    check_installed()
    check_missing(("torch", "scipy", "sklearn", "mujoco", "gymnasium", "pyarrow", "matplotlib"))
    import_rooms("aegis.core", "aegis.gates", "aegis.checks", "aegis.runtime")
    import_rooms("aegis.detectors.reading", "aegis.detectors.head", "aegis.detectors.ensemble")
    import_rooms("envs.assets", "policies.expert", "policies.replay", "policies.adapter")
    drivers = drive()
    assert drivers[0] == "weak", drivers
    assert drivers.count("strong") == 10, drivers
    assert type_in("assets", "assets=builtin")["name"] == "builtin"
    doctor = type_in("doctor", code=3)
    cures = " ".join(f"{one['found']} {one['fix']}" for one in doctor["findings"])
    assert "[sim]" in cures, cures
    assert "[learn]" in cures, cures
    check_refused("report", "run")
    check_refused("report", "study", "verify", "reference")
    check_refused("report", "fit")
    check_refused("sim", "check")
