"""Node: starts the driver, records, says how it all stands, and answers for what is not there."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from aegis.core.errors import AegisError, ContractError
from aegis.core.types import Nanos
from aegis.ros.diagnostics import Diagnostics
from aegis.ros.driver_process import DriverPlan, DriverProcess
from aegis.ros.message import cdr as m
from aegis.ros.message.encoding import encode_command
from aegis.ros.names import ANSWER, DIAGNOSTICS, STATUS, TROUBLE
from aegis.ros.recorder import Recorder
from aegis.ros.requests import NODE_REQUESTS, REQUEST_TOPICS, build_answer, read_request
from aegis.ros.rows import decode_array
from aegis.runtime.bus import Bus
from aegis.runtime.bus_reader import BusReader
from aegis.runtime.realtime.lifecycle import Life, Request, Status, answer_request
from aegis.runtime.realtime.settings import FaultAction

_NANOS = 1_000_000_000
_HUNG = 2 * _NANOS
"""Time without a tick after which the driver is taken for hung [ns]."""
_END_PATIENCE = 10 * _NANOS
"""Time without a tick after which a driver that was told to end is killed [ns]."""
_FAREWELL = 500_000_000
"""Time for which doing nothing is sent after the driver died [ns]."""


class Node:
    """A driver, its recorder, and what is said of them; ``look`` waits for nothing.

    Args:
        plan: What the driver is built from.
        bus: The bus.
        recorder: Writes everything down; None for no recording.
        stop_without_record: Whether the robot is stopped when recording fails.
    """

    def __init__(
        self, plan: DriverPlan, bus: Bus, recorder: Recorder | None, stop_without_record: bool
    ) -> None:
        self._plan, self._bus, self._recorder = plan, bus, recorder
        self._stop_without_record = stop_without_record
        self._driver: DriverProcess | None = None
        self._requests = BusReader(bus, REQUEST_TOPICS)
        self._statuses = BusReader(bus, [STATUS])
        self._asked: dict[str, Any] | None = None
        self._driving, self._heard = False, 0
        self._cleanup: dict[str, Any] | None = None
        self._trouble, self._told = "", 0
        self._idle_until = 0
        self._next_index = plan.key.index
        self.diagnostics = Diagnostics(plan.contract, bus)
        self.status: dict[str, Any] = {}
        self.over = False
        self._say_status(Status(Life.UNCONFIGURED))

    @property
    def life(self) -> Life:
        """State, as the driver said it last, or the node while there is none."""
        return Life(self.status["life"])

    def configure(self, asked: dict[str, Any] | None = None) -> None:
        """Starts the driver; its policies load for a while."""
        self._asked = asked
        plan = replace(self._plan, key=replace(self._plan.key, index=self._next_index))
        self._driver, self._driving = DriverProcess(plan, self._bus), False
        self._say_status(Status(Life.UNCONFIGURED), "the policies load")

    def look(self, trouble: str = "") -> list[dict[str, Any]]:
        """Does what is due; call it some twenty times a second.

        Args:
            trouble: What is wrong with other parts, for example the wire; empty for nothing.

        Returns:
            The rows of the ticks since the last look.

        Raises:
            AegisError: If the driver cannot be built, and nobody asked for it who can be told.
        """
        now = time.monotonic_ns()
        self._answer_requests()
        # Before the driver is judged: if it was this process that slept, rows have come meanwhile.
        rows = self.diagnostics.listen()
        if rows:
            self._heard = now
        rows += self._watch_driver(now)
        self._hear_statuses()
        if self._recorder is not None and self._stop_without_record:
            trouble = trouble or self._recorder.fault
        if trouble != self._trouble:
            self._trouble = trouble
            self._write(TROUBLE, m.encode_message(m.STRING, data=trouble))
        # A driver that is configured again goes on counting: no two lives share an address.
        self._next_index = max([self._next_index, *(r["key"][-1] + 1 for r in rows if "key" in r)])
        if now - self._told >= _NANOS:
            self._told = now
            said = self.describe_recorder()
            message = self.diagnostics.build_message(now, time.time_ns(), self.status, said)
            self._write(DIAGNOSTICS, message)
        return rows

    def describe_recorder(self) -> dict[str, Any]:
        """Returns how the recorder stands; empty without one."""
        if self._recorder is None:
            return {}
        one = self._recorder
        return {"written": one.written, "lost": one.lost, "fault": one.fault}

    def close(self) -> None:
        """Disables the robot, ends the driver and then the recording."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None
        self._hear_statuses()
        self._say_status(Status(Life.FINALIZED, str(self.status.get("fault", ""))))
        if self._recorder is not None:
            self._recorder.close()

    def _hear_statuses(self) -> None:
        for _, raw in self._statuses.take_new():
            self.status = m.decode_json(raw, STATUS)

    def _watch_driver(self, now: Nanos) -> list[dict[str, Any]]:
        """Looks after the driver; returns the last rows of one that died."""
        if now < self._idle_until:
            self._send_idle()
        if self._driver is None:
            return []
        if self._cleanup is not None:
            self._finish_cleanup(now)
            return []
        try:
            ready = self._driver.check_ready()
        except AegisError as error:
            self._driver.close()
            self._driver = None
            if self._asked is None:
                raise
            self._answer(self._asked, False, str(error), Life.UNCONFIGURED)
            self._asked = None
            return []
        if ready and not self._driving:
            # What was asked before is answered here; from now on the driver answers.
            self._answer_requests()
            self._driver.start(self._requests.positions)
            self._driving, self._heard = True, now
            if self._asked is not None:
                self._answer(self._asked, True, "", Life.INACTIVE)
                self._asked = None
        if self._driving and now - self._heard > _HUNG:
            self._driver.kill()
            return self._report_death(now, "the driver's process hangs and was killed")
        return [] if self._driver.is_alive() else self._report_death(now)

    def _finish_cleanup(self, now: Nanos) -> None:
        """Says that the driver has ended, once it has."""
        assert self._driver is not None
        assert self._cleanup is not None
        if self._driver.is_alive():
            if now - self._heard > _END_PATIENCE:
                self._driver.kill()
            return
        self._driver.close()
        self._driver = None
        self._hear_statuses()
        self._say_status(Status(Life.UNCONFIGURED))
        self._answer(self._cleanup, True, "", Life.UNCONFIGURED)
        self._cleanup = None

    def _report_death(
        self, now: Nanos, why: str = "the driver's process died"
    ) -> list[dict[str, Any]]:
        """Says that the driver died; what does nothing is sent once more, if the robot wants it."""
        assert self._driver is not None
        self._driver.close()
        self._driver = None
        # All that it said: whether it was driving, and what the gripper was told last.
        self._hear_statuses()
        rows = self.diagnostics.listen()
        was_active = self.status.get("life") == Life.ACTIVE.value
        self._say_status(Status(Life.UNCONFIGURED, why))
        settings = self._plan.contract.build_settings()
        if was_active and settings.fault_action is FaultAction.IDLE:
            self._idle_until = now + _FAREWELL
            self._send_idle()
        return rows

    def _send_idle(self) -> None:
        embodiment = self._plan.contract.build_embodiment()
        row = self.diagnostics.last_row
        last = embodiment.hold
        if row.get("sent"):
            last = decode_array(row["sent"])
        action = embodiment.stay_idle(last)
        for command in self._plan.contract.commands:
            raw = encode_command(command, embodiment.names, action, time.time_ns())
            self._write(command.topic, raw)

    def _answer_requests(self) -> None:
        asked_for = self._requests.take_new()
        # Whoever asks knows the answer to what was asked before, so the status behind it counts.
        self._hear_statuses()
        for entry, raw in asked_for:
            try:
                asked = read_request(entry.topic, raw)
            except ContractError as error:
                if not self._driving:
                    asked = {"id": None, "request": entry.topic}
                    self._answer(asked, False, str(error), self.life)
                continue
            request = NODE_REQUESTS.get(asked["request"])
            if request is not None:
                self._carry_out(asked, request)
            elif self._driver is None or not self._driving:
                why = f"cannot {asked['request']} while {self._describe_wait()}"
                self._answer(asked, False, why, self.life)

    def _describe_wait(self) -> str:
        """Returns why no driver answers."""
        if self._driver is None:
            return self.life.value
        return "the policies load" if self._cleanup is None else "the policies are unloaded"

    def _carry_out(self, asked: dict[str, Any], request: Request) -> None:
        life = Life.UNCONFIGURED if self._driver is None else self.life
        answer = answer_request(Status(life, str(self.status.get("fault", ""))), request, "")
        if request is Request.CONFIGURE and self._driver is not None:
            self._answer(asked, False, answer.reason or "it is being configured", life)
        elif not answer.granted:
            self._answer(asked, False, answer.reason, life)
        elif request is Request.CONFIGURE:
            self.configure(asked)
        elif request is Request.CLEANUP:
            assert self._driver is not None
            self._cleanup, self._driving = asked, False
            self._driver.order_end()
        else:
            self.over = True
            self._answer(asked, True, "", Life.FINALIZED)

    def _say_status(self, status: Status, trouble: str = "") -> None:
        """Says the status itself; only while no driver does."""
        row = {"life": status.life.value, "fault": status.fault, "trouble": trouble, "mode": ""}
        now = time.monotonic_ns()
        self.status = {**row, "fires": 0, "taken_over": False, "called": "", "now": now}
        self._write(STATUS, m.encode_json(self.status))

    def _answer(self, asked: dict[str, Any], granted: bool, reason: str, life: Life) -> None:
        self._write(ANSWER, build_answer(asked, granted, reason, life.value))

    def _write(self, topic: str, raw: bytes) -> None:
        self._bus.write_message(topic, raw, time.monotonic_ns())
