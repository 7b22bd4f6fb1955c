"""Latency of a server, and whether it answers the same question in the same way."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from aegis.app.screen import Json, Screen
from aegis.app.wire_diagnosis.questions import is_gated
from aegis.core.answers import ask_policy
from aegis.core.protocols import Policy, Query


@dataclass(frozen=True, slots=True)
class Latencies:
    """Times of questions, one after the other, each of an episode of its own.

    Attributes:
        p50: Median [ms].
        p99: 99 % take no longer [ms].
        differing: Questions whose answer differs when they are asked again; None where that is not
            to be known.
        calls: How many there were.
    """

    p50: float
    p99: float
    differing: int | None
    calls: int


def measure_latencies(policy: Policy, query: Query, calls: int) -> Latencies:
    """Asks what the robot sees at the start, each time in an episode that nobody has asked for.

    A gated server would answer the same tick from its memory.
    """
    ask_policy(policy, [query])  # opens connections and loads kernels
    number = time.time_ns()
    asked = [replace(query, key=replace(query.key, index=number + i)) for i in range(calls)]
    times, found = [], []
    for one in asked:
        began = time.perf_counter()
        found.append(ask_policy(policy, [one])[0].actions.tobytes())
        times.append(1e3 * (time.perf_counter() - began))
    differing = None
    if not is_gated(policy):
        again = [ask_policy(policy, [one])[0].actions.tobytes() for one in asked]
        differing = sum(one != other for one, other in zip(found, again, strict=True))
    return Latencies(
        float(np.quantile(times, 0.5)), float(np.quantile(times, 0.99)), differing, calls
    )


def print_latencies(times: Latencies, screen: Screen) -> dict[str, Json]:
    """Prints and returns times and equality."""
    screen.print_line(f"{'latency':<16}p50 {times.p50:.1f} ms, p99 {times.p99:.1f} ms")
    if times.differing is None:
        equal = "not to be known: a gated server remembers what it answered"
    else:
        equal = "yes" if not times.differing else f"{times.differing} of {times.calls} differ"
    screen.print_line(f"{'equal answers':<16}{equal}")
    return {
        "latency_p50_ms": times.p50,
        "latency_p99_ms": times.p99,
        "calls": times.calls,
        "differing": times.differing,
    }
