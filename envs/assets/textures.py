"""Procedural textures: wood, plaster, tiles and a printed lid, as uint8 images and PNG bytes."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

from aegis.core.seeds import root_stream

U8 = npt.NDArray[np.uint8]
F64 = npt.NDArray[np.float64]
Rgb = tuple[float, float, float]

# A 5x7 pixel font for the letters of the lid; one row of bits per line, most significant left.
GLYPHS = {
    "C": (14, 17, 16, 16, 16, 17, 14),
    "O": (14, 17, 17, 17, 17, 17, 14),
    "K": (17, 18, 20, 24, 20, 18, 17),
    "I": (14, 4, 4, 4, 4, 4, 14),
    "E": (31, 16, 16, 30, 16, 16, 31),
    "S": (15, 16, 16, 14, 1, 1, 30),
}


def encode_png(image: U8) -> bytes:
    """Encodes an RGB image.

    Args:
        image: Shape (h, w, 3), first row on top.
    """
    height, width, _ = image.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, -1)], axis=1)

    def encode_chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(rows.tobytes(), 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + encode_chunk(b"IHDR", head)
        + encode_chunk(b"IDAT", data)
        + encode_chunk(b"IEND", b"")
    )


def value_noise(size: int, cells: tuple[int, int], seed: int) -> F64:
    """Smooth periodic value noise in [0, 1]. Shape (size, size).

    Args:
        size: Side [px].
        cells: Number of random cells down and across; one octave.
        seed: Which random cells.
    """
    grid = root_stream(seed, "noise").random(cells)
    out = grid
    for axis, count in enumerate(cells):
        at = (np.arange(size) + 0.5) * count / size
        low = np.floor(at).astype(int)
        t = at - low
        # Without a slope at both ends, so that no crease shows where cells meet.
        t = t * t * (3.0 - 2.0 * t)
        t = t[:, None] if axis == 0 else t[None, :]
        near, far = np.take(out, low % count, axis), np.take(out, (low + 1) % count, axis)
        out = near * (1.0 - t) + far * t
    return out


def shade_levels(level: F64, dark: Rgb, light: Rgb) -> U8:
    """Returns the colours of levels in [0, 1], in 24 steps so that PNGs stay small.

    Args:
        level: Shape (h, w).
        dark: Colour of 0.
        light: Colour of 1.

    Returns:
        Shape (h, w, 3).
    """
    step = np.round(np.clip(level, 0.0, 1.0) * 24.0)[..., None] / 24.0
    rgb = np.array(dark) * (1.0 - step) + np.array(light) * step
    return np.round(rgb * 255.0).astype(np.uint8)


def draw_wood(size: int, dark: Rgb, light: Rgb, seed: int, grain: int = 24) -> U8:
    """Wood with the grain along the rows' direction. Shape (size, size, 3).

    Args:
        size: Side [px].
        dark: Colour of the grain lines, in [0, 1].
        light: Colour between them.
        seed: Which piece of wood.
        grain: Number of grain lines across.
    """
    bend = value_noise(size, (3, 4), seed)
    rows = (np.arange(size) + 0.5)[:, None] / size
    wave = 0.5 + 0.5 * np.cos(2.0 * np.pi * (rows * grain / 3.0 + 1.2 * bend))
    fibre = value_noise(size, (min(size // 2, 3 * grain), 4), seed + 1)
    return shade_levels(
        0.35 * wave + 0.45 * fibre + 0.2 * value_noise(size, (4, 2), seed + 2), dark, light
    )


def draw_plaster(size: int, dark: Rgb, light: Rgb, seed: int) -> U8:
    """Faintly mottled plaster. Shape (size, size, 3)."""
    octaves = [(4, 0.4), (12, 0.3), (size // 2, 0.3)]
    level = np.zeros((size, size))
    for index, (cells, weight) in enumerate(octaves):
        level += weight * value_noise(size, (cells, cells), seed + index)
    return shade_levels(level, dark, light)


def draw_tiles(size: int, count: int, joint: Rgb, dark: Rgb, light: Rgb, seed: int) -> U8:
    """Square floor tiles with joints, each tile of its own tone. Shape (size, size, 3)."""
    tone = root_stream(seed, "tiles").random((count, count))
    index = np.arange(size) * count // size
    level = 0.6 * tone[np.ix_(index, index)] + 0.4 * value_noise(size, (16, 16), seed + 1)
    image = shade_levels(level, dark, light)
    edge = (np.arange(size) * count % size) < count
    image[edge, :] = image[:, edge] = np.round(np.array(joint) * 255.0).astype(np.uint8)
    return image


def draw_bands(colors: list[Rgb], rows_each: int = 4) -> U8:
    """Horizontal bands, the first at the bottom (v = 0). Shape (rows_each * n, 4, 3)."""
    column = np.round(np.array(colors[::-1]) * 255.0).astype(np.uint8)
    return np.repeat(np.repeat(column, rows_each, 0)[:, None], 4, 1)


def draw_cookie_lid(size: int = 96) -> U8:
    """The printed lid of a cookie box: a name on red, cookies on cream. Shape (size, size, 3)."""
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
    image = np.empty((size, size, 3), np.uint8)
    image[:] = (190, 24, 28)
    image[(y > 0.30) & (y < 0.94) & (x > 0.06) & (x < 0.94)] = (246, 226, 170)
    draw = root_stream(5, "chips")
    for row in range(3):
        for column in range(3):
            cx, cy = 0.23 + 0.27 * column, 0.41 + 0.21 * row
            image[np.hypot(x - cx, y - cy) < 0.105] = (150, 92, 36)
            image[np.hypot(x - cx + 0.012, y - cy + 0.012) < 0.088] = (205, 140, 62)
            for _ in range(5):
                angle, radius = draw.random() * 2.0 * np.pi, 0.065 * draw.random() ** 0.5
                dx, dy = radius * np.cos(angle), radius * np.sin(angle)
                image[np.hypot(x - cx - dx, y - cy - dy) < 0.018] = (70, 36, 18)
    _write_text(image, "COOKIES", (int(0.06 * size), int(0.07 * size)), 2)
    return image


def _write_text(image: U8, text: str, at: tuple[int, int], scale: int) -> None:
    """Writes letters into a picture, shape (h, w, 3), at (x, y) [px], from the upper left."""
    for index, letter in enumerate(text):
        bits = np.array([[row >> (4 - k) & 1 for k in range(5)] for row in GLYPHS[letter]], bool)
        mask = np.kron(bits, np.ones((scale, scale), bool))
        top, left = at[1], at[0] + index * 6 * scale
        image[top : top + mask.shape[0], left : left + mask.shape[1]][mask] = (255, 240, 200)
