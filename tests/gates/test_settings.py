"""Settings of gates that are out of range are refused, with what is allowed."""

from __future__ import annotations

from math import nan

import pytest

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.gates.bernoulli import RandomGate
from aegis.gates.conformal import ConformalGate
from aegis.gates.gain import GainGate
from aegis.gates.rescue import RescueGate
from aegis.gates.schedule import ScheduleGate
from aegis.gates.stint import StintGate


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConformalGate(nan), "threshold must be finite"),
        (lambda: ConformalGate(0.5, guard_fraction=1.2), "guard_fraction must lie in"),
        (lambda: ConformalGate(0.5, fires_fraction=-1), "fires_fraction must lie in"),
        (lambda: ScheduleGate(0, ()), "holds must be at least one number"),
        (lambda: ScheduleGate(-1, (3,)), "must not be negative"),
        (lambda: RandomGate(0.1, (0,)), "holds must be at least one number"),
        (lambda: RandomGate(nan, (3,)), "rate must lie in"),
        (lambda: GainGate(nan, (0,), (1.0,), 0.0), "threshold must be finite"),
        (lambda: GainGate(0.0, (), (), 0.0), "equally long, and not empty"),
        (lambda: GainGate(0.0, (0, 5), (1.0,), 0.0), "equally long"),
        (lambda: GainGate(0.0, (5, 5), (1.0, 0.0), 0.0), "ticks must ascend"),
        (lambda: GainGate(0.0, (0,), (1.1,), 0.0), "must lie in"),
        (lambda: GainGate(0.0, (0,), (nan,), 0.0), "must lie in"),
        (lambda: GainGate(0.0, (0,), (1.0,), -0.1), "must lie in"),
        (lambda: GainGate(0.0, (0,), (1.0,), 0.0, guard_fraction=2), "guard_fraction must lie in"),
        (lambda: RescueGate(nan, "a", "b"), "threshold must be finite"),
        (lambda: RescueGate(0.0, "a", "a"), "must be different scores"),
        (lambda: RescueGate(0.0, "a", "b", guard_fraction=2), "guard_fraction must lie in"),
        (lambda: StintGate(5, 5, (3,)), "low <= tick < high"),
        (lambda: StintGate(-1, 5, (3,)), "low <= tick < high"),
        (lambda: StintGate(0, 5, ()), "holds must be at least one number"),
    ],
)
def test_settings_out_of_range_are_refused(make: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()  # type: ignore[operator]


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'cycle'"):
        ScheduleGate(0, (3,), order="cycl")
