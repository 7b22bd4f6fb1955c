"""Bus reader: reads topics of a bus in the order in which their messages arrived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aegis.runtime.bus import Bus, BusEntry


class BusReader:
    """Reads topics in the order in which their messages arrived.

    Args:
        bus: The bus.
        topics: Topics to read; what was written before is not read.
        everything: Whether to read from the first message on that is still there.
        starts: Topic to the number of the first message to read, instead.

    Attributes:
        lost: Messages that were overwritten before they were read.
    """

    def __init__(
        self,
        bus: Bus,
        topics: Iterable[str],
        *,
        everything: bool = False,
        starts: Mapping[str, int] | None = None,
    ) -> None:
        self._bus = bus
        self._next = {name: 0 if everything else bus.count_messages(name) for name in topics}
        self._next.update(starts or {})
        self.lost = 0

    @property
    def positions(self) -> dict[str, int]:
        """Topic to the number of the next message; where another reader may go on."""
        return dict(self._next)

    def list_new(self) -> list[BusEntry]:
        """Returns the messages that came since, oldest first, without their bodies."""
        found = []
        for name, since in self._next.items():
            entries, lost = self._bus.list_entries(name, since)
            self._next[name] = since + len(entries) + lost
            self.lost += lost
            found += entries
        return sorted(found, key=lambda entry: entry.arrived)

    def take_new(self) -> list[tuple[BusEntry, bytes]]:
        """Returns the messages that came since, oldest first."""
        found = []
        for entry in self.list_new():
            raw = self._bus.read_body(entry)
            if raw is None:
                self.lost += 1
            else:
                found.append((entry, raw))
        return found
