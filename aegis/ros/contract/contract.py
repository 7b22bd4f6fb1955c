"""Contract: which topic means what, in both directions, and what the robot must never be sent.

It is all that AEGIS knows of a robot. Nothing in it that safety depends on has a default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Literal

import numpy as np

from aegis.core.conventions import Conventions
from aegis.core.roll import ProprioMap
from aegis.core.types import ActionKind, Embodiment
from aegis.ros.contract.checks import check_contract
from aegis.ros.contract.parts import (
    Axis,
    CommandTopic,
    Operator,
    Picture,
    SafetyLevel,
    StatePart,
    Task,
)
from aegis.runtime.realtime.motion_limits import MotionLimits, WorkspaceBox
from aegis.runtime.realtime.settings import DriverSettings, FaultAction
from aegis.runtime.realtime.watchdog import InputLimit

_NANOS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Contract:
    """The whole contract.

    Attributes:
        kind: What an action means.
        rate: Control steps per second [Hz]; the rate at which the policies were trained.
        parts: Commands per control step.
        axes: Dimension of the action to its bounds, in order.
        turn: First of three dimensions that are a rotation vector; None for none.
        state: Messages that make up proprioception, in order.
        pictures: Camera to where its pictures come from.
        task: What the robot is told to do.
        levels: Switches that must stand right.
        operator: A person who can take over; None for nobody.
        commands: Messages that carry actions.
        in_fault: ``idle``: what does nothing is sent in a fault; ``silence``: nothing is.
        max_missed: Ticks that may be missed in a row.
        stale_after: Age from which on a state is not acted on [s].
        horizon: Length of a run that gates reckon with [control steps].
        conventions: What numbers and pictures mean; policies that name others are refused.

    Raises:
        ConfigError: If it contradicts itself; the message names topic and field.
        UnknownNameError: If it names an axis, a state or a type that does not exist.
    """

    kind: Literal["absolute", "delta", "velocity"]
    rate: float
    parts: int
    axes: Mapping[str, Axis]
    turn: str | None
    state: tuple[StatePart, ...]
    pictures: Mapping[str, Picture]
    task: Task
    levels: Mapping[str, SafetyLevel]
    operator: Operator | None
    commands: tuple[CommandTopic, ...]
    in_fault: Literal["idle", "silence"]
    max_missed: int
    stale_after: float
    horizon: int
    conventions: Conventions = field(default_factory=Conventions)

    def __post_init__(self) -> None:
        check_contract(self)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the entries of proprioception."""
        return tuple(name for part in self.state for name in part.names)

    @property
    def period(self) -> int:
        """Time between two commands [ns]."""
        return round(_NANOS / self.rate / self.parts)

    def build_embodiment(self) -> Embodiment:
        """Returns the robot as the controller sees it."""
        axes = self.axes.values()
        low, high, hold = (
            np.array([getattr(axis, name) for axis in axes], np.float32)
            for name in ("low", "high", "hold")
        )
        sticky = tuple(axis.sticky for axis in axes)
        kind = ActionKind(self.kind)
        return Embodiment(tuple(self.axes), low, high, kind, 1 / self.rate, hold, sticky)

    def build_proprio_map(self) -> ProprioMap:
        """Returns what actions do to proprioception."""
        entries = [
            self.names.index(axis.moves) if axis.moves is not None else -1
            for axis in self.axes.values()
        ]
        turn = list(self.axes).index(self.turn) if self.turn is not None else -1
        return ProprioMap(tuple(entries), tuple(axis.by for axis in self.axes.values()), turn)

    def build_settings(self) -> DriverSettings:
        """Returns how the robot is driven."""
        bounds = (
            np.array([getattr(axis, name) for axis in self.axes.values()], np.float64)
            for name in ("step", "velocity", "acceleration", "jerk")
        )
        return DriverSettings(
            period=self.period,
            parts=self.parts,
            inputs=tuple(self._list_limits()),
            max_missed=self.max_missed,
            limits=MotionLimits(*bounds),
            box=self._build_box(),
            fault_action=FaultAction(self.in_fault),
        )

    @property
    def age_limits(self) -> dict[str, float]:
        """Input topic to the age from which on it is stale [s]; 0 for never."""
        limits = {level.topic: level.max_age for level in self.levels.values()}
        limits |= {part.topic: part.max_age for part in self.state}
        return limits | {one.topic: one.max_age for one in self.pictures.values()}

    def list_unwatched(self) -> list[str]:
        """Returns the checks that are turned off, in words; for who starts the robot."""
        parts: tuple[StatePart | Picture, ...] = (*self.state, *self.pictures.values())
        off = [
            f"{limit} of {part.topic}"
            for part in parts
            for limit in ("max_age", "max_still")
            if getattr(part, limit) == 0
        ]
        for bound in ("step", "velocity", "acceleration", "jerk"):
            free = [name for name, axis in self.axes.items() if getattr(axis, bound) == inf]
            off += [f"{bound} of {', '.join(free)}"] if free else []
        free = [name for name, axis in self.axes.items() if axis.box is None]
        return off + ([f"box of {', '.join(free)}"] if free else [])

    def _list_limits(self) -> Iterator[InputLimit]:
        """Yields what is expected of each input: switches first, then state, then pictures."""
        for name, level in self.levels.items():
            yield InputLimit(name, round(level.max_age * _NANOS), 0, level.good)
        timed = [(part.topic, part.max_age, part.max_still) for part in self.state]
        timed += [(name, one.max_age, one.max_still) for name, one in self.pictures.items()]
        for name, max_age, max_still in timed:
            yield InputLimit(name, round(max_age * _NANOS), round(max_still * _NANOS))

    def _build_box(self) -> WorkspaceBox | None:
        boxes = [axis.box for axis in self.axes.values()]
        if not any(boxes):
            return None
        low, high = (
            np.array([box[end] if box is not None else sign * inf for box in boxes])
            for end, sign in ((0, -1), (1, 1))
        )
        return WorkspaceBox(self.build_proprio_map(), low, high)
