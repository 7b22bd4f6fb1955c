"""Dials of arms: which dial of its gate or switch a plan turns, how far, and what for.

What a dial sets and which settings it has is said by the rule itself (``dials()``); the plan names
one by its kind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from aegis.core.capabilities import Dial, DialRange, DialValue, Tunable
from aegis.core.controller import Controller
from aegis.core.errors import ConfigError, UnknownNameError

ConfigNode = Mapping[str, object]

NO_DIAL = "none"
"""Kind of an arm that is played as configured."""


@dataclass(frozen=True, slots=True)
class PlannedDial:
    """Dial of an arm, as a plan asks for it.

    Attributes:
        kind: Name under which the arm's gate or switch lists the dial; ``none`` for no dial.
        target: Duty to spend: ``budget``, or what another arm spends.
        holds: Arm whose lengths of stay are taken over; empty to keep the arm's own.
        starts: Ticks to choose from, for a dial with such a choice [control steps].
        low, high: Ends of the grid; None for the widest that makes sense.
    """

    kind: str = NO_DIAL
    target: str = "budget"
    holds: str = ""
    starts: tuple[int, ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class ArmDial:
    """Dial of an arm, found in its gate or switch.

    Attributes:
        part: ``gate`` or ``switch``.
        dial: The dial.
        planned: What the plan asks for.
    """

    part: str
    dial: Dial
    planned: PlannedDial

    @property
    def key(self) -> str:
        """Key path of the setting, within the arm's configuration."""
        return f"{self.part}.{self.dial.arguments[0]}"

    def list_settings(self, known: DialRange) -> tuple[DialValue, ...]:
        """Returns all settings between the plan's ends, ascending."""
        low = -math.inf if self.planned.low is None else self.planned.low
        high = math.inf if self.planned.high is None else self.planned.high
        return tuple(one for one in self.dial.list_settings(known) if low <= one <= high)

    def apply_setting(self, node: ConfigNode, setting: DialValue) -> dict[str, object]:
        """Returns an arm's configuration with another setting.

        Raises:
            ConfigError: If the arm has no such key.
        """
        turned = dict(node)
        for argument in self.dial.arguments:
            turned = replace_at_path(turned, f"{self.part}.{argument}", self.dial.encode(setting))
        return turned

    def apply_tick(self, node: ConfigNode, tick: int) -> dict[str, object]:
        """Returns an arm's configuration with another tick of those to choose from.

        Args:
            node: The configuration.
            tick: One of ``planned.starts`` [control steps].

        Raises:
            ConfigError: If the arm has no such key.
        """
        return replace_at_path(node, f"{self.part}.{self.dial.tick_argument}", tick)


def find_dial(arm: str, planned: PlannedDial, controller: Controller) -> ArmDial:
    """Returns the dial that a plan asks for, from the arm's gate or else its switch.

    Args:
        arm: Name of the arm, for messages.
        planned: What the plan asks for.
        controller: Of the arm.

    Raises:
        UnknownNameError: If neither gate nor switch has such a dial.
        ConfigError: If ticks are given to a dial without a choice of ticks, or not to one with it.
    """
    known: dict[str, tuple[str, Dial]] = {}
    for part, rule in (("switch", controller.switch), ("gate", controller.gate)):
        if isinstance(rule, Tunable):
            known |= {kind: (part, dial) for kind, dial in rule.dials().items()}
    if planned.kind not in known:
        raise UnknownNameError(
            "kind of dial", planned.kind, sorted({*known, NO_DIAL}), f"arm {arm}"
        )
    part, dial = known[planned.kind]
    if bool(dial.tick_argument) != bool(planned.starts):
        raise ConfigError(
            f"Arm '{arm}': a dial of kind '{planned.kind}' "
            + (
                "needs ticks to choose from"
                if dial.tick_argument
                else "has no ticks to choose from"
            )
            + f" (dial.starts). Got: {list(planned.starts)}."
        )
    return ArmDial(part, dial, planned)


def replace_at_path(node: ConfigNode, path: str, value: object) -> dict[str, object]:
    """Returns a configuration with another value at a key path that exists.

    Raises:
        ConfigError: If it does not.
    """
    name, _, rest = path.partition(".")
    if name not in node:
        raise ConfigError(
            f"A dial sets '{path}', but the arm has only {', '.join(map(str, node))} there. Give "
            "it a dial that fits its gate."
        )
    if not rest:
        return {**node, name: value}
    inside = node[name]
    if not isinstance(inside, Mapping):
        raise ConfigError(f"A dial sets '{path}', but '{name}' is a value and holds no keys.")
    return {**node, name: replace_at_path(inside, rest, value)}
