"""Table of the delay runs: what late answers cost, and what a future state gives back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from aegis.core.types import Bools
from aegis.stats.paired_intervals import tango_interval
from aegis.stats.paired_outcome import PairedOutcome
from aegis.study.comparison.policy_comparison import compute_two_sided_p
from scripts.pages.study_rows import REPOSITORY
from scripts.pages.study_tables import points, share, write_table

DELAYS = (0, 2, 4, 8)
"""Ticks after which answers come [control steps]; policies are asked as far ahead."""
POLICIES = ("weak", "strong")
_FOLDER = REPOSITORY / "runs" / "delay"
_UNIT = ["suite", "task", "start", "index"]


def write_delay() -> str:
    """Returns one line per policy and delay."""
    lines = []
    for policy in POLICIES:
        prompt = _read_success(_FOLDER / f"{policy}-0")
        for delay in DELAYS:
            ahead = _read_success(_FOLDER / f"{policy}-{delay}")
            line = [f"`nano_{policy}`, {delay} ticks", share(float(ahead.mean()))]
            if delay:
                rolled = _read_success(_FOLDER / f"{policy}_future-{delay}")
                line += [*_compare(ahead, prompt), share(float(rolled.mean()))]
                line += _compare(rolled, ahead)
            lines.append([*line, *[""] * (7 - len(line))])
    head = ["", "asked ahead", "minus no delay [pp]", "p", "with future state"]
    return write_table([*head, "minus without [pp]", "p"], lines)


def _read_success(folder: Path) -> Bools:
    """Returns the success of each unit, in the order of their addresses. Shape (n,)."""
    file = pq.read_table(folder / "episodes.parquet", columns=[*_UNIT, "success"])
    rows = sorted(tuple(row.values()) for row in file.to_pylist())
    return np.array([row[-1] for row in rows], bool)


def _compare(one: Bools, other: Bools) -> list[str]:
    """Returns a paired difference with Tango's interval, and its p-value, two-sided."""
    cells = PairedOutcome.from_success(one, other)
    found = tango_interval(cells)
    return [points(cells.difference, found.low, found.high), f"{compute_two_sided_p(cells):.2g}"]
