"""Arms: each policy alone, and a switch from one to the other at a fixed tick."""

from __future__ import annotations

from aegis.app.config.arm_builder import build_lone_controller
from aegis.app.config.lab import Lab
from aegis.core.errors import ConfigError
from aegis.fleet.arm import Arm
from aegis.study.comparison.pilot import STRONG, WEAK
from aegis.study.comparison.policy_comparison import SIDES
from aegis.study.play.execution import fork_arms


def build_sides(lab: Lab) -> tuple[Arm, ...]:
    """Returns the two arms of a comparison; neither has anybody to hand over to."""
    return tuple(Arm(side, build_lone_controller(lab, (side,), side)) for side in SIDES)


def build_pilot_arms(lab: Lab) -> tuple[Arm, ...]:
    """Returns the arms of a pilot: weak alone, strong alone, the switch, and the placebo if any.

    Raises:
        ConfigError: If the switch would take effect after the longest episode.
    """
    both = (WEAK, STRONG)
    weak = Arm(WEAK, build_lone_controller(lab, both, WEAK))
    strong = Arm(STRONG, build_lone_controller(lab, both, STRONG))
    _, switch, placebo = fork_arms(weak, (find_switch_tick(lab),))
    return weak, strong, switch, *([placebo] if lab.settings.flag("placebo") else [])


def find_switch_tick(lab: Lab) -> int:
    """Returns the tick at which the switch takes effect: a chunk boundary of the weak policy.

    Raises:
        ConfigError: If no tick of an episode is left from there on.
    """
    wanted, chunk = lab.settings.integer("tick", 0), lab.policies[WEAK].spec.execute
    tick = -(-wanted // chunk) * chunk
    if tick >= lab.horizon:
        raise ConfigError(
            f"'tick' must leave something of an episode, which has {lab.horizon} control steps. "
            f"Got: {wanted}; the weak policy's next chunk begins at {tick}."
        )
    return tick
