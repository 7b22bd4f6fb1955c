"""Driver process: ticks in a process of its own; policies in further ones, middleware in none."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from aegis.core.controller import Controller
from aegis.core.conventions import check_conventions
from aegis.core.errors import AegisError, ConfigError, MachineError
from aegis.core.protocols import Policy, PolicySpec
from aegis.core.types import EpisodeKey, PolicyId
from aegis.host.child_process import END, is_told_to_end, set_environment
from aegis.host.realtime_measures import request_measures
from aegis.ros.bus_peer import BusAlarm, BusPeer
from aegis.ros.contract.contract import Contract
from aegis.runtime.bus import Bus
from aegis.runtime.realtime.clock import MonotonicClock
from aegis.runtime.realtime.driver import RealtimeDriver
from aegis.runtime.realtime.lane import Lane, ProcessLane
from aegis.runtime.realtime.person_lane import PersonLane


@dataclass(frozen=True, slots=True)
class DriverPlan:
    """All that a driver is built from; it can be pickled.

    Attributes:
        contract: The robot.
        policies: Policy to what builds it.
        build_controller: Builds the controller from what its policies say of themselves.
        key: Address of the first life.
        environment: Environment variables under which policies load their libraries.
        priority: Priority of the FIFO scheduler, from 1 to 99; 0 asks for no real-time measure.
        core: Core to stay on; None for any.
        patience: How long policies may take to load [s].
    """

    contract: Contract
    policies: Mapping[PolicyId, Callable[[], Policy]]
    build_controller: Callable[[Mapping[PolicyId, PolicySpec]], Controller]
    key: EpisodeKey
    environment: Mapping[str, str]
    priority: int
    core: int | None
    patience: float


class DriverProcess:
    """A running driver, as the process that started it sees it.

    Args:
        plan: What to build.
        bus: The bus.
    """

    def __init__(self, plan: DriverPlan, bus: Bus) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=run_driver, args=(plan, bus, theirs))
        with set_environment(plan.environment):
            self._process.start()
        theirs.close()
        self._ready = self._driving = False

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid or 0

    def is_alive(self) -> bool:
        """Returns whether it runs."""
        return self._process.is_alive()

    def check_ready(self) -> bool:
        """Returns whether it drives already, or may be enabled.

        Raises:
            AegisError: If it could not be built.
            MachineError: If it died.
        """
        if self._ready:
            return True
        if not self._pipe.poll():
            if self._process.is_alive():
                return False
            raise self._build_death()
        try:
            said = self._pipe.recv()
        except EOFError as error:
            self._process.join(5)
            raise self._build_death() from error
        if isinstance(said, Exception):
            raise said
        self._ready = True
        return True

    def start(self, requests: Mapping[str, int]) -> None:
        """Lets it drive; before, requests are not its own.

        Args:
            requests: Request topic to the number of the first request that is its own.
        """
        self._driving = True
        with contextlib.suppress(OSError):  # If it died meanwhile, that is seen soon.
            self._pipe.send(dict(requests))

    def kill(self) -> None:
        """Ends it at once; its policies end by themselves."""
        self._process.kill()

    def order_end(self) -> None:
        """Tells it to disable the robot and to end."""
        with contextlib.suppress(OSError):  # It may be gone already.
            self._pipe.send(END)

    def close(self, timeout: float = 10) -> None:
        """Lets it disable the robot and end, and waits for that; one that still loads is ended.

        Args:
            timeout: How long it may take [s].
        """
        if self._driving:
            self.order_end()
            self._process.join(timeout)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._pipe.close()

    def _build_death(self) -> MachineError:
        return MachineError(
            f"The driver's process ended with exit code {self._process.exitcode} before it was "
            "ready."
        )


def run_driver(plan: DriverPlan, bus: Bus, pipe: Connection) -> None:
    """Builds a driver and plays ticks until the pipe says so, or its other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    clock = MonotonicClock()
    built = {rung: ProcessLane(build, clock) for rung, build in plan.policies.items()}
    try:
        try:
            controller, cameras = _build_controller(plan, built)
        except AegisError as error:
            pipe.send(error)
            return
        lanes = {rung: _open_lane(lane) for rung, lane in built.items()}
        _drive(plan, bus, pipe, clock, controller, cameras, lanes)
    finally:
        for lane in built.values():
            lane.close()


def _open_lane(lane: ProcessLane) -> Lane:
    """Returns the lane of a policy; a person needs no process to be called."""
    return PersonLane() if lane.spec is not None and lane.spec.person else lane


def _build_controller(
    plan: DriverPlan, lanes: Mapping[PolicyId, ProcessLane]
) -> tuple[Controller, dict[PolicyId, Mapping[str, tuple[int, int]]]]:
    """Returns the controller, and the pictures that each rung looks at.

    Raises:
        AegisError: If a policy cannot be built, or does not fit the robot.
    """
    specs: dict[PolicyId, PolicySpec] = {}
    for name, lane in lanes.items():
        if not lane.wait_until_ready(plan.patience) or lane.spec is None:
            why = lane.fault or f"it took longer than {plan.patience:g} s"
            raise MachineError(f"Policy '{name}' did not load: {why}.")
        check_policy(name, lane.spec, plan.contract)
        check_conventions(lane.conventions, plan.contract.conventions, name)
        specs[name] = lane.spec
    controller = plan.build_controller(specs)
    unknown = [one.policy for one in controller.ladder.rungs if one.source[0] not in specs]
    if unknown:
        raise ConfigError(f"Rungs without a policy: {', '.join(map(str, unknown))}.")
    rungs = controller.ladder.rungs
    return controller, {rung.name: specs[rung.source[0]].cameras for rung in rungs}


def check_policy(name: PolicyId, spec: PolicySpec, contract: Contract) -> None:
    """Refuses a policy that the robot cannot serve.

    Raises:
        ConfigError: If it reads simulator truth, looks back, or looks at pictures that the contract
            has not; or if it is a person, and the contract says not how one moves the robot.
    """
    if spec.person and contract.operator is None:
        raise ConfigError(
            f"'{name}' is a person, but the contract names no operator: nobody could take over. "
            "Name the topic of their commands in 'contract.operator', or put a policy there."
        )
    if spec.history[0]:
        raise ConfigError(
            f"Policy '{name}' looks {spec.history[0]} ticks back. In real time no history is kept: "
            "pictures come at a rate of their own. Choose a policy that looks at the present."
        )
    if spec.privileged:
        raise ConfigError(
            f"Policy '{name}' reads simulator truth, which no robot has. Choose another one."
        )
    for camera, (height, width) in spec.cameras.items():
        picture = contract.pictures.get(camera)
        if picture is None:
            had = ", ".join(contract.pictures) or "none"
            raise ConfigError(
                f"Policy '{name}' looks at camera '{camera}'; the contract has {had}. Name a topic "
                f"for it in 'contract.pictures'."
            )
        if not picture.resize and (picture.height, picture.width) != (height, width):
            raise ConfigError(
                f"Policy '{name}' looks at '{camera}' in {height}x{width} px; the contract says "
                f"that {picture.topic} has {picture.height}x{picture.width}. Set 'resize: true' "
                "there to have it scaled."
            )


def _drive(
    plan: DriverPlan,
    bus: Bus,
    pipe: Connection,
    clock: MonotonicClock,
    controller: Controller,
    cameras: Mapping[PolicyId, Mapping[str, tuple[int, int]]],
    lanes: Mapping[PolicyId, Lane],
) -> None:
    with request_measures(plan.priority or None, plan.core) as granted:
        context: dict[str, Any] = {"rungs": list(controller.ladder.names), "granted": dict(granted)}
        pipe.send("ready")
        starts = _await_start(pipe)
        if starts is None:
            return
        people = [rung.name for rung in controller.ladder.rungs if rung.person]
        peer = BusPeer(plan.contract, bus, cameras, context, starts, people)
        driver = RealtimeDriver(
            controller, plan.key, lanes, peer, clock, plan.contract.build_settings(),
            alarm=BusAlarm(bus),
        )  # fmt: skip
        while not is_told_to_end(pipe):
            driver.play_tick()
        peer.end()
        driver.play_tick()


def _await_start(pipe: Connection) -> dict[str, int] | None:
    """Returns which requests are the driver's own; None if it is to end at once."""
    try:
        starts = pipe.recv()
    except (EOFError, OSError):
        return None
    return starts if isinstance(starts, dict) else None
