"""Bag: a recording of ours, read message by message, with the few that lie behind at hand."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import Reader
from rosbags.rosbag2.errors import ReaderError

from aegis.core.errors import AegisError, TraceError
from aegis.core.types import EpisodeKey, Nanos, Proposal
from aegis.ros.message import cdr as m
from aegis.ros.names import DECISIONS, PROPOSALS
from aegis.ros.recorder import CONFIGURATION, FORMAT, resolve_topic
from aegis.ros.rows import decode_proposal

_KEPT = 256
"""Messages of each topic that are kept for the ticks that used them."""
_PROPOSALS_KEPT = 64


class Bag:
    """A recording.

    Args:
        path: Folder of the bag, or its MCAP file.

    Attributes:
        facts: What the node was.

    Raises:
        TraceError: If it is none of ours, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.facts = self._read_facts()
        self._node, self._offset = str(self.facts["node"]), int(self.facts["clock_offset"])
        self._recent: dict[str, deque[tuple[Nanos, bytes]]] = {}
        self._proposals: dict[tuple[EpisodeKey, str, int], Proposal] = {}

    def read_rows(self) -> Iterator[Mapping[str, Any]]:
        """Yields the rows of all ticks; what a tick used can be asked for before the next.

        Raises:
            TraceError: If the bag is damaged.
        """
        decisions = resolve_topic(DECISIONS, self._node)
        proposals = resolve_topic(PROPOSALS, self._node)
        for topic, logged, raw in self._read_messages():
            try:
                if topic == decisions:
                    yield m.decode_json(raw, topic)
                elif topic == proposals:
                    data = m.decode_message(raw, m.BYTES, topic).data
                    self._keep_proposal(*decode_proposal(bytes(data)))
                else:
                    recent = self._recent.setdefault(topic, deque(maxlen=_KEPT))
                    recent.append((logged - self._offset, raw))
            except (AegisError, ValueError, KeyError, TypeError) as error:
                raise TraceError(f"{self._path} is damaged at {topic}: {error}") from error

    def find_message(self, topic: str, arrived: Nanos) -> bytes:
        """Returns a message of before the last row.

        Args:
            topic: Its topic, as the contract names it.
            arrived: When it arrived [ns].

        Raises:
            TraceError: If it is missing.
        """
        for when, raw in reversed(self._recent.get(resolve_topic(topic, self._node), ())):
            if when == arrived:
                return raw
        raise TraceError(
            f"{self._path} lacks the message of {topic} that arrived at {arrived} ns, which a tick "
            "used: the recorder lost it. A replay ends here."
        )

    def find_proposal(self, key: EpisodeKey, rung: str, k0: int) -> Proposal:
        """Returns a proposal that arrived at the last row.

        Args:
            key: The life.
            rung: Who proposed.
            k0: Tick of the observation that it was made from.

        Raises:
            TraceError: If it is missing.
        """
        if (key, rung, k0) not in self._proposals:
            raise TraceError(f"{self._path} lacks the proposal of {rung} from tick {k0} of {key}.")
        return self._proposals[key, rung, k0]

    def _keep_proposal(self, key: EpisodeKey, proposal: Proposal) -> None:
        self._proposals[key, proposal.policy, proposal.k0] = proposal
        while len(self._proposals) > _PROPOSALS_KEPT:
            self._proposals.pop(next(iter(self._proposals)))

    def _read_facts(self) -> Mapping[str, Any]:
        for topic, _, raw in self._read_messages():
            if topic.endswith(CONFIGURATION[1:]):
                facts = m.decode_json(raw, topic)
                if facts.get("format") == FORMAT:
                    return facts
                raise TraceError(f"{self._path} is of format {facts.get('format')}, not {FORMAT}.")
            break
        raise TraceError(
            f"{self._path} is no recording of `aegis drive` or `aegis ros node`: it does not begin "
            "with a configuration."
        )

    def _read_messages(self) -> Iterator[tuple[str, Nanos, bytes]]:
        """Yields topic, time in the bag [ns] and bytes, by time."""
        try:
            with Reader(self._path) as reader:
                for connection, logged, raw in reader.messages():
                    yield connection.topic, logged, bytes(raw)
        except (ReaderError, OSError, json.JSONDecodeError, ValueError) as error:
            raise TraceError(
                f"{self._path} cannot be read as a bag: {error}. A bag without an end, of a node "
                "that was killed, is repaired by 'mcap recover FILE.mcap'; then give that file."
            ) from error
