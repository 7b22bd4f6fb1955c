"""Rows: what a recording says of each tick, exact to the last bit, and how replays compare it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from aegis.core.types import F32, Decision, EpisodeKey, Nanos, Proposal
from aegis.runtime.codec import Arrays, decode_value, encode_value
from aegis.runtime.realtime.peer import TickReport

COMPARED = (
    "command", "action", "reason", "mode", "since", "next", "scores", "verdict", "hold", "target",
    "why", "fires", "ask", "boundary", "due", "committed",
)  # fmt: skip
"""What a replay must give again."""


def describe_decision(decision: Decision) -> dict[str, Any]:
    """Returns a decision; numbers are hexadecimal, so that none is rounded.

    Args:
        decision: The decision.
    """
    command, verdict = decision.command, decision.verdict
    return {
        "command": type(command).__name__,
        "action": encode_array(command.action),
        "reason": getattr(command, "reason", ""),
        "mode": decision.mode.active,
        "since": decision.mode.since_k,
        "next": decision.next_mode.active,
        "scores": {score.detector: float(score.value).hex() for score in decision.scores},
        "verdict": verdict.level.name,
        "hold": verdict.hold,
        "target": verdict.target,
        "why": verdict.reason,
        "fires": decision.fires,
        "ask": list(decision.ask),
        "boundary": decision.boundary,
        "due": decision.due,
        "committed": encode_array(decision.committed),
    }


def describe_tick(
    report: TickReport, key: EpisodeKey | None, used: Mapping[str, Nanos], sent: F32 | None
) -> dict[str, Any]:
    """Returns the row of a tick.

    Args:
        report: What happened in it.
        key: Its life; None while nobody drives.
        used: Topic to arrival of the messages that it saw [ns].
        sent: The action that was sent. Shape (a,); None for none.
    """
    row: dict[str, Any] = {
        "number": report.number,
        "now": report.now,
        "late": report.lateness,
        "missed": report.missed,
        "life": report.status.life.value,
        "fault": report.status.fault,
        "trouble": report.trouble,
        "alarm": report.alarm,
        "sent": None if sent is None else encode_array(sent),
        "cut": list(report.cut),
    }
    if report.tick is not None and report.decision is not None and key is not None:
        tick = report.tick
        row |= {
            "key": [key.root, key.suite, key.task, key.start, key.index],
            "k": tick.k,
            "stamp": tick.obs.stamp,
            "used": dict(used),
            "asked": list(report.asked),
            "refused": list(report.refused),
            "took": dict(report.took),
            "failed": dict(report.failed),
            "arrived": {rung: one.k0 for rung, one in tick.proposals.items()},
            "operator": None if tick.operator is None else encode_array(tick.operator),
            "stop": tick.stop,
            **describe_decision(report.decision),
        }
    return row


def encode_array(array: F32) -> str:
    """Returns the bytes of an array of single precision, hexadecimal."""
    return np.ascontiguousarray(array, np.float32).tobytes().hex()


def decode_array(text: str) -> F32:
    """Returns an array of single precision. Shape (n,)."""
    return np.frombuffer(bytes.fromhex(text), np.float32)


def encode_proposal(key: EpisodeKey, proposal: Proposal) -> bytes:
    """Returns a proposal, with the address of its life, as bytes."""
    arrays: Arrays = {}
    node = encode_value((key, proposal), arrays)
    shapes = {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}
    head = json.dumps({"node": node, "arrays": shapes}, separators=(",", ":")).encode()
    body = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    return len(head).to_bytes(4, "little") + head + body


def decode_proposal(raw: bytes) -> tuple[EpisodeKey, Proposal]:
    """Returns a proposal and the address of its life.

    Args:
        raw: What ``encode_proposal`` returned.
    """
    start = 4 + int.from_bytes(raw[:4], "little")
    head = json.loads(raw[4:start])
    arrays: Arrays = {}
    for name, (kind, shape) in head["arrays"].items():
        dtype = np.dtype(kind)
        size = dtype.itemsize * int(np.prod(shape))
        arrays[name] = np.frombuffer(raw[start : start + size], dtype).reshape(shape)
        start += size
    key, proposal = decode_value(head["node"], arrays)
    return key, proposal
