"""A policy on the other end of openpi's protocol, as a policy of ours."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Sequence
from typing import Any

from aegis.core.conventions import UPRIGHT, Conventions
from aegis.core.errors import (
    AbsentAnswerError,
    AegisError,
    ConfigError,
    MachineError,
    MessageError,
    UnknownNameError,
)
from aegis.core.protocols import PolicySpec, Query
from aegis.core.types import Proposal
from aegis.host.array_messages import MessageLimits, unpack_message
from aegis.host.forks import ProcessGuard
from aegis.host.notes import write_note
from aegis.host.wire_access import read_token
from policies.openpi.connection import Connection, ServerPlace, load_trust
from policies.openpi.description import Description, read_description
from policies.openpi.failures import RefusedConnectionError, UnfitNumbersError, name_sender
from policies.openpi.messages import pack_queries, unpack_answers
from policies.views import View

ON_MISSING = ("raise", "hold")
_MOST_SOCKETS = 256
_FEWEST_BYTES = 1024
_MOST_QUERIES = 64
"""Questions in one frame."""
_SPARE = 4096
"""Room for words that are longer than those of the first question [bytes]."""


class OpenpiPolicy:
    """Asks a server over as many sockets as questions are to be under way at once.

    Of `aegis serve` it takes from the first frame what it is, asks with episode and tick, so that
    noise is the same as here, and gets activations. Of openpi's own servers it knows what its
    configuration says; their noise depends on the order of questions, so that rows are not
    repeatable.

    Args:
        name: Policy id; copied into every proposal.
        url: Address of the server.
        views: Pictures that it looks at, where it does not say so itself.
        horizon: Rows of an answer [control steps], likewise.
        execute: Rows that are executed before it is asked again [control steps], likewise.
        dimensions: Those of an action, likewise.
        state: Key of proprioception, likewise.
        prompt: Key of the instruction, likewise.
        digest: A name for the weights behind it, likewise; None takes the address.
        proprio: Convention of proprioception, likewise; empty says nothing.
        actions: Convention of actions, likewise.
        gripper: Convention of the gripper's action, likewise.
        sockets: Questions that are under way at once.
        deadline: Time in which an answer must come, one reconnection included [s].
        on_missing: ``raise`` ends the run with what is finished; ``hold`` says that there is no
            answer, and the robot holds, where the next question may have one.
        token_file: File with the server's token.
        token_variable: Environment variable with it.
        certificate: Certificates to trust besides the system's.
        max_bytes: How large an answer may be.

    Raises:
        ConfigError: If the settings cannot work.
        MachineError: If the server does not say what it is in time.
        MessageError: If it says something that cannot be used.
    """

    def __init__(
        self,
        name: str,
        url: str,
        views: Sequence[View],
        horizon: int,
        execute: int,
        dimensions: int,
        state: str = "observation/state",
        prompt: str = "prompt",
        digest: str | None = None,
        proprio: str = "",
        actions: str = "",
        gripper: str = "",
        sockets: int = 4,
        deadline: float = 30.0,
        on_missing: str = "raise",
        token_file: str | None = None,
        token_variable: str | None = None,
        certificate: str | None = None,
        max_bytes: int = 1 << 26,
    ) -> None:
        _check_settings(name, sockets, deadline, max_bytes, on_missing)
        self._name, self._deadline, self._holds = name, deadline, on_missing == "hold"
        token, trust = read_token(token_file, token_variable), load_trust(url, certificate)
        label = f"Policy '{name}' at {url}"
        self._place = ServerPlace(url, label, token, max_bytes, trust, _make_client_name())
        self._limits = MessageLimits(size=max_bytes)
        named, meant = digest or f"openpi {url}", Conventions(proprio, actions, gripper, UPRIGHT)
        self._otherwise = Description(
            named, horizon, execute, dimensions, _check_views(views), state, prompt, meant
        )
        self._server: Description | None = None
        self._guard = ProcessGuard(f"The connection to {url}", "Or build the policy there.")
        self._turn = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._connections = [
            Connection(self._place, self._check_first, self._is_known) for _ in range(sockets)
        ]
        self._meet_server()

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        raise ConfigError(
            f"{self._place.label} holds connections, which no other process can use. Build it from "
            "its configuration there."
        )

    @property
    def server(self) -> Description:
        """What the server is."""
        assert self._server is not None
        return self._server

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and gives."""
        return self._spec

    @property
    def conventions(self) -> Conventions:
        """What its numbers and pictures mean."""
        return self.server.conventions

    @property
    def is_gated(self) -> bool:
        """Whether it is a gated controller, whose answers depend on those before."""
        return self.server.gated

    @property
    def wire_bytes(self) -> int:
        """Bytes of messages that were sent and received since the policy was built."""
        return sum(one.moved["sent"] + one.moved["received"] for one in self._connections)

    def propose(self, queries: Sequence[Query]) -> list[Proposal | None]:
        """Returns one proposal per query, in order; None where none came and the robot may hold.

        Raises:
            ShapeError: If an observation is not what the spec says.
            MachineError: If an answer does not come in time.
            MessageError: If it cannot be used.
            AbsentAnswerError: If the server says that its policy gave none.
        """
        self._guard.require_same_process()
        groups = self._group_queries(queries)
        requests = [pack_queries(group, self.server) for group in groups]
        with self._turn:
            found = self._loop.run_until_complete(self._ask_all(groups, requests))
        return [proposal for group in found for proposal in group]

    def close(self) -> None:
        """Closes all connections."""
        with self._turn:
            if not self._loop.is_closed():
                self._loop.run_until_complete(self._close_all())
                self._loop.close()

    def _meet_server(self) -> None:
        """Connects, so that what the server says of itself is known."""
        try:
            self._loop.run_until_complete(self._connections[0].open_socket(self._deadline))
        except BaseException:
            self._loop.close()
            raise

    def _group_queries(self, queries: Sequence[Query]) -> list[Sequence[Query]]:
        """Returns the questions of each frame: as many to each socket, as far as they fit."""
        size = -(-len(queries) // len(self._connections)) if self.server.extended else 1
        if size > 1 and self.server.max_bytes is not None:
            # Pictures make a request large, and those of all questions are of one size.
            one = len(pack_queries(queries[:1], self.server)) + _SPARE
            size = max(1, min(size, _MOST_QUERIES, self.server.max_bytes // one))
        return [queries[i : i + size] for i in range(0, len(queries), max(size, 1))]

    async def _ask_all(
        self, groups: Sequence[Sequence[Query]], requests: Sequence[bytes]
    ) -> list[Sequence[Proposal | None]]:
        """Asks everything; each connection takes the next frame when it has its answer."""
        found: list[Sequence[Proposal | None]] = [()] * len(groups)
        waiting = iter(range(len(groups)))

        async def ask_in_turn(connection: Connection) -> None:
            for i in waiting:
                found[i] = await self._ask_group(connection, groups[i], requests[i])

        used = self._connections[: len(groups)]
        tasks = [asyncio.ensure_future(ask_in_turn(one)) for one in used]
        try:
            await asyncio.gather(*tasks)
        finally:
            # The run ends with the first error; nobody waits for the others' deadlines.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return found

    async def _ask_group(
        self, connection: Connection, queries: Sequence[Query], request: bytes
    ) -> Sequence[Proposal | None]:
        """Returns the proposals of one frame.

        A robot may hold for what can pass: a server that is gone or silent, numbers that are not
        finite. What would be the same the next time is raised whatever it may do.
        """
        try:
            frame = await connection.ask_server(request, self._deadline)
        except RefusedConnectionError:
            raise
        except MachineError as error:
            self._note_absence(error)
            return [None] * len(queries)
        try:
            found = unpack_answers(frame, queries, self.server, self._name, self._limits)
        except (MachineError, MessageError) as error:
            await connection.close()
            named = name_sender(error, self._place.label)
            if isinstance(error, MessageError) and not isinstance(error, UnfitNumbersError):
                raise named from error
            self._note_absence(named)
            return [None] * len(queries)
        return [self._check_presence(one) for one in found]

    def _check_presence(self, answer: Proposal | AbsentAnswerError) -> Proposal | None:
        """Returns an answer; None where the server says that there is none."""
        if isinstance(answer, Proposal):
            return answer
        self._note_absence(AbsentAnswerError(f"{self._place.label}: {answer}"))
        return None

    def _note_absence(self, error: AegisError) -> None:
        """Notes why there is no answer; raises it where the robot may not hold."""
        if not self._holds:
            raise error
        write_note(f"{error} The robot holds meanwhile.")

    def _is_known(self) -> bool:
        """Says whether the server has said what it is."""
        return self._server is not None

    def _check_first(self, frame: bytes | str) -> None:
        """Reads what the server says of itself, and refuses another one than before."""
        try:
            if isinstance(frame, str):
                raise MessageError("metadata", f"a text: {frame}", "a frame of msgpack")
            found = read_description(unpack_message(frame, self._limits), self._otherwise)
        except MessageError as error:
            raise error.name_sender(self._place.label) from error
        except ConfigError as error:  # of a view
            label, given = self._place.label, f"unusable ({error})"
            raise MessageError("metadata", given, "what a policy is", label) from error
        if self._server is not None and found != self._server:
            given = f"of policy {found.digest} ({found.rounding})"
            allowed = f"that of the policy that was asked before, {self._server.digest}"
            allowed += f" ({self._server.rounding}); start a new run for another one"
            raise MessageError("metadata", given, allowed, self._place.label)
        self._server, self._spec = found, found.build_spec(self._name)

    async def _close_all(self) -> None:
        await asyncio.gather(*(one.close() for one in self._connections))


def _make_client_name() -> str:
    """Returns a name that no other client has: two that play the same episodes must differ."""
    return secrets.token_hex(16)


def _check_settings(
    name: str, sockets: int, deadline: float, max_bytes: int, on_missing: str
) -> None:
    """Refuses settings that cannot work."""
    if on_missing not in ON_MISSING:
        raise UnknownNameError("on_missing", on_missing, ON_MISSING, f"policy '{name}'")
    if not 1 <= sockets <= _MOST_SOCKETS or not deadline > 0 or max_bytes < _FEWEST_BYTES:
        raise ConfigError(
            f"'{name}' needs 1 to {_MOST_SOCKETS} sockets, a deadline above 0 s and at least "
            f"{_FEWEST_BYTES} bytes. Got: {sockets}, {deadline} and {max_bytes}."
        )


def _check_views(views: Sequence[View]) -> tuple[View, ...]:
    cameras, keys = [view.camera for view in views], [view.key for view in views]
    if len(set(cameras)) != len(views) or len(set(keys)) != len(views):
        raise ConfigError(f"Views need cameras and keys of their own. Got: {cameras} and {keys}.")
    return tuple(views)
