"""Columns of a dataset: what LeRobot calls them, their types, and their values of a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from aegis.core.conventions import name_pictures
from aegis.export.episode import Episode, ExportFrame, ExportView, Origin
from aegis.export.lerobot_dataset.films import CODEC, PIXELS

STATE, ACTION = "observation.state", "action"
_PICTURES = "observation.images."
_IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""As the package `datasets` stores a picture."""
_SCALARS: Mapping[str, str] = {
    "next.reward": "float32",
    "next.success": "bool",
    "next.done": "bool",
    "aegis.risk": "float32",
    "aegis.value": "float32",
    "aegis.bar": "float32",
    "aegis.driver": "int64",
    "aegis.intervention": "bool",
    "aegis.boundary": "bool",
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
"""Column with one number per frame to its type."""

Feature = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a dataset.

    Attributes:
        origin: What all episodes share.
        view: How pictures are taken.
        keys: Camera to its name in the dataset; by default one that says which way round its
            pictures are, so that whoever trains on them need not remember.
        films: Whether pictures are films beside the table instead of PNG in it.
    """

    origin: Origin
    view: ExportView
    keys: Mapping[str, str]
    films: bool

    @property
    def picture_keys(self) -> dict[str, str]:
        """Camera to the key of its pictures."""
        pictures = self.view.pictures
        return {
            name: _PICTURES + self.keys.get(name, name_pictures(name, pictures))
            for name in self.view.cameras
        }

    def describe_features(self, states: int) -> dict[str, Feature]:
        """Returns what ``info.json`` says of the columns.

        Args:
            states: Numbers of the proprioception.
        """
        features = {
            key: self._describe_pictures(self.view.cameras[camera])
            for camera, key in self.picture_keys.items()
        }
        features[STATE] = _describe_vector([f"state_{i}" for i in range(states)])
        features[ACTION] = _describe_vector(self.origin.actions)
        for name, kind in _SCALARS.items():
            features[name] = {"dtype": kind, "shape": [1], "names": None}
        features["aegis.driver"]["info"] = {"drivers": list(self.origin.drivers)}
        return features

    def build_schema(self, states: int) -> pa.Schema:
        """Returns the schema of the table of frames.

        Args:
            states: Numbers of the proprioception.
        """
        types: dict[str, pa.DataType] = {}
        if not self.films:
            types |= dict.fromkeys(self.picture_keys.values(), _IMAGE_TYPE)
        types[STATE] = pa.list_(pa.float32(), states)
        types[ACTION] = pa.list_(pa.float32(), len(self.origin.actions))
        plain = {"float32": pa.float32(), "bool": pa.bool_(), "int64": pa.int64()}
        types |= {name: plain[kind] for name, kind in _SCALARS.items()}
        return pa.schema(list(types.items()))

    def build_row(self, episode: Episode, frame: ExportFrame) -> dict[str, Any]:
        """Returns a frame as a row of the table."""
        row: dict[str, Any] = {
            STATE: frame.state.tolist(),
            ACTION: frame.action.tolist(),
            "next.reward": float(frame.success),
            "next.success": frame.success,
            "next.done": frame.done,
            "aegis.risk": frame.risk,
            "aegis.value": frame.value,
            "aegis.bar": frame.bar,
            "aegis.driver": self.origin.find_driver(frame.active),
            "aegis.intervention": frame.intervention,
            "aegis.boundary": frame.boundary,
            "timestamp": frame.k / self.origin.fps,
            "frame_index": frame.k,
            "episode_index": episode.number,
            "index": episode.first_index + frame.k,
            "task_index": episode.task_number,
        }
        if not self.films:
            for camera, key in self.picture_keys.items():
                png = frame.encode_picture(camera)
                row[key] = {"bytes": png, "path": f"frame-{frame.k:06d}.png"}
        return row

    def _describe_pictures(self, size: tuple[int, int]) -> Feature:
        height, width = size
        info: dict[str, object] = {"is_depth_map": False, "orientation": self.view.orientation}
        if self.films:
            info |= {
                "video.height": height,
                "video.width": width,
                "video.codec": CODEC,
                "video.pix_fmt": PIXELS,
                "video.fps": self.origin.fps,
                "video.channels": 3,
                "has_audio": False,
            }
        return {
            "dtype": "video" if self.films else "image",
            "shape": [height, width, 3],
            "names": ["height", "width", "channels"],
            "info": info,
        }


def _describe_vector(names: Sequence[str]) -> Feature:
    return {"dtype": "float32", "shape": [len(names)], "names": list(names)}
