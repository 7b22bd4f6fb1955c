"""Driver settings: how a robot is driven in real time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from aegis.core.errors import ConfigError
from aegis.core.types import Nanos
from aegis.runtime.realtime.motion_limits import MotionLimits, WorkspaceBox
from aegis.runtime.realtime.watchdog import InputLimit


class FaultAction(Enum):
    """What a robot is sent in fault; only who knows the robot can say."""

    IDLE = "idle"
    """The embodiment's way to do nothing: zero for velocities, the place held for positions. It is
    sent for half a second more after the robot was disabled; then others may drive."""
    SILENCE = "silence"
    """Nothing, for robots that stop by themselves when commands fail to come."""


@dataclass(frozen=True, slots=True, eq=False)
class DriverSettings:
    """How a robot is driven. Nothing that safety depends on has a default.

    Attributes:
        period: Time between two commands [ns].
        parts: Commands per control step of the policies.
        inputs: What is expected of each input, the most important first.
        max_missed: Ticks that may be missed in a row.
        limits: Bounds of motion.
        box: Workspace; None for none.
        fault_action: What is sent in fault, and when the robot is disabled.

    Raises:
        ConfigError: If a number is out of range.
    """

    period: Nanos
    parts: int
    inputs: tuple[InputLimit, ...]
    max_missed: int
    limits: MotionLimits
    box: WorkspaceBox | None
    fault_action: FaultAction

    def __post_init__(self) -> None:
        for name, least in (("period", 1), ("parts", 1), ("max_missed", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} must be at least {least}. Got: {getattr(self, name)}.")
