"""Writes the pack's light robot meshes from robosuite's: ``python -m envs.assets.decimate``."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from aegis.core.errors import MachineError
from envs.assets.meshes import F64, I64
from envs.assets.robot_meshes import ROBOT
from envs.assets.simplification import simplify_mesh, weld_vertices

NOTE = "Simplified from robosuite 1.4.0 (MIT license) by python -m envs.assets.decimate"
FACE_SHARE, MIN_FACES = 0.042, 20  # share of the faces to keep, and what to leave at least
SPECIAL_SHARES = {
    "finger_vis": 0.35,
    "hand_vis": 0.08,
    "pedestal": 0.02,
}  # seen close by; and far off


def find_source_meshes() -> dict[str, Path]:
    """The visual meshes of robosuite's Panda, gripper and mount, by path in its asset folder.

    Raises:
        MachineError: robosuite is not installed.
    """
    spec = find_spec("robosuite")
    if spec is None or spec.origin is None:
        raise MachineError(
            "robosuite is not installed, so there are no meshes to read; run make setup."
        )
    root = Path(spec.origin).parent / "models" / "assets"
    files = sorted((root / "robots/panda/obj_meshes").glob("link*/*.obj"))
    gripper = root / "grippers/meshes/panda_gripper"
    files += [gripper / "hand_vis.stl", gripper / "finger_vis.stl"]
    files.append(root / "mounts/meshes/rethink_mount/pedestal.stl")
    return {path.relative_to(root).as_posix(): path for path in files}


def read_mesh(path: Path) -> tuple[F64, I64]:
    """Returns the welded vertices, shape (n, 3) [m], and triangles, shape (m, 3), of a file.

    Args:
        path: A Wavefront OBJ or a binary STL file.
    """
    return weld_vertices(*(_read_obj(path) if path.suffix == ".obj" else _read_stl(path)))


def _read_obj(path: Path) -> tuple[F64, I64]:
    """Returns vertices, shape (n, 3) [m], and triangles, shape (m, 3), of a Wavefront OBJ file."""
    vertices, faces = [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        word, *rest = line.split() or [""]
        if word == "v":
            vertices.append([float(x) for x in rest[:3]])
        elif word == "f":
            corners = [int(x.split("/")[0]) - 1 for x in rest]
            # A polygon becomes a fan of triangles.
            faces += [[corners[0], *corners[k : k + 2]] for k in range(1, len(corners) - 1)]
    return np.array(vertices), np.array(faces)


def _read_stl(path: Path) -> tuple[F64, I64]:
    """Returns vertices, shape (3 m, 3) [m], and triangles, shape (m, 3), of a binary STL file."""
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("extra", "<u2")])
    # Behind a header of 80 bytes and the number of triangles, 4 bytes.
    data = np.frombuffer(path.read_bytes()[84:], dtype=record)
    vertices = data["corners"].reshape(-1, 3).astype(np.float64)
    return vertices, np.arange(len(vertices)).reshape(-1, 3)


def simplify_to_obj(path: Path) -> tuple[str, int]:
    """The simplified mesh as OBJ text, and its number of faces."""
    vertices, faces = read_mesh(path)
    share = SPECIAL_SHARES.get(path.stem, FACE_SHARE)
    vertices, faces = simplify_mesh(vertices, faces, max(MIN_FACES, round(share * len(faces))))
    lines = [f"# {NOTE}"]
    lines += ["v " + " ".join(f"{x:.5f}" for x in row) for row in vertices]
    lines += ["f " + " ".join(str(k) for k in row + 1) for row in faces]
    return "\n".join(lines) + "\n", len(faces)


def write_robot_meshes(folder: Path) -> int:
    """Writes the meshes and their table. Returns the number of faces."""
    folder.mkdir(parents=True, exist_ok=True)
    table, total = {}, 0
    for key, path in find_source_meshes().items():
        text, faces = simplify_to_obj(path)
        table[key] = f"{path.stem}.obj"
        (folder / table[key]).write_text(text, encoding="utf-8")
        total += faces
    (folder / "meshes.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return total


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROBOT
    print(f"{write_robot_meshes(target)} faces written to {target}")
