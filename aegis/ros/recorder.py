"""Recorder: everything that lies on a bus into a bag, as rosbag2 writes one (MCAP)."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.errors import WriterError

from aegis.core.errors import ConfigError
from aegis.ros.message.cdr import STRING, encode_json, load_types
from aegis.ros.names import ANSWER, DIAGNOSTICS, STATUS, TROUBLE
from aegis.ros.topics import Topic
from aegis.runtime.bus import Bus
from aegis.runtime.bus_reader import BusReader

FORMAT = "aegis-bag-1"
CONFIGURATION = "~/configuration"
"""Topic of one message: what the node is, which a replay needs."""
_WRITE_EVERY = 0.02
_OWN = (ANSWER, DIAGNOSTICS, STATUS, TROUBLE)
"""What a node says by itself, even if nothing ever came of it."""


class Recorder:
    """Writes the messages of a bus into a bag, in a thread of its own.

    Args:
        path: Folder of the bag; must not exist.
        bus: The bus.
        topics: Topics to write.
        node: Full name of the node, for topics of its own, for example ``"/aegis"``.
        facts: What the node is, for example its configuration; what JSON can say.

    Attributes:
        written: Messages that were written.

    Raises:
        ConfigError: If there is a file or folder at ``path``, or none can be made.
    """

    def __init__(
        self,
        path: Path,
        bus: Bus,
        topics: Iterable[Topic],
        node: str,
        facts: Mapping[str, Any],
    ) -> None:
        topics = tuple(topics)
        # One offset for all, so that the time of a message gives back its arrival exactly.
        self._offset = time.time_ns() - time.monotonic_ns()
        self._reader = BusReader(bus, [topic.name for topic in topics], everything=True)
        self._failure, self.written, self._heard = "", 0, 0
        self._path = path
        try:
            self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
            self._writer.open()
        except (OSError, WriterError) as error:
            raise ConfigError(f"No bag can be written to {path}: {error}") from error
        self._connections = {
            topic.name: self._writer.add_connection(
                resolve_topic(topic.name, node), topic.type, typestore=load_types()
            )
            for topic in topics
        }
        self._write_facts({"format": FORMAT, "clock_offset": self._offset, "node": node, **facts})
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write_all, name="recorder", daemon=True)
        self._thread.start()

    @property
    def fault(self) -> str:
        """What is missing in the bag, and why; empty while all is well."""
        if self._failure or not self.lost:
            return self._failure
        return f"recording is too slow: {self.lost} messages are lost"

    @property
    def lost(self) -> int:
        """Messages that were overwritten before they were read."""
        return self._reader.lost

    def close(self) -> None:
        """Writes what is left, and the end of the bag; one that holds nothing is removed."""
        self._over.set()
        self._thread.join()
        try:
            self._writer.close()
        except Exception as error:
            self._failure = self._failure or _describe_failure(error)
        if not self._heard:
            # A start that failed must not be in the way of the next one.
            shutil.rmtree(self._path, ignore_errors=True)

    def _write_facts(self, facts: Mapping[str, Any]) -> None:
        topic = resolve_topic(CONFIGURATION, str(facts["node"]))
        connection = self._writer.add_connection(topic, STRING, typestore=load_types())
        self._writer.write(connection, time.time_ns(), encode_json(facts))

    def _write_all(self) -> None:
        """Writes what comes, until it is over and everything is written."""
        over = False
        while not over and not self._failure:
            over = self._over.wait(_WRITE_EVERY)
            try:
                self._write_new()
            except Exception as error:  # Whatever it is: a bag that ends unsaid is worse.
                self._failure = _describe_failure(error)

    def _write_new(self) -> None:
        for entry, raw in self._reader.take_new():
            connection = self._connections[entry.topic]
            self._writer.write(connection, entry.arrived + self._offset, raw)
            self.written += 1
            self._heard += entry.topic not in _OWN


def _describe_failure(error: Exception) -> str:
    why = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    return f"recording failed: {why or error}"


def resolve_topic(name: str, node: str) -> str:
    """Returns the full name of a topic, as ROS 2 resolves it.

    Args:
        name: Its name; ``~/`` stands for the node, a relative one for the node's namespace.
        node: Full name of the node.
    """
    if name.startswith("~/"):
        return f"{node}/{name[2:]}"
    return name if name.startswith("/") else f"{node.rpartition('/')[0]}/{name}"
