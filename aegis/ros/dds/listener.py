"""Listener: takes what arrives on the topics of a node, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from cyclonedds.core import InstanceState, ReadCondition, SampleState, ViewState, WaitSet
from cyclonedds.util import duration

from aegis.ros.dds.idl_types import RawMessage
from aegis.ros.dds.node import DdsNode

_MOST = 16
"""Messages that are taken from a topic before the others have their turn."""
_WAKE = 100
"""Longest wait for a message before the end is looked for [ms]."""


class Listener:
    """Takes messages.

    Args:
        node: The node.
        write: Does something with a message, given its topic.
        complain: Logs an error.
    """

    def __init__(
        self,
        node: DdsNode,
        write: Callable[[str, bytes], object],
        complain: Callable[[str], object],
    ) -> None:
        self._write, self._complain = write, complain
        self._ended = threading.Event()
        given = (node.participant, dict(node.readers))
        self._thread = threading.Thread(target=self._listen, args=given, name="dds-in", daemon=True)

    def start(self) -> None:
        """Starts to take."""
        self._thread.start()

    def finish(self) -> None:
        """Ends."""
        self._ended.set()
        self._thread.join()

    def _listen(self, participant: Any, readers: Mapping[str, Any]) -> None:
        news = WaitSet(participant)
        anything = ViewState.Any | InstanceState.Any | SampleState.NotRead
        for reader in readers.values():
            news.attach(ReadCondition(reader, anything))
        while not self._ended.is_set():
            news.wait(duration(milliseconds=_WAKE))
            for name, reader in readers.items():
                self._take(name, reader)

    def _take(self, name: str, reader: Any) -> None:
        try:
            for sample in reader.take(_MOST):
                # What else comes says that a writer is gone.
                if isinstance(sample, RawMessage):
                    self._write(name, sample)
        except Exception as error:  # One topic that cannot be read must not stop the others.
            self._complain(f"A message on '{name}' cannot be taken: {error}")
