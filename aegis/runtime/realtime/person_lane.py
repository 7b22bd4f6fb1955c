"""Person's lane: who is called answers nothing, but takes over."""

from __future__ import annotations

from aegis.core.protocols import Query
from aegis.runtime.realtime.lane import LaneAnswer


class PersonLane:
    """A person who is called at every tick until they take over."""

    @property
    def fault(self) -> str:
        """Nothing: whether somebody is there shows when they take over."""
        return ""

    def submit_query(self, query: Query) -> bool:
        """Takes every call."""
        return True

    def poll_answer(self) -> LaneAnswer | None:
        """Returns None: a person moves the robot as its operator."""
        return None

    def close(self) -> None:
        """Ends nothing."""
