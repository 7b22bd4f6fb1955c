"""`aegis drive` and `aegis ros`: what they show, refuse, and do on the real world of LIBERO."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rosbags.rosbag2 import Reader

from aegis.app.main import main
from aegis.ros.message import cdr as m
from aegis.ros.rows import decode_array, decode_proposal

STATE = "{topic: joint_states, type: sensor_msgs/msg/JointState, max_age: 9, max_still: 0, names: "
PATIENT = (
    "contract.max_missed=100000",
    "contract.stale_after=9",
    *(f"contract.levels.{name}.max_age=9" for name in ("estop", "deadman")),
    *(f"contract.pictures.{name}.max_age=9" for name in ("agentview", "wrist")),
    f"contract.state=[{STATE}[x, y, z, rx, ry, rz, finger_left, finger_right]}}]",
)
"""Limits that no slow machine breaks."""


def show(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main([*words, "--show"]) == 0
    return capsys.readouterr().out


def test_drive_shows_what_it_would_do(capsys: pytest.CaptureFixture[str]) -> None:
    shown = show(capsys, "drive", "seconds=6", "gate=blind")
    for words in ("seconds: 6", "aegis.ros.contract.reader.read_contract", "deadman", "parts: 1"):
        assert words in shown


@pytest.mark.parametrize("verb", ["node", "robot", "console"])
def test_parts_over_ros_show_what_they_would_do(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = show(capsys, "ros", verb)
    assert "aegis.ros.contract.reader.read_contract" in shown
    assert "python:" in shown


def test_ros_alone_asks_which_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ros"]) == 2
    said = capsys.readouterr().err
    for verb in ("node", "robot", "console"):
        assert f"aegis ros {verb}" in said


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("contract.rate=null", "contract.rate"),
        ("contract=libero_smi", "libero_sim"),
        ("record_failure=ignore", "continue, stop"),
        ("script=[[0.1,spcae]]", "Unknown key 'spcae' in 'script'. Did you mean 'space'?"),
        ("contract.levels.estop.max_age=inf", "~/estop: max_age must be positive and finite"),
    ],
)
def test_what_cannot_be_driven_is_refused_at_once(
    override: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["drive", override, "seconds=1"]) == 2
    assert words in capsys.readouterr().err


def test_a_bag_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drive", f"record={tmp_path}", "seconds=1"]) == 2
    assert f"No bag can be written to {tmp_path}" in capsys.readouterr().err


def read_rows(folder: Path) -> dict[str, list[bytes]]:
    """Returns topic to its messages."""
    found: dict[str, list[bytes]] = {}
    with Reader(folder) as reader:
        for connection in reader.connections:
            found[connection.topic] = []
        for connection, _, raw in reader.messages():
            found[connection.topic].append(bytes(raw))
    return found


@pytest.mark.slow
def test_drive_drives_and_writes_a_bag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "bag"
    words = ["drive", "enable=true", "seconds=6", f"record={folder}", "--json", *PATIENT]
    assert main(words) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert said["fault"] == ""
    assert said["ticks"] + said["missed"] >= 100
    assert sum(said["drove"].values()) > 0
    assert said["recorder"]["fault"] == ""
    assert said["recorder"]["written"] > 300
    rows = read_rows(folder)
    ticks = [m.decode_json(raw, "decisions") for raw in rows["/aegis/decisions"]]
    sent = [one["sent"] for one in ticks if one["sent"] is not None]
    assert len(sent) == len(rows["/aegis/command"])
    for raw, text in zip(rows["/aegis/command"], sent, strict=True):
        data = m.decode_message(raw, m.FLOATS, "command").data
        assert data.astype("float32").tobytes() == decode_array(text).tobytes()
    driven = [one for one in ticks if "k" in one]
    assert driven[0]["k"] == 0
    assert any(one["command"] == "Act" for one in driven)
    assert ticks[-1]["life"] == "inactive", "disabled before it ended"
    proposals = [
        decode_proposal(bytes(m.decode_message(raw, m.BYTES, "proposals").data))
        for raw in rows["/aegis/proposals"]
    ]
    arrived = sum(len(one["arrived"]) for one in driven)
    assert len(proposals) == arrived > 0
    assert {proposal.policy for _, proposal in proposals} <= {"weak", "strong"}
    assert len(rows["/joint_states"]) > 50
    assert len(rows["/agentview/image_raw"]) > 25
