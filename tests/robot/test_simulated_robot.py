"""Simulated robot: it follows fresh commands, stands on old ones, and says what it senses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from aegis.core.errors import ConfigError
from aegis.ros.message import cdr as m
from aegis.ros.message.decoding import decode_picture, decode_state
from aegis.ros.simulated_robot import (
    OUTCOME,
    RESTART,
    RobotSettings,
    SimulatedRobot,
    check_simulable,
)
from aegis.ros.topics import Topic, list_topics
from aegis.runtime.bus import Bus
from aegis.runtime.bus_reader import BusReader
from tests.fakes import KEY
from tests.robot.kit import ARM, WAIT, make_contract, read_json, write
from tests.robot.toys import RecordedWorld

CONTRACT = make_contract(rate=200)
STAND = [0, 0, -1]


class Yard:
    """A robot in this process, on a bus; what happens is told by the number of its look."""

    def __init__(self, bus: Bus, timeout: float = WAIT, solves_at: int = 10**9) -> None:
        self.bus, self.world = bus, RecordedWorld(solves_at)
        settings = RobotSettings(KEY, 3, timeout)
        self.robot = SimulatedRobot(self.world, CONTRACT, bus, settings)
        names = ["joints", "camera", "~/task", OUTCOME]
        self.readers = {name: BusReader(bus, [name], everything=True) for name in names}

    def run(self, steps: int, happens: Callable[[int], object] = lambda _: None) -> None:
        count = 0

        def is_over() -> bool:
            nonlocal count
            if count < steps:
                happens(count)
            count += 1
            return count > steps

        self.robot.run(is_over)

    def command(self, *action: float, age: float = 0.0) -> None:
        arrived = time.monotonic_ns() - round(age * 1e9)
        write(self.bus, "~/command", m.encode_floats(action), arrived)


@pytest.fixture
def bus() -> Iterator[Bus]:
    topics = (*list_topics(CONTRACT), Topic(OUTCOME, m.STRING, "inside"))
    bus = Bus.create(
        [one.build_bus_topic() for one in (*topics, Topic(RESTART, m.EMPTY, "inside"))]
    )
    yield bus
    bus.close()


def test_it_stands_until_it_is_told_and_goes_on_with_the_last_command(bus: Bus) -> None:
    yard = Yard(bus)
    yard.run(6, lambda k: yard.command(0.5, -0.25, 1) if k == 2 else None)
    np.testing.assert_array_equal(yard.world.told, [STAND] * 2 + [[0.5, -0.25, 1]] * 4)


def test_an_old_command_is_not_followed_but_the_grip_is_kept(bus: Bus) -> None:
    yard = Yard(bus, timeout=1.0)
    yard.run(3, lambda k: yard.command(0.5, 0.5, 1, age=30) if k == 1 else None)
    np.testing.assert_array_equal(yard.world.told, [STAND, [0, 0, 1], [0, 0, 1]])


def test_commands_beyond_its_limits_are_cut_and_nan_means_nothing(bus: Bus) -> None:
    yard = Yard(bus)
    yard.run(1, lambda _: yard.command(7, np.nan, -np.inf))
    np.testing.assert_array_equal(yard.world.told, [[1, 0, -1]])


def test_what_it_says_is_what_it_senses(bus: Bus) -> None:
    yard = Yard(bus)
    yard.run(7, lambda _: yard.command(1, 0, 0))
    truth = yard.world.observe({"agentview": (8, 8)})
    states = yard.readers["joints"].take_new()
    assert len(states) == 7
    np.testing.assert_array_equal(decode_state(states[-1][1], CONTRACT.state[0]), truth.proprio)
    pictures = yard.readers["camera"].take_new()
    assert len(pictures) == 3, "every third step"
    seen = decode_picture(pictures[-1][1], CONTRACT.pictures["agentview"], (8, 8))
    np.testing.assert_array_equal(seen, truth.images["agentview"])
    ((_, said),) = yard.readers["~/task"].take_new()
    assert m.decode_message(said, m.STRING, "task").data == truth.instruction
    assert abs(m.read_stamp(states[-1][0].head) - time.time_ns()) < WAIT * 1e9


def test_it_begins_with_the_next_start_and_says_outcomes(bus: Bus) -> None:
    yard = Yard(bus, solves_at=4)

    def happen(k: int) -> None:
        if k == 0:
            yard.command(0.5, 0.5, 1)
        if k == 6:
            write(bus, RESTART, m.encode_message(m.EMPTY))

    yard.run(8, happen)
    assert [key.index for key in yard.world.begun] == [KEY.index, KEY.index + 1]
    np.testing.assert_array_equal(yard.world.told[6], STAND)
    rows: list[dict[str, Any]] = read_json(yard.readers[OUTCOME])
    assert [(one["start"], one["solved"]) for one in rows] == [(1, False), (1, True), (2, False)]
    assert yard.robot.outcome == rows[-1]
    yard.robot.close()
    assert yard.world.closed


def test_contracts_of_other_robots_are_refused() -> None:
    check_simulable(CONTRACT)
    with pytest.raises(ConfigError, match="A simulated robot speaks one JointState"):
        check_simulable(make_contract(ARM))
    packed = {"agentview": {**_picture(), "type": m.COMPRESSED_IMAGE}}
    with pytest.raises(ConfigError, match="speaks raw pictures"):
        check_simulable(make_contract(pictures=packed))
    parts = [
        {"topic": f"~/{name}", "type": m.FLOATS, "values": {name: {"axis": name, "scale": 1.0}}}
        for name in CONTRACT.axes
    ]
    with pytest.raises(ConfigError, match="Float64MultiArray of all axes; the first command is"):
        check_simulable(make_contract(commands=parts))


def _picture() -> dict[str, Any]:
    one = CONTRACT.pictures["agentview"]
    names = ("topic", "height", "width", "max_age", "max_still")
    return {name: getattr(one, name) for name in names}
