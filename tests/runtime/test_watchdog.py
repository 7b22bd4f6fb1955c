"""Watchdog: old, frozen, silent, and at the wrong level."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import ConfigError
from aegis.runtime.realtime.watchdog import HeardInput, InputLimit, find_trouble

MS = 1_000_000
CAMERA = InputLimit("camera", max_age=100 * MS, max_still=500 * MS)
ESTOP = InputLimit("e-stop", max_age=200 * MS, level=False)
FRESH = HeardInput(arrived=1000 * MS, changed=1000 * MS)


@pytest.mark.parametrize(
    ("limit", "heard", "now", "trouble"),
    [
        (CAMERA, FRESH, 1000 * MS, ""),
        (CAMERA, FRESH, 1100 * MS, ""),
        (CAMERA, FRESH, 1101 * MS, "camera is 101 ms old, limit 100 ms"),
        (CAMERA, FRESH, 999 * MS, "camera is -1 ms old, limit 100 ms"),
        (CAMERA, None, 0, "camera never heard"),
        (
            CAMERA,
            replace(FRESH, changed=400 * MS),
            1000 * MS,
            "camera has not changed for 600 ms, limit 500 ms",
        ),
        (ESTOP, replace(FRESH, level=False), 1000 * MS, ""),
        (ESTOP, replace(FRESH, level=True), 1000 * MS, "e-stop is on"),
        (ESTOP, FRESH, 1000 * MS, "e-stop is without a level"),
        (ESTOP, None, 0, "e-stop never heard"),
        (replace(ESTOP, level=True), replace(FRESH, level=False), 1000 * MS, "e-stop is off"),
        (InputLimit("camera", 0), None, 0, ""),
        (InputLimit("camera", 0), FRESH, 10**18, ""),
        (InputLimit("deadman", 0, level=True), None, 0, "deadman never heard"),
    ],
)
def test_each_trouble_has_a_name(
    limit: InputLimit, heard: HeardInput | None, now: int, trouble: str
) -> None:
    assert find_trouble((limit,), {} if heard is None else {limit.name: heard}, now) == trouble


@given(st.integers(0, 10**10), st.integers(0, 10**10), st.integers(0, 10**10))
def test_silence_is_never_safe(arrived: int, changed: int, wait: int) -> None:
    heard = {"camera": HeardInput(arrived, changed), "e-stop": HeardInput(arrived, changed, False)}
    now = arrived + 200 * MS + 1 + wait
    assert find_trouble((ESTOP, CAMERA), heard, now).startswith("e-stop is")
    assert find_trouble((CAMERA, ESTOP), heard, now).startswith("camera ")


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_age of input 'camera' must not be negative"):
        InputLimit("camera", -1)
