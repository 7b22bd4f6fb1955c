"""Robot process: a simulated robot beside the driver, where no real one is."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection

from aegis.core.errors import MachineError
from aegis.core.protocols import World
from aegis.host.child_process import END, is_told_to_end, set_environment
from aegis.ros.contract.contract import Contract
from aegis.ros.simulated_robot import RobotSettings, SimulatedRobot
from aegis.runtime.bus import Bus


class RobotProcess:
    """A simulated robot in a process of its own.

    Args:
        world: Builds its world; must pickle.
        contract: Which topics it speaks.
        bus: The bus.
        settings: How it behaves.
        environment: Environment variables under which it loads its libraries.
    """

    def __init__(
        self,
        world: Callable[[], World],
        contract: Contract,
        bus: Bus,
        settings: RobotSettings,
        environment: Mapping[str, str],
    ) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        given = (world, contract, bus, settings, theirs)
        self._process = spawn.Process(target=_run_robot, args=given)
        with set_environment(environment):
            self._process.start()
        theirs.close()

    def check_alive(self) -> None:
        """Checks that it runs.

        Raises:
            MachineError: If it died.
        """
        if not self._process.is_alive():
            raise MachineError(
                f"The simulated robot ended with exit code {self._process.exitcode}; its error "
                "stands above."
            )

    def close(self) -> None:
        """Ends it."""
        with contextlib.suppress(OSError):
            self._pipe.send(END)
        self._process.join(20)
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _run_robot(
    world: Callable[[], World],
    contract: Contract,
    bus: Bus,
    settings: RobotSettings,
    pipe: Connection,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    robot = SimulatedRobot(world(), contract, bus, settings)

    try:
        robot.run(lambda: is_told_to_end(pipe))
    finally:
        robot.close()
