"""Light visual meshes for robosuite's Panda, its gripper and mount, and their place in a scene."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

ROBOT = Path(__file__).parent / "pack" / "robot"


def substitute_robot_meshes(xml: str) -> str:
    """Points the robot's visual meshes at the pack's light ones.

    Only meshes whose every use neither collides nor is in a collision group are replaced, so the
    physics is that of the original model.

    Args:
        xml: A whole scene as MJCF text, with robosuite's mesh files by their absolute paths.

    Returns:
        The scene with other mesh files.
    """
    table: dict[str, str] = json.loads((ROBOT / "meshes.json").read_text(encoding="utf-8"))
    root = ET.fromstring(xml)
    physical = {geom.get("mesh") for geom in root.iter("geom") if not _is_visual(geom)}
    for mesh in root.iter("mesh"):
        key = Path(mesh.get("file", "")).as_posix().rpartition("/models/assets/")[2]
        if key in table and mesh.get("name") not in physical:
            mesh.set("file", str(ROBOT / table[key]))
            # A simplified surface may be open, and MuJoCo compiles no volume without a closed one.
            mesh.set("inertia", "shell")
    return ET.tostring(root, encoding="unicode")


def _is_visual(geom: ET.Element) -> bool:
    return (geom.get("group"), geom.get("contype"), geom.get("conaffinity")) == ("1", "0", "0")
