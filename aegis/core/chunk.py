"""Which rows of a proposal may be sent to the robot; everything unsafe is sorted out here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aegis.core.types import F32, Embodiment, PolicyId, Proposal


@dataclass(frozen=True, slots=True)
class DueChunk:
    """A chunk that is to start.

    Attributes:
        policy: Whose it is.
        since: Tick from which on it was asked for; older proposals are of the chunk before.
        k: Tick at which it starts.
        n: Rows to execute [control steps].
    """

    policy: PolicyId
    since: int
    k: int
    n: int


def select_usable_rows(
    proposal: Proposal | None, due: DueChunk, embodiment: Embodiment
) -> tuple[F32 | None, str]:
    """Returns the rows to execute, clipped to the limits, or None and why there are none.

    A late proposal (``k0 < k``) loses its stale rows. It is usable if n rows are left after that,
    all of them finite; what lies behind them does not matter.

    Args:
        proposal: What came, if anything.
        due: What is wanted.
        embodiment: Gives the number of dimensions and the limits.

    Returns:
        Rows of shape (n, a), read-only, and an empty reason; or None and a reason.
    """
    trouble = _find_fault(proposal, due, len(embodiment.names))
    if trouble or proposal is None:
        return None, f"{due.policy}: {trouble}"
    # A late proposal is entered where it would be by now: its first rows are for ticks that are
    # over.
    skip = due.k - proposal.k0
    rows = proposal.actions[skip : skip + due.n]
    if rows.dtype != np.float32:
        with np.errstate(over="ignore"):  # Too large for float32 becomes infinite, and is refused.
            rows = rows.astype(np.float32)
    if not np.isfinite(rows).all():
        return None, f"{due.policy}: non-finite action"
    rows = np.minimum(np.maximum(rows, embodiment.low), embodiment.high)
    rows.setflags(write=False)  # our own: np.minimum made it
    return rows, ""


def _find_fault(proposal: Proposal | None, due: DueChunk, width: int) -> str:
    """Returns what is wrong with a proposal before its numbers are looked at, or nothing."""
    if proposal is None:
        return "no proposal"
    if proposal.policy != due.policy:
        return f"proposal of '{proposal.policy}'"
    # Before `since` another chunk was still running: what was seen then is not what these rows act
    # on.
    if not due.since <= proposal.k0 <= due.k:
        return f"proposal for tick {proposal.k0}, due {due.since} to {due.k}"
    shape = proposal.actions.shape
    if len(shape) != 2 or shape[1] != width:
        return f"actions of shape {shape}"
    left = max(shape[0] - (due.k - proposal.k0), 0)
    return f"{left} of {due.n} rows left" if left < due.n else ""
