"""Uncalibrated arms: arms of a study before their dials are set, and the order of setting them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.study.plan.dials import ConfigNode, PlannedDial

BUDGET, RECOMMENDED = "budget", "recommended"
"""Targets of a dial besides arms: the plan's budget, and the duty of the recommended arm."""


@dataclass(frozen=True, slots=True)
class UncalibratedArms:
    """The arms of a study before their dials are set.

    Attributes:
        nodes: Configurations, numbers filled in, in order.
        dials: Of arms that have one.
        likes: Arm to the arm whose settings it takes over.
    """

    nodes: Mapping[str, ConfigNode]
    dials: Mapping[str, PlannedDial]
    likes: Mapping[str, str]

    def __post_init__(self) -> None:
        for arm, other in [*self.likes.items(), *self._list_dependencies()]:
            if other not in self.nodes:
                raise UnknownNameError("arm", other, self.nodes, f"arms.{arm}")

    def resolve_order(self) -> list[str]:
        """Returns the arms so that each comes after those that it waits for.

        Raises:
            ConfigError: If they wait for each other.
        """
        waits: dict[str, set[str]] = {arm: set() for arm in self.nodes}
        for arm, other in [*self.likes.items(), *self._list_dependencies()]:
            waits[arm].add(other)
        done: list[str] = []
        while len(done) < len(waits):
            free = [arm for arm in waits if arm not in done and waits[arm] <= set(done)]
            if not free:
                left = ", ".join(arm for arm in waits if arm not in done)
                raise ConfigError(f"The dials of these arms wait for each other: {left}.")
            done += free
        return done

    def _list_dependencies(self) -> list[tuple[str, str]]:
        pairs = [(arm, dial.target) for arm, dial in self.dials.items() if dial.target != BUDGET]
        return pairs + [(arm, dial.holds) for arm, dial in self.dials.items() if dial.holds]
