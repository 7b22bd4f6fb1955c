"""Episode to export: one finished episode, its frames, and how they are looked at."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from aegis.core.conventions import MIRRORED, UPRIGHT, turn_pictures
from aegis.core.errors import TraceError
from aegis.core.types import F32, F64, U8, PolicyId
from aegis.export.frame import STRONG_COLOR, WEAK_COLOR
from aegis.fleet.arm import Arm
from aegis.records.rows import EpisodeRow

_PNG_EFFORT = 4
"""Compression level of pictures, of 9: higher ones take much longer and save little."""


def decode_picture(data: bytes) -> U8:
    """Returns the picture of a PNG. Shape (h, w, 3)."""
    return np.asarray(Image.open(io.BytesIO(data)))


@dataclass(frozen=True, slots=True)
class ExportView:
    """How the pictures of an export are taken.

    Attributes:
        cameras: Camera to (height, width) [px]; empty for none.
        mirror: Whether pictures are mirrored left-right. Ours are upright as a person sees the
            scene; LIBERO's, turned upright by 180 degrees as most VLA datasets have them, are
            upright and mirrored.
    """

    cameras: Mapping[str, tuple[int, int]]
    mirror: bool

    @property
    def pictures(self) -> str:
        """Convention of the pictures; see ``aegis.core.conventions``."""
        return MIRRORED if self.mirror else UPRIGHT

    @property
    def orientation(self) -> str:
        """The orientation in words, for the files that are written."""
        return "upright, mirrored left-right" if self.mirror else "upright"

    def take_pictures(self, images: Mapping[str, U8]) -> dict[str, U8]:
        """Returns the pictures of an observation, in the orientation of the export."""
        return {name: turn_pictures(images[name], self.pictures) for name in self.cameras}


@dataclass(frozen=True, slots=True)
class Episode:
    """A finished episode with its place in an export.

    Attributes:
        number: Number in the export, from 0.
        first_index: Frames of the episodes before it.
        task_number: Number of its instruction in the export, in order of first appearance.
        row: What was recorded of it.
        arm: Its arm, to ask the gate again what it judged; None if that cannot be built.
    """

    number: int
    first_index: int
    task_number: int
    row: EpisodeRow
    arm: Arm | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """What all episodes of an export share.

    Attributes:
        run: Name of the run.
        dt: Control period [s].
        actions: Names of the action's dimensions.
        drivers: Who drove, the weakest first; others, such as a person, come last.
        robot: What the robot is called.
    """

    run: str
    dt: float
    actions: tuple[str, ...]
    drivers: tuple[PolicyId, ...]
    robot: str

    @property
    def fps(self) -> int:
        """Frames per second."""
        return round(1 / self.dt)

    def find_driver(self, name: PolicyId) -> int:
        """Returns a driver's place on the ladder.

        Raises:
            TraceError: If nobody of this name drove.
        """
        if name not in self.drivers:
            raise TraceError(
                f"Run '{self.run}': '{name}' drives, and the episodes name only "
                f"{', '.join(self.drivers)}. The table of steps does not belong to the table of "
                "episodes."
            )
        return self.drivers.index(name)


@dataclass(frozen=True, slots=True, eq=False)
class ExportFrame:
    """One control step, played again.

    Attributes:
        k: Tick [control steps].
        stamp: Simulated time [ns].
        images: Camera to RGB picture, shape (h, w, 3), in the orientation of the export.
        state: Proprioception, shape (p,).
        action: Executed action, shape (a,).
        active: Who drives.
        intervention: Whether it is another than the one who drove first.
        boundary: Whether a chunk starts here.
        risk: The first detector's last score; NaN if unknown.
        value: The quantity that the gate compares, as judged last; NaN if unknown.
        bar: What it was compared with; NaN if nothing.
        success: Whether this step reached the goal.
        done: Whether it is the last one.
        hand: Position of the hand [m], shape (3,); None if the world does not tell it.
        turn: Its orientation, shape (3, 3); None if the world does not tell it.
        decision: What was recorded of the decision, as plain values.
    """

    k: int
    stamp: int
    images: Mapping[str, U8]
    state: F32
    action: F32
    active: PolicyId
    intervention: bool
    boundary: bool
    risk: float
    value: float
    bar: float
    success: bool
    done: bool
    hand: F64 | None
    turn: F64 | None
    decision: Mapping[str, Any]
    _encoded: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def color(self) -> tuple[int, int, int]:
        """RGB colour of who drives, as in films: who drove first, or anybody else."""
        return STRONG_COLOR if self.intervention else WEAK_COLOR

    def encode_picture(self, camera: str) -> bytes:
        """Returns a picture as PNG; it is encoded once, however many formats ask for it."""
        if camera not in self._encoded:
            buffer = io.BytesIO()
            image = Image.fromarray(self.images[camera])
            image.save(buffer, format="PNG", compress_level=_PNG_EFFORT)
            self._encoded[camera] = buffer.getvalue()
        return self._encoded[camera]
