"""Convention check: whether pictures are the right way round and the gripper has the right sign.

A server's first actions are compared with those of an expert who saw the same states. Whichever
convention is right agrees with the expert more often; a sign test says how surely.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aegis.core.types import F32, F64
from aegis.stats.paired_outcome import binomial_tail

_MOVES = ("x", "y", "z")
_GRIP = "grip"
_STILL = 1e-3
"""Length below which a motion has no direction, as a share of the largest action."""
_SURE = 0.01
"""p-value of the sign test up to which a convention is told."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the comparison of two conventions came to.

    Attributes:
        question: What was compared, for example ``"pictures"``.
        kept: Name of the convention that is in use.
        other: Name of the other one.
        for_kept: States in which the one in use agrees better with the expert.
        for_other: States in which the other one does.
        agreement: Mean agreement with the expert under either, from -1 to 1; NaN for unknown.
    """

    question: str
    kept: str
    other: str
    for_kept: int
    for_other: int
    agreement: tuple[float, float]

    @property
    def p(self) -> float:
        """Two-sided p-value of the sign test."""
        n, most = self.for_kept + self.for_other, max(self.for_kept, self.for_other)
        return min(1.0, 2 * float(binomial_tail(most, n, 0.5))) if n else 1.0

    @property
    def best(self) -> str:
        """Name of the convention that fits; empty where it cannot be told."""
        if self.p > _SURE or not max(self.agreement) > 0:
            return ""
        return self.kept if self.for_kept > self.for_other else self.other

    def __str__(self) -> str:
        counts = f"better in {self.for_kept} states, {self.other} in {self.for_other}"
        means = f"agreement {self.agreement[0]:.2f} and {self.agreement[1]:.2f}"
        said = self.best or "cannot be told"
        return f"{said} ({self.kept} {counts}; p = {self.p:.2g}; {means})"


def compare_pictures(
    names: tuple[str, ...], expert: F32, kept: F32, mirrored: F32, execute: int
) -> Finding:
    """Compares pictures as they are sent with pictures mirrored once more.

    Args:
        names: Name of each action dimension.
        expert: Actions of the expert in n states. Shape (n, a).
        kept: Chunks of the server for pictures as they are sent. Shape (n, h, a).
        mirrored: Chunks for mirrored ones. Shape (n, h, a).
        execute: Rows that a client executes [control steps].
    """
    moves = [names.index(one) for one in _MOVES if one in names] or list(range(min(3, len(names))))
    wanted = expert[:, moves]
    found = [
        compute_cosines(wanted, chunks[:, :execute, moves].mean(axis=1))
        for chunks in (kept, mirrored)
    ]
    return _count_states("pictures", "as sent", "mirrored", found[0], found[1])


def compare_grippers(
    names: tuple[str, ...], expert: F32, kept: F32, execute: int
) -> Finding | None:
    """Compares the gripper's sign with the opposite one; None for a robot without a gripper.

    Args:
        names: Name of each action dimension.
        expert: Actions of the expert in n states. Shape (n, a).
        kept: Chunks of the server. Shape (n, h, a).
        execute: Rows that a client executes [control steps].
    """
    grips = [i for i, name in enumerate(names) if _GRIP in name]
    if not grips:
        return None
    asked = np.sign(kept[:, :execute, grips[0]].mean(axis=1)).astype(np.float64)
    agrees = asked * np.sign(expert[:, grips[0]])
    agrees[agrees == 0] = np.nan
    return _count_states("gripper", "as it is", "flipped", agrees, -agrees)


def compute_cosines(wanted: F32, found: F32) -> F64:
    """Returns the cosine between motions; NaN where one of them is still.

    Args:
        wanted: Shape (n, d).
        found: Shape (n, d).

    Returns:
        Shape (n,).
    """
    long = np.linalg.norm(wanted, axis=1) * np.linalg.norm(found, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosines: F64 = (wanted * found).sum(axis=1) / np.where(long > _STILL**2, long, np.nan)
    return cosines


def _count_states(question: str, kept: str, other: str, a: F64, b: F64) -> Finding:
    """Counts the states in which one agreement is larger than the other. Shapes (n,)."""
    known = np.isfinite(a) & np.isfinite(b)
    means = (float(a[known].mean()), float(b[known].mean())) if known.any() else (np.nan, np.nan)
    won, lost = int((a[known] > b[known]).sum()), int((a[known] < b[known]).sum())
    return Finding(question, kept, other, won, lost, means)
