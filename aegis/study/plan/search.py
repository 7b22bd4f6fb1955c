"""Search: finds the setting of a dial at which an arm spends its target.

What is matched is duty, the share of steps under the arm's second driver: it is what a strong
policy costs, and more of it recovers more by itself. Settings are tried on calibration units, in
closed loop, and frozen before test units are played.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from aegis.core.capabilities import DialValue
from aegis.core.errors import CalibrationError
from aegis.records.rows import EpisodeRow

_End = tuple[int, float]
"""End of a bracket: a place of the grid, and the duty measured there."""

_MAX_LEAP = 4.0
"""How many times as much as expected at the last place is looked for at most."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What an arm did on calibration units.

    Attributes:
        duty: Steps under the arm's second driver over all steps.
        success: Share of units solved.
        holds: Length of each stay with the strong policy [chunks].
    """

    duty: float
    success: float
    holds: tuple[int, ...] = ()

    @classmethod
    def from_rows(cls, rows: Sequence[EpisodeRow]) -> Spending:
        """Adds up episodes."""
        steps = sum(row.steps for row in rows)
        return cls(
            duty=sum(row.strong_steps for row in rows) / steps if steps else 0.0,
            success=sum(row.success for row in rows) / len(rows) if rows else 0.0,
            holds=tuple(hold for row in rows for hold in row.holds if hold > 0),
        )


@dataclass(frozen=True, slots=True)
class SearchTrial:
    """A setting that was played on the calibration units, and what it spent."""

    setting: DialValue
    duty: float
    success: float


@dataclass(frozen=True, slots=True)
class SearchGoal:
    """What a dial is set for.

    Attributes:
        duty: What should be spent.
        at_most: What must not be exceeded.
        tolerance: Difference in duty that is good enough.
        tries: Settings that may be played.
    """

    duty: float
    at_most: float
    tolerance: float
    tries: int


def search_setting(
    aim: SearchGoal,
    grid: Sequence[DialValue],
    rising: bool,
    evaluate: Callable[[DialValue], Spending],
    expect: Callable[[DialValue], float] | None = None,
) -> tuple[SearchTrial, ...]:
    """Tries settings by a bracketed secant over the places of a grid, until one is good enough.

    The secant takes duty for a straight line over the places or, where there is an expectation,
    over the duty expected there: then it begins where that is what is sought. Where a bend keeps
    one end of the bracket in its place, every other step halves it.

    Args:
        aim: What is sought.
        grid: Settings, ascending; duty rises or falls along it, noise apart.
        rising: Which of both.
        evaluate: Plays a setting on the calibration units.
        expect: Guesses the duty at a setting, at little cost; it may be wrong.

    Returns:
        All tries, in order.

    Raises:
        CalibrationError: If the grid is empty.
    """
    if not grid:
        raise CalibrationError("A dial has no settings to try. Are there scores to choose from?")
    order = list(grid) if rising else list(reversed(grid))
    done: list[SearchTrial] = []
    scale = None if expect is None else _ExpectedDuty(len(order), lambda at: expect(order[at]))
    # Until measured: the places before and behind the grid spend nothing, and all.
    low, high = (-1, 0.0), (len(order), 1.0)
    above: list[bool] = []
    while high[0] - low[0] > 1 and len(done) < aim.tries:
        bent = len(above) > 1 and above[-1] == above[-2]
        at = _choose_place(low, high, aim.duty, None if bent else scale, halve=bent)
        got = evaluate(order[at])
        done.append(SearchTrial(order[at], got.duty, got.success))
        if abs(got.duty - aim.duty) <= aim.tolerance and got.duty <= aim.at_most:
            break
        above.append(got.duty > aim.duty)
        low, high = (low, (at, got.duty)) if above[-1] else ((at, got.duty), high)
        if bent:
            above.clear()
    return tuple(done)


def _choose_place(
    low: _End, high: _End, duty: float, scale: _ExpectedDuty | None, *, halve: bool
) -> int:
    """Returns the place inside a bracket to try next: its middle, the expected one or a secant's.

    Args:
        low: Place and duty of the lower end, at least one place below the upper.
        high: Place and duty of the upper end.
        duty: What is sought.
        scale: Where duty is expected; None takes it for a straight line.
        halve: Whether the middle is taken instead.
    """
    if scale is not None:
        at = scale.find_place(low, high, duty)
    else:
        share = 0.5 if halve else _secant_share(low[1], high[1], duty)
        at = round(low[0] + (high[0] - low[0]) * share)
    # Never an end again: it was measured, or lies outside of the grid.
    return min(max(at, low[0] + 1), high[0] - 1)


class _ExpectedDuty:
    """Finds places of a grid by the duty expected there, which rises along it, noise apart."""

    def __init__(self, size: int, expect: Callable[[int], float]) -> None:
        self._size, self._expect = size, cache(expect)

    def find_place(self, low: _End, high: _End, duty: float) -> int:
        """Returns where in a bracket of places and measured duties a duty should be spent."""
        first, last = low[0] + 1, high[0] - 1
        wanted = self._rescale_target(low, high, duty)
        at = bisect_left(range(first, last), wanted, key=self._expect) + first
        below = max(at - 1, first)
        return min((at, below), key=lambda one: abs(self._expect(one) - wanted))

    def _rescale_target(self, low: _End, high: _End, duty: float) -> float:
        """Returns which duty to look for among the expected ones."""
        known = [end for end in (low, high) if 0 <= end[0] < self._size]
        if not known:
            return duty
        if len(known) == 1:  # Measured over expected is taken to be the same further on.
            at, spent = known[0]
            return self._expect(at) * min(duty / max(spent, 1e-9), _MAX_LEAP)
        least, most = self._expect(low[0]), self._expect(high[0])
        return least + (most - least) * (duty - low[1]) / max(high[1] - low[1], 1e-9)


def select_nearest(aim: SearchGoal, tries: Sequence[SearchTrial], name: str) -> SearchTrial:
    """Returns the try whose duty is nearest to the aim, of those that do not spend too much.

    Args:
        aim: What is sought.
        tries: What was tried.
        name: Of the arm, for the error.

    Raises:
        CalibrationError: If all of them spend too much.
    """
    allowed = [one for one in tries if one.duty <= aim.at_most]
    if not allowed:
        least = min(tries, key=lambda one: one.duty)
        raise CalibrationError(
            f"No setting of arm '{name}' keeps its duty at {aim.at_most:.3f} or below: the least "
            f"of {len(tries)} tries is {least.duty:.3f}, at {least.setting}. Give it more tries "
            "(calibration.tries), a larger budget (plan.budget), or another gate."
        )
    return min(allowed, key=lambda one: (abs(one.duty - aim.duty), one.duty))


def _secant_share(low: float, high: float, target: float) -> float:
    """Returns how far from low to high the target lies, kept off the ends."""
    span = high - low
    share = (target - low) / span if abs(span) > 1e-9 else 0.5
    return min(max(share, 0.1), 0.9)
