"""Small triangle meshes built from a few shapes, and their OBJ text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Vec3 = tuple[float, float, float]
Rect = tuple[float, float, float, float]

WHOLE_TEXTURE: Rect = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Triangles with one normal and one texture coordinate per vertex.

    Attributes:
        vertices: Shape (n, 3) [m].
        normals: Shape (n, 3), unit length.
        uv: Shape (n, 2), texture coordinates, v upwards.
        faces: Shape (m, 3), counter-clockwise seen from outside.
    """

    vertices: F64
    normals: F64
    uv: F64
    faces: I64


def merge_meshes(*parts: Mesh) -> Mesh:
    """Puts meshes into one, without welding."""
    starts = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.normals for part in parts]),
        np.concatenate([part.uv for part in parts]),
        np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=True)]),
    )


def make_box(center: Vec3, half: Vec3, uv: dict[str, Rect] | None = None) -> Mesh:
    """A flat-shaded box of 12 triangles.

    Args:
        center: Centre [m].
        half: Half extents [m].
        uv: Texture rectangle (u0, v0, u1, v1) per side, keys ``"+x"`` to ``"-z"``; the key ``""``
            serves the sides that are not named; default the whole texture.
    """
    rects = uv or {}
    vertices: list[F64] = []
    normals: list[F64] = []
    coords: list[tuple[float, float]] = []
    faces: list[tuple[int, int, int]] = []
    for axis in range(3):
        for sign in (1.0, -1.0):
            right = np.roll(np.eye(3)[axis], 1) * sign  # right x up = outward
            up, outward = np.roll(np.eye(3)[axis], 2), np.eye(3)[axis] * sign
            name = ("+" if sign > 0 else "-") + "xyz"[axis]
            u0, v0, u1, v1 = rects.get(name, rects.get("", WHOLE_TEXTURE))
            start = len(vertices)
            for a, b, u, v in ((-1, -1, u0, v0), (1, -1, u1, v0), (1, 1, u1, v1), (-1, 1, u0, v1)):
                vertices.append(np.array(center) + np.array(half) * (outward + a * right + b * up))
                normals.append(outward)
                coords.append((u, v))
            faces += [(start, start + 1, start + 2), (start, start + 2, start + 3)]
    return Mesh(np.array(vertices), np.array(normals), np.array(coords), np.array(faces))


def revolve_curves(
    curves: Sequence[Sequence[tuple[float, float]]],
    segments: int,
    rects: Sequence[Rect] | None = None,
    radius: Callable[[F64, F64, F64], F64] | None = None,
) -> Mesh:
    """Returns a surface of revolution about z, smooth within a curve and sharp between curves.

    Args:
        curves: Polylines of (radius, height) [m]; the outside is to the right of the direction
            of travel, so an outer wall is drawn upwards.
        segments: Number of sides.
        rects: Texture rectangle per curve: u runs round the axis, v along the curve.
        radius: Optional map of (radius, angle [rad], height) to a radius, for ribs.
    """
    rects = rects or [WHOLE_TEXTURE] * len(curves)
    return merge_meshes(
        *(
            _revolve_curve(curve, segments, rect, radius)
            for curve, rect in zip(curves, rects, strict=True)
        )
    )


def _revolve_curve(
    curve: Sequence[tuple[float, float]],
    segments: int,
    rect: Rect,
    radius: Callable[[F64, F64, F64], F64] | None,
) -> Mesh:
    """Returns the surface of one curve, (radius, height) [m] from point to point."""
    points = np.array(curve, dtype=np.float64)
    angle = np.linspace(0.0, 2.0 * np.pi, segments + 1)[:, None]
    r = np.broadcast_to(points[:, 0], (segments + 1, len(points)))
    z = np.broadcast_to(points[:, 1], r.shape)
    if radius is not None:
        r = radius(r, angle, z)
    vertices = np.stack([r * np.cos(angle), r * np.sin(angle), z], axis=-1).reshape(-1, 3)
    u0, v0, u1, v1 = rect
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    u, v = u0 + (u1 - u0) * angle / (2.0 * np.pi), v0 + (v1 - v0) * length / length[-1]
    uv = np.stack(np.broadcast_arrays(u, v), axis=-1).reshape(-1, 2)
    i, j = np.meshgrid(np.arange(segments), np.arange(len(points) - 1), indexing="ij")
    here, n = (i * len(points) + j).ravel(), len(points)
    faces = np.concatenate(
        [np.stack([here, here + n, here + n + 1], 1), np.stack([here, here + n + 1, here + 1], 1)]
    )
    area = np.linalg.norm(_face_normals(vertices, faces), axis=1)
    faces = faces[area > 1e-12]  # the triangles that collapse on the axis
    return Mesh(vertices, smooth_normals(vertices, faces), uv, faces)


def smooth_normals(vertices: F64, faces: I64) -> F64:
    """Area-weighted vertex normals; vertices at the same place share one. Shape (n, 3)."""
    keys = np.round(vertices / 1e-6).astype(np.int64)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    total = np.zeros((group.max() + 1, 3))
    normals = _face_normals(vertices, faces)
    for corner in range(3):
        np.add.at(total, group.ravel()[faces[:, corner]], normals)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    unit = np.where(length > 1e-15, total / np.maximum(length, 1e-15), (0.0, 0.0, 1.0))
    return np.asarray(unit[group.ravel()])


def _face_normals(vertices: F64, faces: I64) -> F64:
    """Returns the normals of triangles, as long as twice their area [m^2]. Shape (m, 3)."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)


def format_obj(mesh: Mesh, note: str) -> str:
    """The mesh as Wavefront OBJ text, to 0.01 mm.

    Args:
        mesh: What to write.
        note: One comment line for the head of the file.
    """
    lines = [f"# {note}"]
    lines += ["v " + " ".join(_format_number(x, 5) for x in row) for row in mesh.vertices]
    lines += ["vt " + " ".join(_format_number(x, 4) for x in row) for row in mesh.uv]
    lines += ["vn " + " ".join(_format_number(x, 2) for x in row) for row in mesh.normals]
    lines += ["f " + " ".join(f"{k}/{k}/{k}" for k in row + 1) for row in mesh.faces]
    return "\n".join(lines) + "\n"


def _format_number(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
