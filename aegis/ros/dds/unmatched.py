"""Unmatched peers: who is there for a topic of ours, but gets or sends us nothing, and why."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cyclonedds.builtin import (
    BuiltinDataReader,
    BuiltinTopicDcpsPublication,
    BuiltinTopicDcpsSubscription,
)
from cyclonedds.core import InstanceState

from aegis.ros.dds.node import DdsNode

_LOOK_EVERY = 1.0
_PATIENCE = 5.0
"""Time that two ends of a topic may take to agree, before the user hears of it [s]."""
_MOST = 100


@dataclass(frozen=True, slots=True)
class _Peer:
    """An end of a topic, in another process.

    Attributes:
        topic: What the topic is called in DDS.
        kind: Type of its messages, as DDS calls it.
        seen: When it was heard of [s].
    """

    topic: str
    kind: str
    seen: float


class UnmatchedPeers:
    """Tells of peers that a node hears of and cannot talk to.

    Args:
        node: The node, with its topics open.
        complain: Logs an error.
    """

    def __init__(self, node: DdsNode, complain: Callable[[str], object]) -> None:
        self._complain = complain
        self._ended = threading.Event()
        given = (node.participant, [*node.readers.values()], [*node.writers.values()])
        self._thread = threading.Thread(target=self._watch, args=given, name="dds-peers")

    def start(self) -> None:
        """Starts to look."""
        self._thread.start()

    def finish(self) -> None:
        """Ends."""
        self._ended.set()
        self._thread.join()

    def _watch(self, participant: Any, readers: list[Any], writers: list[Any]) -> None:
        ours = participant.guid
        ends = (
            (BuiltinDataReader(participant, BuiltinTopicDcpsPublication), readers),
            (BuiltinDataReader(participant, BuiltinTopicDcpsSubscription), writers),
        )
        found: tuple[dict[UUID, _Peer], dict[UUID, _Peer]] = ({}, {})
        told: set[UUID] = set()
        while not self._ended.wait(_LOOK_EVERY):
            for (news, entities), peers in zip(ends, found, strict=True):
                _hear_news(news.take(_MOST), ours, peers)
                for key, why in _find_unmatched(entities, peers, time.monotonic() - _PATIENCE):
                    if key not in told:
                        told.add(key)
                        self._complain(why)


def _hear_news(news: Iterable[Any], ours: UUID, peers: dict[UUID, _Peer]) -> None:
    """Notes who came, and who went."""
    for one in news:
        if one.sample_info.instance_state != InstanceState.Alive:
            peers.pop(one.key, None)
        elif one.participant_key != ours:
            peers[one.key] = _Peer(one.topic_name, one.type_name, time.monotonic())


def _find_unmatched(
    entities: Iterable[Any], peers: Mapping[UUID, _Peer], before: float
) -> Iterable[tuple[UUID, str]]:
    """Yields peers of our topics that came before a time [s] and match none, and what is wrong."""
    for entity in entities:
        name, kind = entity.topic.name, entity.topic.typename
        waiting = {key: one for key, one in peers.items() if one.topic == name}
        if waiting:
            matched = _list_matched(entity)
            for key, one in waiting.items():
                if key not in matched and one.seen < before:
                    yield key, _explain(entity, one, kind)


def _list_matched(entity: Any) -> set[UUID]:
    """Returns the keys of all that an end of a topic matches."""
    if hasattr(entity, "get_matched_publications"):
        found = map(entity.get_matched_publication_data, entity.get_matched_publications())
    else:
        found = map(entity.get_matched_subscription_data, entity.get_matched_subscriptions())
    return {one.key for one in found if one is not None}


def _explain(entity: Any, peer: _Peer, kind: str) -> str:
    """Returns what is wrong between an end of ours and a peer."""
    reads = hasattr(entity, "get_matched_publications")
    who = "publisher" if reads else "subscriber"
    start = f"A {who} of '{peer.topic.removeprefix('rt')}' is there, but no message gets through: "
    if peer.kind != kind:
        return f"{start}its type is {peer.kind}, ours is {kind}."
    status = (
        entity.get_requested_incompatible_qos_status()
        if reads
        else entity.get_offered_incompatible_qos_status()
    )
    if status.total_count:
        return f"{start}its reliability or durability does not fit ours."
    return (
        f"{start}its ROS 2 describes {kind} in a way that Cyclone DDS cannot read, as Kilted does. "
        "Use ros.transport=rclpy."
    )
