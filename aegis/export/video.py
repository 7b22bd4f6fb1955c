"""Video: films an episode as MP4, from its recorded actions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from aegis.core.errors import MachineError, ShapeError
from aegis.core.protocols import World
from aegis.core.types import U8
from aegis.export.frame import Frame, draw_frame
from aegis.export.replay import read_recorded_steps, replay_episode
from aegis.fleet.arm import Arm
from aegis.fleet.judgements import JUDGEMENT_COLUMNS, find_constant_bar, replay_judgements
from aegis.records.rows import EpisodeRow


@dataclass(frozen=True, slots=True)
class FilmStyle:
    """How an episode is filmed.

    Attributes:
        cameras: Cameras, from left to right.
        size: Side of each picture [px].
        fps: Pictures per second; the control rate shows real time.
        arm: The arm that was played; the film plots the quantity that its gate judges, and the bar.
    """

    cameras: tuple[str, ...]
    size: int
    fps: int
    arm: Arm


def film_recording(
    build_world: Callable[[], World],
    root: Path,
    row: EpisodeRow,
    path: Path,
    style: FilmStyle,
    report_progress: Callable[[int, str], None] = lambda *_: None,
) -> Path:
    """Builds a world, films a recorded episode in it, and closes it; see ``film_episode``."""
    world = build_world()
    try:
        return film_episode(root, row, world, path, style, report_progress)
    finally:
        world.close()


def film_episode(
    root: Path,
    row: EpisodeRow,
    world: World,
    path: Path,
    style: FilmStyle,
    report_progress: Callable[[int, str], None],
) -> Path:
    """Writes a recorded episode as MP4.

    Args:
        root: Run folder.
        row: The episode.
        world: Of the kind that it was played in.
        path: Where to.
        style: How.
        report_progress: Called with the steps filmed so far, and a remark.

    Returns:
        ``path``.

    Raises:
        TraceError: If the world goes another way than when the episode was recorded.
    """
    frames = _make_frames(root, row, world, style, report_progress)
    bar = find_constant_bar(style.arm)
    horizon = style.arm.controller.horizon
    return write_video(path, frames, horizon, bar, style.fps, style.size)


def _make_frames(
    root: Path,
    row: EpisodeRow,
    world: World,
    style: FilmStyle,
    report_progress: Callable[[int, str], None],
) -> Iterator[Frame]:
    cameras = dict.fromkeys(style.cameras, (style.size, style.size))
    steps = read_recorded_steps(root, row, JUDGEMENT_COLUMNS)
    judged = {one.k: one.value for one in replay_judgements(style.arm, row.key, steps)}
    value = math.nan
    for one in replay_episode(world, row, steps, lambda _: cameras):
        k, active = one.step["k"], one.step["active"]
        # The gate judges at chunk boundaries; in between its last judgement stands.
        value = judged.get(k, value)
        helped = active != style.arm.controller.weak
        yield Frame(k, one.obs.images, active, helped, value, one.obs.instruction)
        report_progress(k + 1, "")


def write_video(
    path: Path, frames: Iterable[Frame], horizon: int, threshold: float, fps: int, size: int = 320
) -> Path:
    """Writes a film.

    Args:
        path: Where to; an existing file is replaced once the new one is complete.
        frames: The pictures, one per control step.
        horizon: Longest episode [control steps]; the width of the risk plot.
        threshold: Risk above which the arm hands over; NaN draws no line.
        fps: Pictures per second; the control rate shows real time.
        size: Height of each picture [px].

    Returns:
        ``path``.

    Raises:
        ShapeError: If there is no frame, or a picture is not RGB.
        MachineError: If no encoder for MP4 is there, or the file cannot be written.
    """
    part = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _encode_video(part, frames, horizon, threshold, fps, size)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise MachineError(
            f"Cannot write {path}: {error}. Free disk space or name another place."
        ) from error
    return path


def _encode_video(
    path: Path, frames: Iterable[Frame], horizon: int, threshold: float, fps: int, size: int
) -> None:
    history: list[Frame] = []
    with av.open(str(path), "w", format="mp4") as container:
        stream = None
        for frame in frames:
            history.append(frame)
            picture = draw_frame(history, horizon, threshold, size)
            # The size is known with the first picture.
            if stream is None:
                stream = _add_stream(container, picture, fps)
            video = av.VideoFrame.from_ndarray(picture, format="rgb24")
            for packet in stream.encode(video):
                container.mux(packet)
        if stream is None:
            raise ShapeError("A film needs at least one frame. Got none.")
        # What the encoder still holds back.
        for packet in stream.encode():
            container.mux(packet)


def _add_stream(container: av.container.OutputContainer, picture: U8, fps: int) -> av.VideoStream:
    """Adds an H.264 stream, or MPEG-4 where this FFmpeg has no H.264 encoder.

    Args:
        container: The file.
        picture: First frame, which gives the size of all. Shape (h, w, 3).
        fps: Frames per second.

    Raises:
        MachineError: If FFmpeg has neither encoder.
    """
    for codec in ("libx264", "mpeg4"):
        try:
            stream = container.add_stream(codec, rate=Fraction(fps))
        except (av.error.FFmpegError, ValueError):
            continue
        # Even sides: yuv420p has one value of colour for two by two pixels.
        stream.height, stream.width = picture.shape[0] - picture.shape[0] % 2, picture.shape[1]
        stream.pix_fmt = "yuv420p"
        return stream
    raise MachineError("FFmpeg has no encoder for MP4 (libx264 or mpeg4). Run: make setup")
