"""Phrases: numbers of comparisons and pilots in words, alike on page and terminal."""

from __future__ import annotations

import math

from aegis.study.analysis.formatting import (
    NO_NUMBER,
    format_decimal,
    format_interval,
    format_percent,
    format_points,
)
from aegis.study.comparison.cost import PolicyCost
from aegis.study.comparison.parting import Parting
from aegis.study.estimates import Estimate, Share

COST_HEADS = (
    "policy",
    "chunks per episode",
    "seconds per chunk",
    "chunks per call",
    "bytes per chunk",
)

COST_NOTE = (
    "Seconds are those of inference as it was played: several chunks in a call, the first call "
    "left out. Bytes are those of a policy that counts what it sends and receives."
)


EXACT = "Clopper and Pearson's exact 95 %"
WILSON = "Wilson's 95 %"
TANGO = "Tango's 95 %"
"""Level and kind of intervals."""


def say_share(found: Share) -> str:
    """Returns a share with its counts and interval, ``23 of 50 (46.0 % [31.8, 60.7])``."""
    if not found.of:
        return "0 of 0"
    return (
        f"{found.count} of {found.of} ({format_percent(found.value)} {format_interval(found.ci)})"
    )


def say_difference(found: Estimate) -> str:
    """Returns a difference with its interval, ``+4.0 pp [−2.1, +9.9]``."""
    return f"{format_points(found.value)} {format_interval(found.ci, sign=True)}"


def say_estimate(found: Estimate) -> str:
    """Returns an estimated share with its interval, ``12.0 % [3.1, 40.2]``."""
    return f"{format_percent(found.value)} {format_interval(found.ci)}"


def say_parting(found: Parting) -> str:
    """Returns when two arms part, in one sentence."""
    units = found.parted + found.never
    if not found.parted:
        return f"They part nowhere: all states of all {units} units are equal."
    never = f"; in {found.never} of {units} units never" if found.never else ""
    return (
        f"They part at tick {found.median:g} (median; quartiles {found.low:g} and {found.high:g}, "
        f"first {found.first:g}, last {found.last:g}){never}."
    )


def list_cost_cells(name: str, cost: PolicyCost) -> list[str]:
    """Returns the cells of a policy under ``COST_HEADS``."""
    return [
        name,
        format_decimal(cost.chunks_per_episode, 1),
        format_decimal(cost.seconds_per_chunk, 4),
        format_decimal(cost.batch, 1),
        NO_NUMBER if math.isnan(cost.bytes_per_chunk) else f"{cost.bytes_per_chunk:,.0f}",
    ]


def shorten_digest(digest: str) -> str:
    """Returns the first letters of a digest; ``report.json`` has all of it."""
    return f"{digest[:16]}…" if len(digest) > 17 else digest
