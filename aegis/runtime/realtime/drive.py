"""Drive: one life of a robot, from enabling to disabling or a fault."""

from __future__ import annotations

from dataclasses import dataclass

from aegis.core.types import F32, PolicyId
from aegis.runtime.realtime.motion_limits import Motion
from aegis.runtime.session import Session


@dataclass(slots=True, eq=False)
class Drive:
    """One life: from enabling to disabling or a fault.

    Attributes:
        session: The episode.
        began: Number of its first tick.
        motion: What was sent so far.
        began_with: Action that it began with. Shape (a,).
        before: Action of the control step before. Shape (a,).
        action: Action of this control step. Shape (a,).
        step: Control step that was decided last.
        refused: Rungs that are to be asked as soon as they are free.
    """

    session: Session
    began: int
    motion: Motion
    began_with: F32
    before: F32
    action: F32
    step: int = -1
    refused: tuple[PolicyId, ...] = ()
