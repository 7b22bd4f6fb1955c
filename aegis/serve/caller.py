"""Caller: one connection, and what is remembered of it between its requests."""

from __future__ import annotations

from collections.abc import Iterator

from aegis.core.types import EpisodeKey
from aegis.serve.request import Address, Request

_SUITE = "openpi"
_START = "connection"


class Caller:
    """Counts ticks and episodes of a client that does not say which they are.

    openpi's clients only ask. A connection is an episode; another one begins when the client says
    so, when the instruction changes, and when the episode is as long as it may be.

    Args:
        client: Whose connection it is; see ``ClientRegister``.
        root: Root seed of the noise.
        numbers: Numbers of episodes, shared by all connections.
        execute: Rows that a client executes per answer [control steps].
        horizon: Longest episode [control steps].
    """

    def __init__(
        self, client: str, root: int, numbers: Iterator[int], execute: int, horizon: int
    ) -> None:
        self.client = client
        self._root, self._numbers = root, numbers
        self._execute, self._horizon = execute, horizon
        self._instruction = ""
        self._key: EpisodeKey | None = None
        self._k = 0

    def find_address(self, request: Request) -> Address:
        """Returns episode, tick and salt of a request: its own, or those that are counted here."""
        if request.address is not None:
            return request.address
        other = request.reset or request.instruction != self._instruction
        if self._key is None or other or self._k >= self._horizon:
            self._key = EpisodeKey(self._root, _SUITE, 0, _START, next(self._numbers))
            self._k, self._instruction = 0, request.instruction
        return Address(self._key, self._k, 0)

    def count_rows(self, request: Request) -> None:
        """Notes that a request was answered, and that the client executes the answer."""
        if request.address is None:
            self._k += self._execute
