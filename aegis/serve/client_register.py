"""Client register: who is connected to a server, and which connections are those of one client."""

from __future__ import annotations

from collections import defaultdict
from typing import Protocol

from websockets.protocol import State


class Stateful(Protocol):
    """A connection, as far as it matters here."""

    @property
    def state(self) -> State:
        """Whether it is open."""
        ...


class ClientRegister:
    """Counts connections, and knows whose they are.

    A client that opens several connections gives all of them one name; of others, each connection
    is a client.

    Attributes:
        busy: Connections on which something is being answered.
    """

    def __init__(self) -> None:
        self.busy = 0
        self._connections: defaultdict[str, set[Stateful]] = defaultdict(set)

    def add_connection(self, client: str, connection: Stateful) -> None:
        """Notes that a client has connected."""
        self._connections[client].add(connection)

    def remove_connection(self, client: str, connection: Stateful) -> None:
        """Notes that nothing more comes over a connection."""
        self._connections[client].discard(connection)
        if not self._connections[client]:
            del self._connections[client]

    def count_connections(self) -> int:
        """Returns how many there are."""
        return sum(map(len, self._connections.values()))

    def count_idle(self) -> int:
        """Returns how many connections could bring a question at any moment."""
        return self.count_connections() - self.busy

    def is_connected(self, client: str) -> bool:
        """Says whether a client is there.

        A connection that was lost while an answer was under way is still noted, but not open.
        """
        connections = self._connections.get(client, ())
        return any(one.state is State.OPEN for one in connections)
