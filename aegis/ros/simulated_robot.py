"""Simulated robot: a world in wall time that speaks a contract's topics, as a robot would."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from aegis.core.errors import ConfigError, ContractError
from aegis.core.protocols import World
from aegis.core.types import F32, Act, EpisodeKey, Nanos, Observation
from aegis.ros.contract.contract import Contract
from aegis.ros.message import cdr as m
from aegis.runtime.bus import Bus
from aegis.runtime.bus_reader import BusReader
from aegis.runtime.realtime.clock import MonotonicClock

OUTCOME, RESTART = "/sim/outcome", "/sim/restart"
"""What came of the task, and the request to begin with the next start state."""
_NANOS = 1_000_000_000
_SPEAK_AGAIN = 1.0
"""Time after which the task is said again [s]."""


@dataclass(frozen=True, slots=True)
class RobotSettings:
    """How a simulated robot behaves.

    Attributes:
        key: Address of its first start state.
        picture_every: Control steps between two pictures.
        command_timeout: Age from which on a command is not followed any more [s]; then it holds.
    """

    key: EpisodeKey
    picture_every: int
    command_timeout: float


class SimulatedRobot:
    """Steps a world in wall time.

    Args:
        world: The world; this one owns it.
        contract: Which topics to speak; the first command must carry whole actions.
        bus: The bus.
        settings: How it behaves.
        name_topic: Turns a name of the contract into that on the bus.

    Attributes:
        overruns: Control steps that took longer than their period.
        outcome: What came of the task so far.

    Raises:
        ConfigError: If the contract is none of this robot's.
    """

    def __init__(
        self,
        world: World,
        contract: Contract,
        bus: Bus,
        settings: RobotSettings,
        name_topic: Callable[[str], str] = str,
    ) -> None:
        check_simulable(contract)
        self._world, self._contract, self._bus = world, contract, bus
        self._settings, self._name_topic = settings, name_topic
        self._cameras = {name: (one.height, one.width) for name, one in contract.pictures.items()}
        command = contract.commands[0]
        self._commands = BusReader(bus, [name_topic(command.topic), RESTART])
        self._heard, self._action = 0, world.embodiment.hold
        self._lives, self._step = 0, 0
        self._clock = MonotonicClock()
        self.overruns = 0
        self.outcome: dict[str, int | bool] = {}

    def run(self, is_over: Callable[[], bool]) -> None:
        """Steps until it is over."""
        period = round(_NANOS / self._contract.rate)
        self._begin()
        start, number = self._clock.read_time(), 0
        while not is_over():
            self._clock.sleep_until(start + number * period)
            self._play_step()
            late = (self._clock.read_time() - start) // period - number
            self.overruns += late > 0
            number += 1 + max(late, 0)

    def close(self) -> None:
        """Frees the world."""
        self._world.close()

    def _begin(self) -> None:
        key = self._settings.key
        self._world.begin(replace(key, index=key.index + self._lives))
        self._lives += 1
        self._step, self._solved = 0, False
        self._action = self._world.embodiment.hold
        self._say_outcome()

    def _play_step(self) -> None:
        """Hears a command, executes it, and says what is sensed then."""
        for entry, raw in self._commands.take_new():
            if entry.topic == RESTART:
                self._begin()
            elif (action := self._read_command(raw)) is not None:
                self._action, self._heard = action, entry.arrived
        fresh = self._clock.read_time() - self._heard <= self._settings.command_timeout * _NANOS
        action = self._action if fresh else self._world.embodiment.stay_idle(self._action)
        outcome = self._world.apply(Act(action))
        if outcome.success and not self._solved:
            self._solved = True
            self._say_outcome()
        looks = self._step % self._settings.picture_every == 0
        self._speak(self._world.observe(self._cameras if looks else {}))
        self._step += 1

    def _read_command(self, raw: bytes) -> F32 | None:
        """Returns an action, shape (a,); None for what is none, which a robot does not follow."""
        topic, limits = self._contract.commands[0].topic, self._world.embodiment
        try:
            action = np.asarray(m.decode_message(raw, m.FLOATS, topic).data, np.float32)
        except ContractError:
            return None
        if action.shape != limits.hold.shape:
            return None
        return np.clip(np.where(np.isfinite(action), action, limits.hold), limits.low, limits.high)

    def _speak(self, obs: Observation) -> None:
        stamp = time.time_ns()
        part = self._contract.state[0]
        nothing = np.zeros(0)
        state = m.encode_message(
            m.JOINT_STATE,
            header=m.build_header(stamp, "base"),
            name=list(part.names),
            position=obs.proprio.astype(np.float64),
            velocity=nothing,
            effort=nothing,
        )
        self._write(part.topic, state)
        for name, pixels in obs.images.items():
            self._write(self._contract.pictures[name].topic, _encode_picture(pixels, name, stamp))
        task = self._contract.task.topic
        if task is not None and self._step % round(_SPEAK_AGAIN * self._contract.rate) == 0:
            self._write(task, m.encode_message(m.STRING, data=obs.instruction))

    def _say_outcome(self) -> None:
        row = {"start": self._lives, "step": self._step, "solved": self._solved}
        self.outcome = row
        self._bus.write_message(OUTCOME, m.encode_json(row), self._clock.read_time())

    def _write(self, topic: str, raw: bytes, arrived: Nanos | None = None) -> None:
        when = self._clock.read_time() if arrived is None else arrived
        self._bus.write_message(self._name_topic(topic), raw, when)


def check_simulable(contract: Contract) -> None:
    """Refuses a contract that a simulated robot cannot keep.

    Raises:
        ConfigError: If its state is not one message of joints, its pictures are compressed, or its
            first command does not carry the whole action.
    """
    if [part.type for part in contract.state] != [m.JOINT_STATE]:
        raise ConfigError("A simulated robot speaks one JointState. Use contract=libero_sim.")
    if any(picture.type != m.IMAGE for picture in contract.pictures.values()):
        raise ConfigError("A simulated robot speaks raw pictures. Use contract=libero_sim.")
    first = contract.commands[0]
    whole = [one.axis for one in first.values.values()] == list(contract.axes)
    if first.type != m.FLOATS or not whole:
        raise ConfigError(
            f"A simulated robot follows a Float64MultiArray of all axes; the first command is "
            f"{first.topic}, {first.type}. Use contract=libero_sim."
        )


def _encode_picture(
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], name: str, stamp: Nanos
) -> bytes:
    height, width, _ = pixels.shape
    return m.encode_message(
        m.IMAGE,
        header=m.build_header(stamp, name),
        height=height,
        width=width,
        encoding="rgb8",
        is_bigendian=0,
        step=3 * width,
        data=np.ascontiguousarray(pixels).ravel(),
    )
