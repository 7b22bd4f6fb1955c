"""Diagnostics: once a second, how the loop, its inputs, its policies and the recorder are doing."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aegis.core.types import Nanos
from aegis.ros.contract.contract import Contract
from aegis.ros.message import cdr as m
from aegis.ros.names import DECISIONS
from aegis.runtime.bus import Bus
from aegis.runtime.bus_reader import BusReader

OK, WARN, ERROR = b"\x00", b"\x01", b"\x02"
_NANOS = 1_000_000_000
_MILLI = 1_000_000
_REMEMBERED = 100_000
"""Ticks whose lateness is kept: more than half an hour at 50 Hz."""


@dataclass(slots=True)
class LoopCounts:
    """Counts over a while.

    Attributes:
        ticks: Ticks.
        missed: Ticks that were missed.
        holds: Ticks at which the robot held.
        late: Lateness of the last ticks [ns].
        rungs: Rung to ticks that it drove.
        took: Rung to how long its last answers took [ns].
        failed: Rung to why it gave no answer, the last time.
        cut: Bound to ticks at which it changed the action.
    """

    ticks: int = 0
    missed: int = 0
    holds: int = 0
    late: deque[Nanos] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    rungs: Counter[str] = field(default_factory=Counter)
    took: dict[str, deque[Nanos]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=_REMEMBERED))
    )
    failed: dict[str, str] = field(default_factory=dict)
    cut: Counter[str] = field(default_factory=Counter)

    def add_row(self, row: Mapping[str, Any]) -> None:
        """Counts the row of a tick."""
        if row["alarm"]:
            return
        self.ticks += 1
        self.missed += row["missed"]
        self.late.append(row["late"])
        self.holds += row.get("command") == "Hold"
        if "mode" in row:
            self.rungs[row["mode"]] += 1
        for rung, took in row.get("took", {}).items():
            self.took[rung].append(took)
        self.failed.update(row.get("failed", {}))
        self.cut.update(row["cut"])


class Diagnostics:
    """Listens to a bus and sums it up.

    Args:
        contract: The contract.
        bus: The bus.
    """

    def __init__(self, contract: Contract, bus: Bus) -> None:
        self._inputs = contract.age_limits
        self._reader = BusReader(bus, self._inputs)
        self._rows = BusReader(bus, [DECISIONS])
        self._counts: Counter[str] = Counter()
        self._arrived: dict[str, Nanos] = {}
        self._since = 0
        self.loop, self.whole = LoopCounts(), LoopCounts()
        self.last_row: dict[str, Any] = {}

    def listen(self) -> list[dict[str, Any]]:
        """Takes note of what came since, and returns the rows of the ticks among it."""
        for entry in self._reader.list_new():
            self._counts[entry.topic] += 1
            self._arrived[entry.topic] = entry.arrived
        rows = [m.decode_json(raw, DECISIONS) for _, raw in self._rows.take_new()]
        for row in rows:
            self.loop.add_row(row)
            self.whole.add_row(row)
            self.last_row = row
        return rows

    def list_ages(self, now: Nanos) -> dict[str, float | None]:
        """Returns input topic to the age of its newest message [s]; None before the first."""
        arrived = self._arrived
        return {
            topic: (now - arrived[topic]) / _NANOS if topic in arrived else None
            for topic in self._inputs
        }

    def build_message(
        self, now: Nanos, stamp: Nanos, status: Mapping[str, Any], recorder: Mapping[str, Any]
    ) -> bytes:
        """Returns the message of the last second, and begins the next.

        Args:
            now: Time by the driver's clock [ns].
            stamp: Time by the machine's clock [ns].
            status: What the driver says of itself.
            recorder: What the recorder says of itself; empty for none.
        """
        seconds = max(now - self._since, 1) / _NANOS if self._since else 1.0
        parts = [self._describe_loop(status)]
        parts += [self._describe_input(topic, now, seconds) for topic in self._inputs]
        parts += [self._describe_policy(rung) for rung in status.get("rungs", ())]
        if recorder:
            fault = str(recorder["fault"])
            parts.append(_build_part("recorder", ERROR if fault else OK, fault, recorder))
        self._since, self.loop = now, LoopCounts()
        self._counts.clear()
        return m.encode_message(m.DIAGNOSTICS, header=m.build_header(stamp), status=parts)

    def _describe_loop(self, status: Mapping[str, Any]) -> Any:
        loop, life = self.loop, str(status.get("life", ""))
        late = max(loop.late, default=0) / _MILLI
        values = {
            "life": life,
            "mode": status.get("mode", ""),
            "fires": status.get("fires", 0),
            "ticks": loop.ticks,
            "missed": loop.missed,
            "holds": loop.holds,
            "late_max_ms": f"{late:.3f}",
            "bounded": ", ".join(f"{name} {n}" for name, n in loop.cut.items()),
            **{f"measure_{name}": how for name, how in status.get("granted", {}).items()},
        }
        level = ERROR if life == "fault" else WARN if loop.missed or status.get("trouble") else OK
        message = str(status.get("fault") or status.get("trouble") or life)
        return _build_part("driver", level, message, values)

    def _describe_input(self, topic: str, now: Nanos, seconds: float) -> Any:
        age = self.list_ages(now)[topic]
        rate = self._counts[topic] / seconds
        limit = self._inputs[topic]
        stale = age is None or (limit > 0 and age > limit)
        shown = "never" if age is None else f"{1000 * age:.0f}"
        message = "never heard" if age is None else "stale" if stale else ""
        values = {"rate_hz": f"{rate:.1f}", "age_ms": shown}
        return _build_part(f"input {topic}", WARN if stale else OK, message, values)

    def _describe_policy(self, rung: str) -> Any:
        took = sorted(self.loop.took.get(rung, ()))
        fault = self.loop.failed.get(rung, "")
        values: dict[str, object] = {"answers": len(took), "ticks": self.loop.rungs[rung]}
        if took:
            values["latency_ms"] = f"{took[len(took) // 2] / _MILLI:.1f}"
            values["latency_max_ms"] = f"{took[-1] / _MILLI:.1f}"
        return _build_part(f"policy {rung}", ERROR if fault else OK, fault, values)


def _build_part(name: str, level: bytes, message: str, values: Mapping[str, object]) -> Any:
    pairs = [
        m.build_message("diagnostic_msgs/msg/KeyValue", key=key, value=str(value))
        for key, value in values.items()
    ]
    return m.build_message(
        "diagnostic_msgs/msg/DiagnosticStatus",
        level=level[0],
        name=f"aegis: {name}",
        message=message or "ok",
        hardware_id="",
        values=pairs,
    )
