"""Chunks: which rows of a proposal may be sent to the robot, and at which tick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aegis.core.types import F32, Embodiment, PolicyId, Proposal


@dataclass(frozen=True, slots=True, eq=False)
class RunningChunk:
    """Actions that are being executed.

    Attributes:
        rows: Finite and clipped, spare ones included. Shape (n, a).
        start: Tick of ``rows[0]``.
        until: Tick at which the next chunk is due; rows from there on are spare.
    """

    rows: F32
    start: int
    until: int

    def read_row(self, k: int) -> F32:
        """Returns the action for a tick. Shape (a,)."""
        row: F32 = self.rows[k - self.start]
        return row

    def has_row(self, k: int) -> bool:
        """Says whether there is an action for a tick, if only a spare one."""
        return 0 <= k - self.start < len(self.rows)

    def list_committed(self, k: int) -> F32:
        """Returns the actions from a tick until the next chunk is due. Shape (n, a)."""
        return self.rows[max(k - self.start, 0) : max(self.until - self.start, 0)]


@dataclass(frozen=True, slots=True)
class DueChunk:
    """A chunk that is to start.

    Attributes:
        policy: Whose it is.
        since: Tick from which on it was asked for; older proposals are of the chunk before.
        k: Tick at which it starts.
        n: Rows to execute [control steps].
        least: Fewest rows that make a chunk [control steps].
        spare: Further rows to keep for when the answer after it is late [control steps].
    """

    policy: PolicyId
    since: int
    k: int
    n: int
    least: int
    spare: int = 0


def start_chunk(
    proposal: Proposal | None, due: DueChunk, embodiment: Embodiment
) -> tuple[RunningChunk | None, str]:
    """Returns the chunk that a proposal makes, clipped to the limits, or None and why.

    A late proposal (``k0 < k``) loses its stale rows. It is usable if enough rows are left after
    that, all of them finite; what lies behind them is spare as far as it is finite.

    Args:
        proposal: What came, if anything.
        due: What is wanted.
        embodiment: Gives the number of dimensions and the limits.

    Returns:
        The chunk, its rows read-only, and an empty reason; or None and a reason.
    """
    fault = _find_fault(proposal, due, len(embodiment.names))
    if fault or proposal is None:
        return None, f"{due.policy}: {fault}"
    # A late proposal is entered where it would be by now: its first rows are for ticks that are
    # over.
    skip = due.k - proposal.k0
    rows = proposal.actions[skip : skip + due.n + due.spare]
    if rows.dtype != np.float32:
        with np.errstate(over="ignore"):  # Too large for float32 becomes infinite, and is refused.
            rows = rows.astype(np.float32)
    n = min(due.n, len(rows))
    finite = _count_finite(rows)
    if finite < n:
        return None, f"{due.policy}: non-finite action"
    rows = np.minimum(np.maximum(rows[:finite], embodiment.low), embodiment.high)
    rows.setflags(write=False)  # our own: np.minimum made it
    return RunningChunk(rows, due.k, due.k + n), ""


def clip_action(action: object, embodiment: Embodiment) -> F32 | None:
    """Returns an action within the limits, shape (a,); None if it is none or not finite."""
    if not isinstance(action, np.ndarray) or not is_numeric(action):
        return None
    if action.shape != embodiment.hold.shape or not np.isfinite(action).all():
        return None
    return np.clip(action, embodiment.low, embodiment.high).astype(np.float32)


def is_numeric(array: object) -> bool:
    """Says whether something is an array of real numbers, of any shape."""
    return isinstance(array, np.ndarray) and array.dtype.kind in "fiu"


def _count_finite(rows: F32) -> int:
    """Returns how many rows come before the first that is not finite. ``rows``: shape (n, a)."""
    good = np.isfinite(rows)
    return len(rows) if good.all() else int(good.all(axis=1).cumprod().sum())


def _find_fault(proposal: Proposal | None, due: DueChunk, width: int) -> str:
    """Returns what is wrong with a proposal before its numbers are looked at, or nothing."""
    if proposal is None:
        return "no proposal"
    if proposal.policy != due.policy:
        return f"proposal of '{proposal.policy}'"
    if not isinstance(proposal.k0, int | np.integer):
        return f"proposal for tick {proposal.k0!r}"
    # Before `since` another chunk was still running: what was seen then is not what these rows act
    # on.
    if not due.since <= proposal.k0 <= due.k:
        return f"proposal for tick {proposal.k0}, due {due.since} to {due.k}"
    if not is_numeric(proposal.actions):
        return f"actions of type {type(proposal.actions).__name__}"
    shape = proposal.actions.shape
    if len(shape) != 2 or shape[1] != width:
        return f"actions of shape {shape}"
    left = max(shape[0] - (due.k - proposal.k0), 0)
    return f"{left} of {due.least} rows left" if left < due.least else ""
