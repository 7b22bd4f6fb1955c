"""Kit: contracts of two robots, messages of their sensors, and a bus that knows their topics."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml

from aegis.ros.contract.contract import Contract
from aegis.ros.contract.reader import read_contract
from aegis.ros.message import cdr as m
from aegis.ros.topics import list_topics
from aegis.runtime.bus import Bus
from aegis.runtime.bus_reader import BusReader

_T = TypeVar("_T")
WAIT = 120.0
"""Long enough for any machine [s]; no test waits for it unless something is broken."""
MS = 1_000_000
CONTRACTS = Path(__file__).parents[2] / "configs" / "contract"
JOINTS = ("shoulder", "upper", "elbow", "wrist_1", "wrist_2", "wrist_3")
INF = float("inf")


def load_shipped(name: str) -> dict[str, Any]:
    """Returns a shipped contract as YAML has it."""
    tree: dict[str, Any] = yaml.safe_load((CONTRACTS / f"{name}.yaml").read_text())
    del tree["_target_"]
    return tree


def _axis(moves: str | None, **changes: Any) -> dict[str, Any]:
    bounds = dict.fromkeys(("step", "velocity", "acceleration", "jerk"), INF)
    one = {"low": -3, "high": 3, "hold": 0.0, "sticky": False, "moves": moves, "by": 1.0}
    return {**one, **bounds, "box": None, **changes}


ARM: dict[str, Any] = {
    "kind": "absolute",
    "rate": 50,
    "parts": 1,
    "axes": {name: _axis(name) for name in JOINTS}
    | {"grip": _axis(None, low=0, high=1, hold=0, sticky=True, by=0)},
    "turn": None,
    "state": [
        {
            "topic": "/arm/joints", "type": m.JOINT_STATE, "names": list(JOINTS), "max_age": 0.2,
            "max_still": 0, "stamp": "header",
        },
        {
            "topic": "/arm/pose", "type": m.POSE, "names": ["x", "y", "z", "rx", "ry", "rz"],
            "max_age": 0.2, "max_still": 0,
        },
    ],
    "pictures": {
        "front": {
            "topic": "/front/compressed", "type": m.COMPRESSED_IMAGE, "height": 24, "width": 32,
            "max_age": 0.5, "max_still": 2, "align": "asof", "resize": True,
        }
    },
    "task": {"topic": None, "text": "stack the blocks"},
    "levels": {"estop": {"topic": "/estop", "good": False, "max_age": 0.5}},
    "operator": {
        "topic": "/joy", "type": m.JOY, "max_age": 0.3,
        "axes": {"elbow": {"source": 1, "scale": 2.0}},
    },
    "commands": [
        {
            "topic": "/arm/trajectory", "type": m.TRAJECTORY, "reach": 0.04,
            "values": {f"{name}_joint": {"axis": name, "scale": 1.0} for name in JOINTS},
        },
        {
            "topic": "/arm/gripper", "type": m.GRIPPER, "max_effort": 40,
            "values": {"position": {"axis": "grip", "scale": -0.08, "offset": 0.08}},
        },
    ],
    "in_fault": "silence",
    "max_missed": 3,
    "stale_after": 0.2,
    "horizon": 500,
}  # fmt: skip
"""A position-controlled arm of six axes with a gripper, that stops by itself."""


TOY: dict[str, Any] = {
    "kind": "velocity",
    "rate": 20,
    "parts": 1,
    "axes": {
        name: _axis(None, low=-1, high=1, by=0, sticky=name == "grip")
        for name in ("x", "y", "grip")
    },
    "turn": None,
    "state": [
        {
            "topic": "joints", "type": m.JOINT_STATE, "names": ["px", "py"], "max_age": 5,
            "max_still": 0,
        }
    ],
    "pictures": {
        "agentview": {
            "topic": "camera", "type": m.IMAGE, "height": 8, "width": 8, "max_age": 5,
            "max_still": 0,
        }
    },
    "task": {"topic": "~/task", "text": ""},
    "levels": {"estop": {"topic": "~/estop", "good": False, "max_age": 5}},
    "operator": {
        "topic": "~/operator", "type": m.FLOATS, "max_age": 5,
        "axes": {"x": {"source": 0, "scale": 1.0}, "grip": {"source": 1, "scale": 1.0}},
    },
    "commands": [
        {
            "topic": "~/command", "type": m.FLOATS,
            "values": {name: {"axis": name, "scale": 1.0} for name in ("x", "y", "grip")},
        }
    ],
    "in_fault": "idle",
    "max_missed": 10**6,
    "stale_after": 5,
    "horizon": 10**6,
}  # fmt: skip
"""The point of the fakes, with limits that no slow machine breaks."""


def change(tree: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Returns a copy with one value changed; ``path`` is dotted."""
    changed = copy.deepcopy(tree)
    *way, last = path.split(".")
    node: Any = changed
    for name in way:
        node = node[int(name)] if isinstance(node, list) else node[name]
    node[int(last) if isinstance(node, list) else last] = value
    return changed


def make_contract(tree: dict[str, Any] = TOY, **changes: Any) -> Contract:
    return read_contract(**{**tree, **changes})


@contextmanager
def open_bus(contract: Contract) -> Iterator[Bus]:
    bus = Bus.create([topic.build_bus_topic() for topic in list_topics(contract)])
    yield bus
    bus.close()


def write(bus: Bus, topic: str, raw: bytes, arrived: int | None = None) -> None:
    bus.write_message(topic, raw, time.monotonic_ns() if arrived is None else arrived)


def switch(value: bool) -> bytes:
    return m.encode_message(m.BOOL, data=value)


def text(value: str) -> bytes:
    return m.encode_message(m.STRING, data=value)


def joints(names: Sequence[str], values: Sequence[float], stamp: int = 0, **more: Any) -> bytes:
    none = np.zeros(0)
    numbers = {"position": np.array(values, np.float64), "velocity": none, "effort": none, **more}
    header = m.build_header(stamp, "base")
    return m.encode_message(m.JOINT_STATE, header=header, name=list(names), **numbers)


def picture(
    pixels: np.ndarray[Any, Any], encoding: str = "rgb8", pad: int = 0, stamp: int = 0
) -> bytes:
    """Returns a message of a picture, whose rows are padded. Shape (h, w, c)."""
    height, width, channels = pixels.shape
    rows = np.full((height, width * channels + pad), 171, np.uint8)
    rows[:, : width * channels] = pixels.reshape(height, -1)
    return m.encode_message(
        m.IMAGE, header=m.build_header(stamp, "camera"), height=height, width=width,
        encoding=encoding, is_bigendian=0, step=rows.shape[1], data=rows.ravel(),
    )  # fmt: skip


def pose(where: Sequence[float], turn: Sequence[float], stamp: int = 0) -> bytes:
    """Returns a message of a pose; the quaternion is x, y, z, w."""
    point = m.build_message("geometry_msgs/msg/Point", **dict(zip("xyz", where, strict=True)))
    given = dict(zip("xyzw", map(float, turn), strict=True))
    quaternion = m.build_message("geometry_msgs/msg/Quaternion", **given)
    inner = m.build_message("geometry_msgs/msg/Pose", position=point, orientation=quaternion)
    return m.encode_message(m.POSE, header=m.build_header(stamp), pose=inner)


def read_json(reader: BusReader) -> list[dict[str, Any]]:
    return [m.decode_json(raw, entry.topic) for entry, raw in reader.take_new()]


def await_truth(look: Callable[[], _T], what: str) -> _T:
    """Waits until a look finds something, and returns it."""
    end = time.monotonic() + WAIT
    while not (found := look()):
        assert time.monotonic() < end, f"waited {WAIT:g} s in vain for {what}"
        time.sleep(0.01)
    return found
