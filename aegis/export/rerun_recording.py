"""Rerun recording: one file per episode, with a layout of views; needs the package rerun-sdk.

Entities: ``camera/NAME`` (pictures), ``gate/risk``, ``gate/value`` and ``gate/bar``, ``driver``
(who drives, as its place on the ladder), ``chunk`` (1 where a chunk starts), ``decision`` (words,
where something changes), ``world/hand`` and ``world/path`` (3-D), ``action`` and ``state``. Each
has the timelines ``tick`` and ``time``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import rerun as rr
import rerun.blueprint as rrb
from rerun.chunk import RrdReader

from aegis.core.types import F64, U8
from aegis.export.episode import Episode, ExportFrame, ExportView, decode_picture
from aegis.export.episode_files import EpisodeFiles
from aegis.export.readback import Readback
from aegis.records.files import write_atomic

_APPLICATION = "aegis"
_HAND_RADIUS = 0.01  # [m]


class RerunRecording(EpisodeFiles):
    """Writes ``episode-NNNNNN.rrd`` files."""

    __slots__ = ()
    name = "rerun"
    suffix = "rrd"

    def begin_episode(self, episode: Episode) -> RerunEpisode:
        """Begins an episode."""
        return RerunEpisode(self.locate_file(episode), self, episode)

    def read_file(self, path: Path) -> Readback:
        """Reads a file back."""
        columns = _read_columns(path)
        cameras = self.view.cameras
        blobs = {name: columns[f"/camera/{name}", "EncodedImage:blob"] for name in cameras}
        return Readback(
            actions=_stack(columns["/action", "Scalars:scalars"]).astype(np.float32),
            states=_stack(columns["/state", "Scalars:scalars"]).astype(np.float32),
            times=np.array([stamp for stamp, _ in columns["/action", "Scalars:scalars"]]) * 1e-9,
            dt=self.origin.dt,
            pictures={
                name: [_decode_blob(blob) for _, blob in (*found[:1], *found[-1:])]
                for name, found in blobs.items()
            },
            picture_counts={name: len(found) for name, found in blobs.items()},
            sizes=cameras,
        )


class RerunEpisode:
    """Writes the file of one episode.

    Args:
        path: The file.
        recording: The recording that it belongs to.
        episode: The episode.
    """

    def __init__(self, path: Path, recording: RerunRecording, episode: Episode) -> None:
        row = episode.row
        self._path, self._origin = path, recording.origin
        name = f"{row.key}, {row.arm}"
        self._stream = rr.RecordingStream(
            _APPLICATION, recording_id=f"{recording.origin.run}/{name}", send_properties=False
        )
        # The wall's clock and the order of calls say nothing, and would differ from time to time.
        self._stream.set_log_time_enabled(False)
        self._stream.set_log_tick_enabled(False)
        self._bytes = self._stream.binary_stream()
        self._stream.send_recording_name(name)
        self._stream.send_blueprint(_build_layout(recording.view))
        facts = _describe_episode(recording, episode)
        self._log("episode", rr.TextDocument(facts, media_type="text/markdown"), static=True)
        self._last: ExportFrame | None = None
        self._path_points: list[F64] = []
        self._path_colors: list[tuple[int, int, int]] = []

    def add_frame(self, frame: ExportFrame) -> None:
        """Writes a frame on both timelines."""
        self._stream.set_time("tick", sequence=frame.k)
        self._stream.set_time("time", duration=np.timedelta64(frame.stamp, "ns"))
        for camera in frame.images:
            png = frame.encode_picture(camera)
            self._log(f"camera/{camera}", rr.EncodedImage(contents=png, media_type="image/png"))
        for name in ("risk", "value", "bar"):
            if math.isfinite(number := getattr(frame, name)):
                self._log(f"gate/{name}", rr.Scalars([number]))
        self._log("driver", rr.Scalars([float(self._origin.find_driver(frame.active))]))
        self._log("chunk", rr.Scalars([float(frame.boundary)]))
        self._log("action", rr.Scalars(frame.action.astype(np.float64)))
        self._log("state", rr.Scalars(frame.state.astype(np.float64)))
        self._add_words(frame)
        if frame.hand is not None:
            hand = rr.Points3D([frame.hand], radii=_HAND_RADIUS, colors=[frame.color])
            self._log("world/hand", hand)
            self._path_points.append(frame.hand)
            self._path_colors.append(frame.color)
        self._last = frame

    def end_episode(self) -> None:
        """Writes the path, and then the file."""
        if len(self._path_points) > 1:
            pairs = list(zip(self._path_points[:-1], self._path_points[1:], strict=True))
            path = rr.LineStrips3D([list(pair) for pair in pairs], colors=self._path_colors[:-1])
            self._log("world/path", path, static=True)
        data = self._bytes.read(flush=True)
        self._stream.disconnect()
        write_atomic(self._path, data or b"")

    def _add_words(self, frame: ExportFrame) -> None:
        """Adds a line of text where the driver or the gate's words changed."""
        words = f"{frame.active} drives; {frame.decision['level']}: {frame.decision['reason']}"
        last = self._last
        if frame.boundary and (last is None or frame.active != last.active):
            self._log("decision", rr.TextLog(words, level="WARN" if frame.intervention else "INFO"))
        elif frame.decision["level"] != "STAY":
            self._log("decision", rr.TextLog(words, level="WARN"))

    def _log(self, path: str, content: Any, *, static: bool = False) -> None:
        self._stream.log(path, content, static=static, strict=True)


def _build_layout(view: ExportView) -> rrb.Blueprint:
    """Returns the views that the viewer opens with."""
    cameras = [rrb.Spatial2DView(origin=f"camera/{name}", name=name) for name in view.cameras]
    curves = [
        rrb.TimeSeriesView(origin="gate", name="risk and bar"),
        rrb.TimeSeriesView(contents=["driver", "chunk"], name="driver and chunks"),
        rrb.TextLogView(origin="decision", name="decisions"),
    ]
    space = rrb.Spatial3DView(origin="world", name="path of the hand")
    return rrb.Blueprint(
        rrb.Horizontal(rrb.Vertical(*cameras, space), rrb.Vertical(*curves)), collapse_panels=True
    )


def _describe_episode(recording: RerunRecording, episode: Episode) -> str:
    """Returns what is to be known of an episode, as Markdown."""
    row = episode.row
    outcome = "success" if row.success else f"no success ({row.stop})"
    drivers = ", ".join(f"{i} {name}" for i, name in enumerate(recording.origin.drivers))
    return (
        f"**{row.instruction}**\n\n- run {recording.origin.run}, arm {row.arm}, {row.key}\n"
        f"- {outcome} after {row.steps} steps, {row.fires} hand-overs\n"
        f"- drivers: {drivers}\n- pictures: {recording.view.orientation}\n"
        f"- digest {row.digest}\n"
    )


def _read_columns(path: Path) -> Mapping[tuple[str, str], list[tuple[int, Any]]]:
    """Returns entity and component to times [ns] and values, in the order of ticks."""
    columns: dict[tuple[str, str], list[tuple[int, int, Any]]] = defaultdict(list)
    for chunk in RrdReader(str(path)).stream():
        if chunk.is_static:
            continue
        batch = chunk.to_record_batch()
        ticks = batch.column("tick").to_pylist()
        times = batch.column("time").cast(pa.int64()).to_pylist()
        for name in batch.schema.names:
            if ":" in name:
                values = batch.column(name).to_pylist()
                columns[chunk.entity_path, name] += zip(ticks, times, values, strict=True)
    return {
        name: [(time, value) for _, time, value in sorted(rows, key=lambda row: row[0])]
        for name, rows in columns.items()
    }


def _stack(values: Sequence[tuple[int, Any]]) -> F64:
    return np.array([value for _, value in values], np.float64)


def _decode_blob(blob: Sequence[Any]) -> U8:
    return decode_picture(bytes(blob[0]))
