"""Requests: what may be asked of a node, on which topics, and how it is read."""

from __future__ import annotations

from typing import Any

from aegis.ros.message import cdr as m
from aegis.ros.message.decoding import decode_switch
from aegis.ros.names import ASK, DISABLE, ENABLE, REQUEST, RESET, TAKEOVER
from aegis.runtime.realtime.lifecycle import Request

REQUEST_TOPICS = (ENABLE, DISABLE, RESET, TAKEOVER, REQUEST, ASK)
_BY_TOPIC = {ENABLE: Request.ENABLE, DISABLE: Request.DISABLE, RESET: Request.RESET}
DRIVER_REQUESTS = {one.value: one for one in _BY_TOPIC.values()}
"""Answered by the driver."""
NODE_REQUESTS = {one.value: one for one in (Request.CONFIGURE, Request.CLEANUP, Request.SHUTDOWN)}
"""Answered by the node, which starts and ends the driver."""
OPERATOR_REQUESTS = {"takeover": True, "release": False}
"""Whether a person drives from now on; answered by the driver."""


def read_request(topic: str, raw: bytes) -> dict[str, Any]:
    """Returns what is asked for (``request``), and by which number its answer is known (``id``).

    Args:
        topic: One of ``REQUEST_TOPICS``.
        raw: The message.

    Raises:
        ContractError: If it cannot be read.
    """
    if topic in _BY_TOPIC:
        return {"id": None, "request": _BY_TOPIC[topic].value}
    if topic == TAKEOVER:
        taken = decode_switch(raw, topic)
        return {"id": None, "request": "takeover" if taken else "release"}
    asked = m.decode_json(raw, topic)
    return {"id": asked.get("id"), "request": str(asked.get("request", ""))}


def build_answer(asked: dict[str, Any], granted: bool, reason: str, life: str) -> bytes:
    """Returns the message that answers a request.

    Args:
        asked: What ``read_request`` returned.
        granted: Whether it was carried out.
        reason: Why not; empty if it was.
        life: State after it.
    """
    row = {"id": asked["id"], "request": asked["request"], "granted": granted}
    return m.encode_json({**row, "reason": reason, "life": life})
