"""Mesh simplification by quadric error metrics (Garland and Heckbert, SIGGRAPH 1997)."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import numpy as np

from envs.assets.meshes import F64, I64

Point = tuple[float, float, float]
Quadric = tuple[float, ...]  # upper triangle of the symmetric 4x4 matrix, row by row

# Holds open edges where they are: how much planes upright on them weigh, times the squared length.
BOUNDARY_WEIGHT = 10.0


def weld_vertices(vertices: F64, faces: I64, tolerance: float = 1e-5) -> tuple[F64, I64]:
    """Joins vertices at the same place and drops faces without area.

    Args:
        vertices: Shape (n, 3) [m].
        faces: Shape (m, 3).
        tolerance: Size of a place [m].
    """
    keys = np.round(vertices / tolerance).astype(np.int64)
    _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    joined = group.ravel()[faces]
    a, b, c = joined.T
    proper = (a != b) & (b != c) & (c != a)
    return vertices[first], np.unique(_rotate_corners(joined[proper]), axis=0)


def _rotate_corners(faces: I64) -> I64:
    """Returns each face, shape (m, 3), with its smallest corner first: equal faces, equal rows."""
    start = np.argmin(faces, axis=1)[:, None]
    return np.take_along_axis(faces, (start + np.arange(3)) % 3, axis=1)


def simplify_mesh(vertices: F64, faces: I64, target: int) -> tuple[F64, I64]:
    """Collapses the edge of least quadric error until at most ``target`` faces are left.

    Args:
        vertices: Shape (n, 3) [m], welded.
        faces: Shape (m, 3).
        target: Number of faces to stop at.

    Returns:
        Vertices and faces of the coarse mesh.
    """
    mesh = _EdgeCollapse(vertices, faces)
    mesh.collapse_edges(target)
    return mesh.build_mesh()


class _EdgeCollapse:
    """The state of one simplification: points, quadrics, live faces and a heap of edges."""

    def __init__(self, vertices: F64, faces: I64) -> None:
        self._points: list[Point] = [tuple(row) for row in vertices.tolist()]
        self._faces: list[tuple[int, int, int] | None] = [tuple(row) for row in faces.tolist()]
        self._count = len(self._faces)
        self._around: list[set[int]] = [set() for _ in self._points]
        for index, face in enumerate(faces.tolist()):
            for corner in face:
                self._around[corner].add(index)
        self._quadrics = _vertex_quadrics(vertices, faces)
        self._stamp = [0] * len(self._points)
        sides = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
        edges = np.unique(np.sort(sides, axis=1), axis=0)
        self._heap = [(*self._find_cheapest_point(a, b), a, b, 0, 0) for a, b in edges.tolist()]
        heapify(self._heap)

    def collapse_edges(self, target: int) -> None:
        while self._count > target and self._heap:
            _, point, a, b, stamp_a, stamp_b = heappop(self._heap)
            # Entries are not looked for when an end moves: they stay in the heap, and the outdated
            # are skipped.
            fresh = self._stamp[a] == stamp_a and self._stamp[b] == stamp_b
            if fresh and not self._flips_face(a, b, point):
                self._join_vertices(a, b, point)

    def build_mesh(self) -> tuple[F64, I64]:
        """Returns the vertices, shape (n, 3) [m], and faces, shape (m, 3), that are left."""
        faces = np.array([face for face in self._faces if face is not None], dtype=np.int64)
        used, index = np.unique(faces, return_inverse=True)
        return np.array(self._points)[used], index.reshape(-1, 3)

    def _find_cheapest_point(self, a: int, b: int) -> tuple[float, Point]:
        q = tuple(x + y for x, y in zip(self._quadrics[a], self._quadrics[b], strict=True))
        p, r = self._points[a], self._points[b]
        middle = ((p[0] + r[0]) / 2.0, (p[1] + r[1]) / 2.0, (p[2] + r[2]) / 2.0)
        return min((_quadric_error(q, point), point) for point in (p, r, middle))

    def _flips_face(self, a: int, b: int, point: Point) -> bool:
        """Whether moving both ends to ``point`` would turn a surviving face over."""
        for end, other in ((a, b), (b, a)):
            for index in self._around[end]:
                face = self._faces[index]
                if face is None or other in face:
                    continue
                before = [self._points[corner] for corner in face]
                after = [point if corner == end else self._points[corner] for corner in face]
                if _dot_product(_face_normal(*before), _face_normal(*after)) <= 0.0:
                    return True
        return False

    def _join_vertices(self, a: int, b: int, point: Point) -> None:
        self._points[a] = point
        self._quadrics[a] = tuple(
            x + y for x, y in zip(self._quadrics[a], self._quadrics[b], strict=True)
        )
        # Sorted here and below: the mesh must not depend on the order of a set.
        for index in sorted(self._around[b]):
            face = self._faces[index]
            if face is None:
                continue
            if a in face:
                self._faces[index] = None
                self._count -= 1
            else:
                x, y, z = (a if corner == b else corner for corner in face)
                self._faces[index] = (x, y, z)
                self._around[a].add(index)
        self._around[b].clear()
        self._stamp[b] += 1
        self._around[a] = {index for index in self._around[a] if self._faces[index] is not None}
        self._stamp[a] += 1
        neighbours = {c for index in self._around[a] for c in self._faces[index] or ()} - {a}
        for other in sorted(neighbours):
            low, high = min(a, other), max(a, other)
            entry = (
                *self._find_cheapest_point(low, high),
                low,
                high,
                self._stamp[low],
                self._stamp[high],
            )
            heappush(self._heap, entry)


def _vertex_quadrics(vertices: F64, faces: I64) -> list[Quadric]:
    """Returns each vertex's planes of its faces, by area, and upright ones along open edges.

    Args:
        vertices: Shape (n, 3) [m].
        faces: Shape (m, 3).
    """
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    area = np.linalg.norm(normals, axis=1, keepdims=True)
    unit = normals / np.maximum(area, 1e-30)
    total = np.zeros((len(vertices), 10))
    planes = np.concatenate([unit, -np.sum(unit * a, axis=1, keepdims=True)], axis=1)
    for corner in range(3):
        np.add.at(total, faces[:, corner], _outer_products(planes) * area)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    owner = np.tile(np.arange(len(faces)), 3)
    undirected = np.sort(edges, axis=1)
    _, index, count = np.unique(undirected, axis=0, return_inverse=True, return_counts=True)
    single = count[index.ravel()] == 1
    edges, owner = edges[single], owner[single]
    along = vertices[edges[:, 1]] - vertices[edges[:, 0]]
    upright = np.cross(along, unit[owner])
    upright /= np.maximum(np.linalg.norm(upright, axis=1, keepdims=True), 1e-30)
    offset = -np.sum(upright * vertices[edges[:, 0]], axis=1, keepdims=True)
    weight = BOUNDARY_WEIGHT * np.sum(along**2, axis=1, keepdims=True)
    for corner in range(2):
        planes = np.concatenate([upright, offset], axis=1)
        np.add.at(total, edges[:, corner], _outer_products(planes) * weight)
    return [tuple(row) for row in total.tolist()]


def _outer_products(planes: F64) -> F64:
    """Returns the upper triangles of the planes' outer products. Shape (m, 4) to (m, 10)."""
    rows, columns = np.triu_indices(4)
    return planes[:, rows] * planes[:, columns]


def _quadric_error(q: Quadric, p: Point) -> float:
    x, y, z = p
    return (
        q[0] * x * x
        + q[4] * y * y
        + q[7] * z * z
        + q[9]
        + 2.0 * (q[1] * x * y + q[2] * x * z + q[3] * x + q[5] * y * z + q[6] * y + q[8] * z)
    )


def _face_normal(a: Point, b: Point, c: Point) -> Point:
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    return (uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx)


def _dot_product(a: Point, b: Point) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
