"""Timing of an arm: what is read, and what is refused before the first episode."""

from __future__ import annotations

from typing import Any

import pytest

from aegis.app.config.settings import Settings
from aegis.app.config.timing import Timing, read_timing
from aegis.core.errors import ConfigError, UnknownNameError

POLICIES = ("weak", "strong")


def read(timing: object) -> Timing:
    return read_timing(Settings({"timing": timing}, "arms.late"), POLICIES)


def test_answers_come_at_once_unless_said_otherwise() -> None:
    assert read(None) == read({}) == read_timing(Settings({}), POLICIES) == Timing()


def test_one_number_is_for_all_policies_and_a_mapping_for_each() -> None:
    found = read({"delay": 4, "lead": 3, "min_rows": {"strong": 2}, "coast": 1, "fallback": "weak"})
    assert found == Timing(4, {"weak": 3, "strong": 3}, {"strong": 2}, 1, "weak")


@pytest.mark.parametrize(
    ("timing", "error", "message"),
    [
        ({"latency": 4}, UnknownNameError, "Allowed: delay, lead, min_rows, coast, fallback"),
        ({"delay": -1}, ConfigError, "'arms.late.timing.delay' must be an integer of at least 0"),
        ({"lead": "soon"}, ConfigError, "'arms.late.timing.lead' must be an integer"),
        ({"lead": {"strnog": 1}}, UnknownNameError, "Did you mean 'strong'"),
        ({"fallback": "nobody"}, UnknownNameError, "Allowed: weak, strong"),
        (4, ConfigError, "'arms.late.timing' must be a part with keys"),
    ],
)
def test_what_makes_no_sense_is_refused(timing: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read(timing)
