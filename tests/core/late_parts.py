"""Controllers whose policies are asked ahead, and the law of their rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aegis.core.controller import Controller
from aegis.core.ladder import Ladder, Rung
from aegis.core.types import OPERATOR, Act, Decision
from aegis.gates.schedule import ScheduleGate
from tests.core.driven import make_controller
from tests.core.late import make_row

EXECUTED = 10
TICKS = 400


def make_late(lead: int = 8, **changes: object) -> Controller:
    """Two policies of ten rows, asked ahead; the gate hands over every fifth chunk."""
    rungs = (Rung("weak", EXECUTED, lead), Rung("strong", EXECUTED, lead))
    parts: dict[str, object] = {
        "ladder": Ladder(rungs, None),
        "horizon": 10_000,
        "gate": ScheduleGate(start_tick=20, holds=(2,), period=5 * EXECUTED),
        "detectors": (),
        "patience": 30,
    }
    return make_controller(**(parts | changes))


def check_rows(decisions: Sequence[Decision]) -> None:
    """Every executed row of a policy is the row for its tick."""
    for one in decisions:
        if isinstance(one.command, Act) and one.mode.active != OPERATOR:
            np.testing.assert_array_equal(one.command.action, make_row(one.k))
