"""Node of the wire: services and lifecycle transitions, each granted or refused by the driver."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from lifecycle_msgs.srv import ChangeState
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNodeMixin, LifecycleState
from rclpy.lifecycle.node import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from aegis.ros.names import ANSWER, REQUEST

_PATIENCE = 2.0
_CONFIGURE_PATIENCE = 180.0
"""Longest wait for an answer [s]; configuring loads policies."""
_LADDER = ("unconfigured", "inactive", "active")
_STATES = {life: life for life in (*_LADDER, "finalized")} | {"fault": "inactive"}
"""Life of a driver to the state of ROS 2 that goes with it: a fault is none of its own there."""


@dataclass(frozen=True)
class DriverAnswer:
    """What the driver said to a request.

    Attributes:
        granted: Whether it was carried out.
        text: Why not, or the life of the driver after it.
    """

    granted: bool
    text: str


class DriverClient:
    """Asks the driver over the bus, and hears what it says of itself.

    Args:
        write: Writes bytes to a topic of the bus.
    """

    def __init__(self, write: Callable[[str, bytes], object]) -> None:
        self._write = write
        # Answers to a wire that died before must not be taken for ours.
        self._ids = itertools.count(time.monotonic_ns())
        self._waiting: dict[int, Future[DriverAnswer]] = {}
        self.life = ""
        self.changed = threading.Event()

    def ask(self, request: str) -> DriverAnswer:
        """Hands a request to the driver and waits for its answer.

        Args:
            request: For example ``"enable"``.
        """
        number, answer = next(self._ids), Future[DriverAnswer]()
        self._waiting[number] = answer
        text = json.dumps({"id": number, "request": request})
        patience = _CONFIGURE_PATIENCE if request == "configure" else _PATIENCE
        try:
            self._write(REQUEST, serialize_message(String(data=text)))
            return answer.result(patience)
        except TimeoutError:
            return DriverAnswer(False, f"no answer from the driver to {request} in {patience:g} s")
        finally:
            self._waiting.pop(number, None)

    def hear(self, topic: str, raw: bytes) -> None:
        """Takes what the driver wrote: an answer, or its status.

        Args:
            topic: The topic.
            raw: The message.
        """
        said = json.loads(deserialize_message(raw, String).data)
        # Both tell the life, and the newer is right: a status of before must not undo a request.
        # What was refused changed nothing, and who refused it may know less than a status said.
        told = topic != ANSWER or said["granted"]
        life = (said.get("life") if told else "") or self.life
        if life != self.life:
            self.life = life
            self.changed.set()
        waiting = self._waiting.get(said.get("id")) if topic == ANSWER else None
        if waiting is not None and not waiting.done():
            waiting.set_result(DriverAnswer(said["granted"], said.get("reason") or life))

    def end_waiting(self) -> None:
        """Ends all waiting."""
        for answer in list(self._waiting.values()):
            if not answer.done():
                answer.set_result(DriverAnswer(False, "the node ends"))


class ManagedNode(LifecycleNodeMixin, Node):  # type: ignore[misc]  # rclpy has no stubs
    """Lifecycle node whose transitions the driver grants, and whose state follows the driver's.

    Args:
        name: Its name.
        options: Options of a node.
    """

    def __init__(self, name: str, **options: Any) -> None:
        Node.__init__(self, name, **options)
        # So that get_state answers while the driver is being configured.
        LifecycleNodeMixin.__init__(self, callback_group=ReentrantCallbackGroup())
        for service in self.services:
            if service.srv_type is ChangeState:
                service.callback = partial(self._answer_change, service.callback)
        self._client: DriverClient | None = None
        self._turn = threading.Lock()
        self._following = False
        self._answer = DriverAnswer(False, "")

    def attach_driver(self, client: DriverClient) -> None:
        """Attaches the driver; from here on the node follows its state.

        Args:
            client: The driver.
        """
        self._client = client
        threading.Thread(target=self._follow_driver, args=(client,), daemon=True).start()

    def destroy_node(self) -> None:
        """Leaves ROS 2; rclpy forgets the state machine, which holds on to the node."""
        Node.destroy_node(self)
        self._state_machine.destroy_when_not_in_use()

    @property
    def state(self) -> str:
        """State of ROS 2, for example ``"inactive"``."""
        return str(self._state_machine.current_state[1])

    def ask(self, request: str) -> DriverAnswer:
        """Enables or disables through the transition of ROS 2, so that both states agree.

        Args:
            request: ``"enable"`` or ``"disable"``.
        """
        enable = request == "enable"
        if not self._turn.acquire(timeout=_PATIENCE):
            return DriverAnswer(False, f"cannot {request}: another transition is under way")
        try:
            if self.state != ("inactive" if enable else "active"):
                return DriverAnswer(False, f"cannot {request} while the node is {self.state}")
            self._answer = DriverAnswer(False, f"{request} failed; see the log")
            _ = self.trigger_activate() if enable else self.trigger_deactivate()
            return self._answer
        finally:
            self._turn.release()

    def on_configure(self, state: LifecycleState) -> Any:
        """Asks the driver to load everything."""
        return self._ask_driver("configure")

    def on_cleanup(self, state: LifecycleState) -> Any:
        """Asks the driver to unload everything."""
        return self._ask_driver("cleanup")

    def on_activate(self, state: LifecycleState) -> Any:
        """Asks the driver to drive the robot."""
        return self._ask_driver("enable")

    def on_deactivate(self, state: LifecycleState) -> Any:
        """Asks the driver to leave the robot."""
        return self._ask_driver("disable")

    def on_shutdown(self, state: LifecycleState) -> Any:
        """Asks the driver to end."""
        return self._ask_driver("shutdown")

    def _ask_driver(self, request: str) -> Any:
        if self._following or self._client is None:
            return TransitionCallbackReturn.SUCCESS
        self._answer = self._client.ask(request)
        if self._answer.granted:
            return TransitionCallbackReturn.SUCCESS
        self.get_logger().warning(f"{request} is refused: {self._answer.text}")
        return TransitionCallbackReturn.FAILURE

    def _answer_change(self, change: Callable[[Any, Any], Any], request: Any, response: Any) -> Any:
        """Answers change_state; what rclpy raises there would leave the caller without an answer.

        Args:
            change: What rclpy does.
            request: Request of the service.
            response: Its response.
        """
        response.success = False
        if not self._turn.acquire(timeout=_PATIENCE):
            self.get_logger().warning("a transition is refused: another is under way")
            return response
        try:
            return change(request, response)
        except RuntimeError as error:
            said = str(error).splitlines()[0]
            self.get_logger().warning(f"a transition is refused while {self.state}: {said}")
            response.success = False
            return response
        finally:
            self._turn.release()

    def _follow_driver(self, client: DriverClient) -> None:
        """Moves to the state that goes with the driver's life, without asking it, for ever."""
        while True:
            client.changed.wait()
            with self._turn:
                client.changed.clear()
                self._following = True
                while (step := self._find_step(client.life)) is not None:
                    self.get_logger().info(f"the driver is {client.life}; leaving {self.state}")
                    step()
                self._following = False

    def _find_step(self, life: str) -> Callable[[], object] | None:
        """Returns the next transition towards a life of the driver; None where there is none."""
        here, there = self.state, _STATES.get(life, "")
        if there == "finalized" and here in _LADDER:
            return self.trigger_shutdown  # type: ignore[no-any-return]
        if here == there or here not in _LADDER or there not in _LADDER:
            return None
        up = _LADDER.index(there) > _LADDER.index(here)
        steps: dict[tuple[str, bool], Callable[[], object]] = {
            ("unconfigured", True): self.trigger_configure,
            ("inactive", True): self.trigger_activate,
            ("inactive", False): self.trigger_cleanup,
            ("active", False): self.trigger_deactivate,
        }
        return steps[here, up]


def create_services(node: Node, client: DriverClient) -> None:
    """Creates the services of a driver: ``~/enable``, ``~/disable``, ``~/reset``, ``~/takeover``.

    Args:
        node: The node.
        client: The driver.
    """
    managed = node.ask if isinstance(node, ManagedNode) else client.ask
    asks = {"enable": managed, "disable": managed, "reset": client.ask}
    for request, ask in asks.items():
        answer = partial(_answer_trigger, ask, request)
        # A group each: what waits for its answer must not hold up a disable.
        group = MutuallyExclusiveCallbackGroup()
        node.create_service(Trigger, f"~/{request}", answer, callback_group=group)
    group = MutuallyExclusiveCallbackGroup()
    answer = partial(_answer_takeover, client.ask)
    node.create_service(SetBool, "~/takeover", answer, callback_group=group)


def _answer_trigger(
    ask: Callable[[str], DriverAnswer], request: str, _: object, response: Any
) -> Any:
    answer = ask(request)
    response.success, response.message = answer.granted, answer.text
    return response


def _answer_takeover(ask: Callable[[str], DriverAnswer], request: Any, response: Any) -> Any:
    return _answer_trigger(ask, "takeover" if request.data else "release", request, response)
