"""Parent of a process between ROS 2 and a bus, seen from there: what it asks for, and the end."""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from aegis.core.errors import ConfigError
from aegis.ros.names import WIRE_BELL
from aegis.ros.wire.protocol import WireTopic, receive_message, send_message
from aegis.runtime.bus import Bus

_GRACE = 5.0
"""Longest wait for the parent after a signal, and longest duration of the end [s]."""
_N = TypeVar("_N")


class Connection(Protocol):
    """Everything that runs between the connection to the bus and the end."""

    def finish(self) -> None:
        """Publishes what still lies on the bus, and leaves ROS 2."""


def run_process(program: str, serve: Callable[[socket.socket, Sequence[str]], None]) -> None:
    """Reads the command line of a process between ROS 2 and a bus, runs it, and ends it.

    Args:
        program: Name of the program.
        serve: Does all that the parent asks for, given the socket to it and arguments of ROS 2.
    """
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("--socket", type=int, required=True)
    options, ros_arguments = parser.parse_known_args()
    code = 0
    try:
        serve(socket.socket(fileno=options.socket), ros_arguments)
    except (EOFError, ConnectionError):
        code = 0  # The parent is gone, and with it whoever could be told.
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        code = 1
    # Threads of a middleware abort an interpreter that ends while they run.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def serve_parent(
    link: socket.socket,
    open_node: Callable[[dict[str, Any]], _N],
    list_parameters: Callable[[_N], dict[str, Any]],
    connect: Callable[[_N, Bus, Sequence[WireTopic], bool], Connection],
) -> None:
    """Does what the parent asks for, until it orders the end.

    Args:
        link: Socket to the parent.
        open_node: Returns the node, given its name, namespace, and whether it has a lifecycle.
        list_parameters: Returns the parameters that a node was given.
        connect: Connects a node, a bus and topics; the flag says whether services are offered.

    Raises:
        EOFError: If the parent is gone before all is connected.
    """
    signals: list[float] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: signals.append(time.monotonic()))
    identity, _ = receive_message(link)
    try:
        node = open_node(identity)
        send_message(link, {"parameters": list_parameters(node)})
        asked, descriptors = receive_message(link)
        topics = [WireTopic(**topic) for topic in asked["topics"]]
        bus = attach_bus(asked["bus"], descriptors)
        connection = connect(node, bus, topics, asked["services"])
    except EOFError:
        raise
    except Exception as error:  # Whatever it is, the parent says it to the user.
        send_message(link, {"error": str(error) or repr(error)})
        return
    send_message(link, {"connected": True})
    await_end(link, signals)
    threading.Timer(_GRACE, os._exit, [0]).start()
    connection.finish()


def attach_bus(description: str, descriptors: Sequence[int]) -> Bus:
    """Attaches to the bus.

    Args:
        description: What ``Bus.describe`` returned to the parent.
        descriptors: The file descriptors, in the order of the description.

    Raises:
        ConfigError: If the bus cannot wake us.
    """
    given = json.loads(description)
    if WIRE_BELL not in given["bells"]:
        raise ConfigError(f"the bus has no bell '{WIRE_BELL}', which topics to ROS 2 must ring")
    given["memory"] = descriptors[0]
    given["bells"] = dict(zip(given["bells"], descriptors[1:], strict=True))
    return Bus.attach(json.dumps(given))


def await_end(link: socket.socket, signals: Sequence[float]) -> None:
    """Waits until the parent closes the socket, or a signal came and it did not close it soon.

    Args:
        link: The socket.
        signals: Times of the signals that came [s]; grows.
    """
    while not signals or time.monotonic() < signals[0] + _GRACE:
        ready, _, _ = select.select([link], [], [], 0.2)
        try:
            if ready and not link.recv(1):
                return
        except ConnectionError:
            return
