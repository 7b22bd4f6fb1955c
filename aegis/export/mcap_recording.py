"""MCAP recording: one file per episode, which Foxglove opens; log times are those of the ticks.

Topics: ``/camera/NAME`` (pictures), ``/decision`` (action, state and the controller's decision),
``/risk`` (what the gate compares, and its bar), ``/hand`` and ``/path`` (where the hand is and
was). All messages are JSON; pictures, pose and path are Foxglove's well-known ones.
"""

from __future__ import annotations

import base64
import io
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mcap.reader import make_reader
from mcap.writer import Writer

from aegis.core.types import U8
from aegis.export import foxglove
from aegis.export.episode import Episode, ExportFrame, decode_picture
from aegis.export.episode_files import EpisodeFiles
from aegis.export.readback import Readback
from aegis.records.files import write_atomic
from aegis.records.json_values import replace_non_finite

_RISK_SCHEMA = {
    "title": "aegis.Risk",
    "type": "object",
    "properties": {name: {"type": "number"} for name in ("risk", "value", "bar")},
}
_DECISION_SCHEMA = {
    "title": "aegis.Decision",
    "type": "object",
    "properties": {
        "k": {"type": "integer"},
        "active": {"type": "string"},
        "intervention": {"type": "boolean"},
        "boundary": {"type": "boolean"},
        "action": {"type": "array", "items": {"type": "number"}},
        "state": {"type": "array", "items": {"type": "number"}},
    },
}


class McapRecording(EpisodeFiles):
    """Writes ``episode-NNNNNN.mcap`` files."""

    __slots__ = ()
    name = "mcap"
    suffix = "mcap"

    def begin_episode(self, episode: Episode) -> McapEpisode:
        """Begins an episode."""
        return McapEpisode(self.locate_file(episode), self, episode)

    def read_file(self, path: Path) -> Readback:
        """Reads a file back, its checksums compared."""
        messages: dict[str, list[bytes]] = defaultdict(list)
        times: list[int] = []
        with path.open("rb") as file:
            reader = make_reader(file, validate_crcs=True)
            for _, channel, message in reader.iter_messages():
                messages[channel.topic].append(message.data)
                if channel.topic == "/decision":
                    times.append(message.log_time)
        rows = [json.loads(data) for data in messages["/decision"]]
        pictures = {
            camera: [_decode_image(data) for data in _pick_ends(messages[f"/camera/{camera}"])]
            for camera in self.view.cameras
        }
        counts = {camera: len(messages[f"/camera/{camera}"]) for camera in self.view.cameras}
        return Readback(
            actions=np.array([row["action"] for row in rows], np.float32),
            states=np.array([row["state"] for row in rows], np.float32),
            times=np.array(times) * 1e-9,
            dt=self.origin.dt,
            pictures=pictures,
            picture_counts=counts,
            sizes=self.view.cameras,
        )


class McapEpisode:
    """Writes the file of one episode.

    Args:
        path: The file.
        recording: The recording that it belongs to.
        episode: The episode.
    """

    def __init__(self, path: Path, recording: McapRecording, episode: Episode) -> None:
        self._path = path
        self._buffer = io.BytesIO()
        self._writer = Writer(self._buffer)
        self._writer.start(library="aegis")
        self._writer.add_metadata("aegis", _describe_episode(recording, episode))
        self._channels: dict[str, int] = {}
        self._last: ExportFrame | None = None

    def add_frame(self, frame: ExportFrame) -> None:
        """Writes the messages of a frame."""
        for camera in frame.images:
            image = foxglove.make_image(frame.stamp, camera, frame.encode_picture(camera))
            self._add_known(frame, f"/camera/{camera}", "foxglove.CompressedImage", image)
        risk = {"risk": frame.risk, "value": frame.value, "bar": frame.bar}
        self._add(frame, "/risk", _RISK_SCHEMA, risk)
        self._add(frame, "/decision", _DECISION_SCHEMA, _describe_decision(frame))
        if frame.hand is not None and frame.turn is not None:
            pose = foxglove.make_pose(frame.stamp, frame.hand, frame.turn)
            self._add_known(frame, "/hand", "foxglove.PoseInFrame", pose)
        self._add_path(frame)
        self._last = frame

    def end_episode(self) -> None:
        """Writes the file."""
        self._writer.finish()  # type: ignore[no-untyped-call]
        write_atomic(self._path, self._buffer.getvalue())

    def _add_path(self, frame: ExportFrame) -> None:
        """Adds the way since the last frame, in the colour of who drove."""
        last = self._last
        if last is None or last.hand is None or frame.hand is None:
            return
        ends = [last.hand, frame.hand]
        line = foxglove.make_line(frame.stamp, f"path-{last.k}", ends, last.color)
        self._add_known(frame, "/path", "foxglove.SceneUpdate", line)

    def _add_known(self, frame: ExportFrame, topic: str, schema: str, message: object) -> None:
        self._add(frame, topic, foxglove.SCHEMAS[schema], message)

    def _add(
        self, frame: ExportFrame, topic: str, schema: Mapping[str, Any], message: object
    ) -> None:
        if topic not in self._channels:
            text = json.dumps(schema).encode()
            number = self._writer.register_schema(str(schema["title"]), "jsonschema", text)
            self._channels[topic] = self._writer.register_channel(topic, "json", number)
        data = json.dumps(replace_non_finite(message)).encode()
        self._writer.add_message(self._channels[topic], frame.stamp, data, frame.stamp)


def _describe_decision(frame: ExportFrame) -> dict[str, object]:
    return {
        **frame.decision,
        "intervention": frame.intervention,
        "action": frame.action.tolist(),
        "state": frame.state.tolist(),
        "success": frame.success,
        "done": frame.done,
    }


def _describe_episode(recording: McapRecording, episode: Episode) -> dict[str, str]:
    row = episode.row
    facts = {
        "run": recording.origin.run,
        "episode": str(row.key),
        "arm": row.arm,
        "instruction": row.instruction,
        "success": row.success,
        "stop": row.stop,
        "digest": row.digest,
        "pictures": recording.view.orientation,
        "actions": ", ".join(recording.origin.actions),
    }
    return {name: str(value) for name, value in facts.items()}


def _pick_ends(messages: Sequence[bytes]) -> Iterator[bytes]:
    """Yields the first and the last of some messages."""
    if messages:
        yield messages[0]
        yield messages[-1]


def _decode_image(message: bytes) -> U8:
    return decode_picture(base64.b64decode(json.loads(message)["data"]))
