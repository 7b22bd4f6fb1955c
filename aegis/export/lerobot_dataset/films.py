"""Films: the pictures of an episode as MP4, joined into longer ones without encoding again."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from aegis.core.errors import MachineError
from aegis.core.types import U8
from aegis.records.files import disk_error

CODEC, PIXELS = "h264", "yuv420p"
_ENCODER = "libx264"


@dataclass(frozen=True, slots=True)
class FilmQuality:
    """How films are encoded.

    Attributes:
        crf: Constant rate factor of H.264: 0 loses nothing but colour resolution, 18 nothing
            visible, 51 is the worst.
        gop: Pictures from one that stands alone to the next: few make any picture quick to reach.
    """

    crf: int
    gop: int


class FilmWriter:
    """Encodes pictures into memory.

    Args:
        fps: Pictures per second.
        quality: How.

    Raises:
        MachineError: If FFmpeg has no encoder for H.264.
    """

    def __init__(self, fps: int, quality: FilmQuality) -> None:
        self._buffer = io.BytesIO()
        self._container = av.open(self._buffer, "w", format="mp4")
        try:
            stream = self._container.add_stream(_ENCODER, rate=Fraction(fps))
        except (av.error.FFmpegError, ValueError) as error:
            raise MachineError(
                "FFmpeg has no encoder for H.264 (libx264). Run: make setup; or store pictures "
                "instead: lerobot.store=image."
            ) from error
        assert isinstance(stream, av.VideoStream), "libx264 encodes pictures"
        self._stream = stream
        self._stream.pix_fmt = PIXELS
        # Without B-frames pictures are stored in the order of their times, and films can be joined.
        # One thread: equal pictures give equal bytes, and episodes are encoded side by side anyway.
        # Nor macroblock-tree rate control, which weighs blocks by how later pictures use them: with
        # it, equal pictures gave other bytes in 50 of 1,500 runs of one build of x264, without it
        # in none.
        self._stream.options = {
            "crf": str(quality.crf),
            "g": str(quality.gop),
            "bf": "0",
            "x264-params": "no-mbtree=1",
        }
        self._stream.thread_count = 1

    def add_picture(self, picture: U8) -> None:
        """Encodes an RGB picture, shape (h, w, 3); both sides must be even."""
        if not self._stream.codec_context.is_open:  # the size is known with the first picture
            self._stream.height, self._stream.width = picture.shape[:2]
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        self._container.mux(self._stream.encode(frame))

    def finish_film(self) -> bytes:
        """Returns the film."""
        self._container.mux(self._stream.encode())
        self._container.close()
        return self._buffer.getvalue()


def join_films(path: Path, films: Iterable[Path], lengths: Iterable[int], fps: int) -> None:
    """Joins films without encoding again.

    Args:
        path: Where to; the film is there whole or not at all.
        films: The films, all encoded alike.
        lengths: Pictures of each.
        fps: Pictures per second.

    Raises:
        MachineError: If the disk refuses it.
    """
    scratch = path.with_name(f".{path.name}.tmp")
    try:
        _join_films(scratch, films, lengths, fps)
        scratch.replace(path)
    except OSError as error:
        raise disk_error(path, error) from error
    finally:
        scratch.unlink(missing_ok=True)


def _join_films(path: Path, films: Iterable[Path], lengths: Iterable[int], fps: int) -> None:
    # The table of contents comes first, so that a reader far away need not fetch the end.
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as joined:
        stream = None
        before = 0
        for piece, length in zip(films, lengths, strict=True):
            with av.open(str(piece)) as film:
                source = film.streams.video[0]
                if stream is None:
                    stream = joined.add_stream_from_template(source)
                    stream.time_base = source.time_base
                shift = round(Fraction(before, fps) / _read_time_base(source))
                for packet in film.demux(source):
                    if packet.dts is None or packet.pts is None:
                        continue  # the end of the film
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = stream
                    joined.mux(packet)
            before += length


def read_pictures(path: Path, places: Sequence[int], fps: int) -> dict[int, U8]:
    """Decodes some pictures of a film.

    Args:
        path: The film.
        places: Numbers of the pictures.
        fps: Pictures per second.

    Returns:
        Number to RGB picture, shape (h, w, 3); those that are not there are missing.
    """
    found: dict[int, U8] = {}
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        unit = _read_time_base(stream)
        for place in sorted(set(places)):
            film.seek(round(Fraction(place, fps) / unit), stream=stream)
            for frame in film.decode(stream):
                number = -1 if frame.pts is None else round(frame.pts * unit * fps)
                if number == place:
                    found[place] = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                if number >= place:
                    break
    return found


def count_pictures(path: Path) -> int:
    """Returns how many pictures a film has."""
    with av.open(str(path)) as film:
        return sum(packet.pts is not None for packet in film.demux(film.streams.video[0]))


def _read_time_base(stream: av.VideoStream) -> Fraction:
    """Returns the unit of a stream's times [s]."""
    assert stream.time_base is not None, "a stream of an opened film has one"
    return stream.time_base
