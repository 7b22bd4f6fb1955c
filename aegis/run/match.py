"""Match: gives the blind and the random gate the budget of the gate under test.

The budget is duty, the share of steps that the strong policy drives: it is what a strong policy
costs, and more of it recovers more by itself. Hold lengths are those of the gate under test, so
that only the timing differs. Matching is done on calibration episodes, in closed loop, and frozen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from aegis.core.errors import CalibrationError
from aegis.gates.bernoulli import RandomGate
from aegis.gates.schedule import ScheduleGate
from aegis.run.rows import EpisodeRow

G = TypeVar("G")


@dataclass(frozen=True, slots=True)
class Budget:
    """What a gate spent.

    Attributes:
        duty: Steps of the strong policy over all steps.
        holds: Length of each of its stints [chunks].
    """

    duty: float
    holds: tuple[int, ...]

    @classmethod
    def of(cls, rows: Sequence[EpisodeRow]) -> Budget:
        """Adds up episodes.

        Raises:
            CalibrationError: If the strong policy never drove, so that there is nothing to match.
        """
        holds = tuple(hold for row in rows for hold in row.holds if hold > 0)
        if not holds:
            raise CalibrationError(
                f"The gate under test never handed over in {len(rows)} calibration episodes, so "
                "there is no budget to match. Is its threshold too high, or the weak policy too "
                "good? Calibrate on more episodes or with a larger alpha."
            )
        return cls(duty(rows), holds)


@dataclass(frozen=True, slots=True)
class Match(Generic[G]):
    """A gate whose duty was matched.

    Attributes:
        gate: The gate.
        duty: Its duty on the calibration episodes.
        target: What it should have been.
        tried: All settings that were run, with their duty, in order.
    """

    gate: G
    duty: float
    target: float
    tried: tuple[tuple[str, float], ...]


def duty(rows: Sequence[EpisodeRow]) -> float:
    """Returns steps of the strong policy over all steps; 0 without steps."""
    steps = sum(row.steps for row in rows)
    return sum(row.strong_steps for row in rows) / steps if steps else 0.0


def match_schedule(
    budget: Budget,
    base: ScheduleGate,
    chunk: int,
    horizon: int,
    evaluate: Callable[[ScheduleGate], float],
    tolerance: float,
    tries: int,
) -> Match[ScheduleGate]:
    """Finds the tick at which a blind schedule hands over, once per episode.

    Duty falls with that tick, from a whole stay in every episode to nothing at the horizon, so a
    bracketed secant over whole chunks finds the best one.

    Args:
        budget: What to match.
        base: Everything else about the gate; its holds are replaced.
        chunk: Length of a chunk of the weak policy [control steps].
        horizon: Longest episode [control steps].
        evaluate: Runs a gate on the calibration episodes and returns its duty.
        tolerance: Difference in duty that is good enough.
        tries: Runs that may be spent.
    """
    found: dict[int, float] = {}
    # Until measured: a first chunk that starts at once spends most, one at the horizon nothing.
    low, high = (0, 1.0), (-(-horizon // chunk), 0.0)
    while high[0] - low[0] > 1 and len(found) < tries:
        at = round(low[0] + (high[0] - low[0]) * _share(low[1], high[1], budget.duty))
        at = min(max(at, low[0] + 1), high[0] - 1)
        got = found[at] = evaluate(_schedule(budget, base, at * chunk))
        if abs(got - budget.duty) <= tolerance:
            break
        low, high = ((at, got), high) if got > budget.duty else (low, (at, got))
    start = _best(found, budget.duty)
    gate = _schedule(budget, base, start * chunk)
    tried = tuple((f"start {at * chunk}", got) for at, got in found.items())
    return Match(gate, found[start], budget.duty, tried)


def match_random(
    budget: Budget,
    base: RandomGate,
    evaluate: Callable[[RandomGate], float],
    tolerance: float,
    tries: int,
) -> Match[RandomGate]:
    """Finds the rate of a random gate by a bracketed secant; arguments as ``match_schedule``."""
    found: dict[float, float] = {}
    low, high = (0.0, 0.0), (1.0, float("nan"))
    hold = sum(budget.holds) / len(budget.holds)
    rate = min(1.0, 1 / max(_wait(hold, budget.duty), 1.0))
    while len(found) < tries:
        rate = round(rate, 6)
        if rate in found:
            break
        got = found[rate] = evaluate(_random(budget, base, rate))
        if abs(got - budget.duty) <= tolerance or (rate == 1.0 and got < budget.duty):
            break
        if got < budget.duty:
            low = (rate, got)
        else:
            high = (rate, got)
        rate = _secant(low, high, budget.duty)
    best = _best(found, budget.duty)
    tried = tuple((f"rate {rate}", got) for rate, got in found.items())
    return Match(_random(budget, base, best), found[best], budget.duty, tried)


def _secant(low: tuple[float, float], high: tuple[float, float], target: float) -> float:
    """Returns where the chord crosses the target, kept off the ends; doubles without a top."""
    if high[1] != high[1]:
        return min(1.0, max(2 * low[0], 0.01))
    return low[0] + (high[0] - low[0]) * _share(low[1], high[1], target)


def _share(low: float, high: float, target: float) -> float:
    """Returns how far from low to high the target lies, kept off the ends."""
    span = high - low
    share = (target - low) / span if abs(span) > 1e-9 else 0.5
    return min(max(share, 0.1), 0.9)


def _wait(hold: float, duty: float) -> float:
    return hold * (1 - duty) / max(duty, 1e-6)


_K = TypeVar("_K")


def _best(found: dict[_K, float], target: float) -> _K:
    return min(found, key=lambda setting: abs(found[setting] - target))


def _schedule(budget: Budget, base: ScheduleGate, start: int) -> ScheduleGate:
    return ScheduleGate(
        start_tick=start,
        holds=budget.holds,
        period=None,
        order=base.order,
        fires_fraction=base.fires_fraction,
    )


def _random(budget: Budget, base: RandomGate, rate: float) -> RandomGate:
    return RandomGate(
        rate=rate,
        holds=budget.holds,
        guard_fraction=base.guard_fraction,
        fires_fraction=base.fires_fraction,
    )
