"""Frame: one picture of a film; both cameras, who drives, and the risk over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from aegis.core.errors import ShapeError
from aegis.core.types import U8

_GROUND = (24, 27, 34)
_TEXT = (216, 222, 233)
_FAINT = (98, 108, 125)
WEAK_COLOR = (136, 192, 208)
STRONG_COLOR = (215, 155, 232)
_HOT = (242, 119, 122)
_CALM = (163, 190, 140)
_SHADE = (64, 50, 84)
_STRIP = 96  # [px]; height of the strip below the pictures
_MARGIN = 12  # [px]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of the film.

    Attributes:
        k: Tick.
        images: Camera name to RGB picture, shape (h, w, 3), in the order they are shown.
        active: Who drives.
        strong: Whether that is the strong policy.
        risk: The detector's score; NaN when unknown or between chunks.
        caption: What the robot is told, or what is worth saying.
    """

    k: int
    images: Mapping[str, U8]
    active: str
    strong: bool
    risk: float
    caption: str


def draw_frame(history: Sequence[Frame], horizon: int, threshold: float, size: int) -> U8:
    """Draws the latest frame of a history. Shape (size + strip, n * size, 3), even numbers."""
    frame = history[-1]
    pictures = [_draw_picture(name, image, size) for name, image in frame.images.items()]
    width = max(sum(p.width for p in pictures), 2 * size)
    sheet = Image.new("RGB", (width - width % 2, size + _STRIP), _GROUND)
    x = 0
    for picture in pictures:
        sheet.paste(picture, (x, 0))
        x += picture.width
    pen = ImageDraw.Draw(sheet)
    _draw_badge(pen, frame)
    _draw_plot(pen, history, horizon, threshold, sheet.width, size)
    return np.asarray(sheet)


def _draw_picture(name: str, image: U8, size: int) -> Image.Image:
    """Returns a camera's picture at the panel's height, with its name on it.

    Args:
        name: Camera.
        image: RGB picture, shape (h, w, 3).
        size: Height of the result [px]; its width keeps the aspect, rounded down to even.

    Raises:
        ShapeError: If it is no RGB picture of bytes.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ShapeError(
            f"Camera '{name}' must give pictures of shape (h, w, 3), uint8. "
            f"Got: {image.shape}, {image.dtype}."
        )
    width = round(image.shape[1] * size / image.shape[0])
    picture = Image.fromarray(image).resize((width - width % 2, size), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    pen.text(
        (10, size - 22),
        name,
        font=_load_font(13),
        fill=_TEXT,
        stroke_width=2,
        stroke_fill=(0, 0, 0),
    )
    return picture


def _draw_badge(pen: ImageDraw.ImageDraw, frame: Frame) -> None:
    """Draws who drives, in the upper left corner."""
    label = f"{frame.active.upper()} drives" if frame.active else ""
    color = STRONG_COLOR if frame.strong else WEAK_COLOR
    font = _load_font(16)
    right = pen.textlength(label, font=font)
    pen.rounded_rectangle((8, 8, 24 + right, 34), radius=6, fill=_GROUND, outline=color, width=2)
    pen.text((16, 12), label, font=font, fill=color)


def _draw_plot(
    pen: ImageDraw.ImageDraw,
    history: Sequence[Frame],
    horizon: int,
    threshold: float,
    width: int,
    top: int,
) -> None:
    """Draws the caption, the risk so far, the threshold, and the steps that the strong drove."""
    frame = history[-1]
    caption = _fit_words(pen, frame.caption, width - 110)
    pen.text((_MARGIN, top + 7), caption, font=_load_font(13), fill=_TEXT)
    pen.text((width - 88, top + 7), f"{frame.k:>4} / {horizon}", font=_load_font(13), fill=_FAINT)
    box = _PlotBox(
        _MARGIN,
        top + 30,
        width - _MARGIN,
        top + _STRIP - 10,
        horizon,
        *_find_scale(history, threshold),
    )
    for past in history:
        if past.strong:
            pen.rectangle((box.x(past.k), box.top, box.x(past.k + 1), box.bottom), fill=_SHADE)
    pen.line((box.left, box.bottom, box.right, box.bottom), fill=_FAINT)
    if math.isfinite(threshold):
        y = box.y(threshold)
        for x in range(box.left, box.right, 8):
            pen.line((x, y, x + 3, y), fill=_HOT)
        pen.text((box.right - 58, y - 14), "threshold", font=_load_font(11), fill=_HOT)
    pen.text((box.left, box.top - 2), "risk", font=_load_font(11), fill=_FAINT)
    known = [past for past in history if math.isfinite(past.risk)]
    for a, b in pairwise(known):
        color = _HOT if b.risk >= threshold else _CALM
        pen.line((box.x(a.k), box.y(a.risk), box.x(b.k), box.y(b.risk)), fill=color, width=2)
    if known:
        x, y = box.x(known[-1].k), box.y(known[-1].risk)
        pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=_TEXT)


def _fit_words(pen: ImageDraw.ImageDraw, words: str, room: int) -> str:
    """Cuts words that would be wider than the room [px]."""
    if pen.textlength(words, font=_load_font(13)) <= room:
        return words
    while words and pen.textlength(words + " …", font=_load_font(13)) > room:
        words = words[:-1].rstrip()
    return words + " …" if words else ""


@dataclass(frozen=True, slots=True)
class _PlotBox:
    left: int
    top: int
    right: int
    bottom: int
    horizon: int
    low: float
    high: float

    def x(self, k: int) -> int:
        return self.left + (self.right - self.left) * min(k, self.horizon) // max(1, self.horizon)

    def y(self, risk: float) -> int:
        share = (risk - self.low) / (self.high - self.low)
        return round(self.bottom - (self.bottom - self.top) * max(0.0, min(1.0, share)))


def _find_scale(history: Sequence[Frame], threshold: float) -> tuple[float, float]:
    values = [v for v in (*(f.risk for f in history), threshold) if math.isfinite(v)]
    return min(0.0, *values, 0.0), max(1.0, *values, 1.0)


def _load_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
