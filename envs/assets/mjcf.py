"""Writing MJCF: elements, the collision boxes all objects share, and the frame of an object."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, radians, sin, tau
from xml.etree import ElementTree as ET

from envs.assets.meshes import Vec3

Value = str | float | Sequence[float]

# Contact parameters of every LIBERO object; the density is irrelevant where an inertial is given.
CONTACT: dict[str, Value] = {
    "solimp": (0.998, 0.998, 0.001),
    "solref": (0.001, 1),
    "density": 100,
    "friction": (0.95, 0.3, 0.1),
}
HIDDEN_RGBA = (0.8, 0.8, 0.8, 0.3)


def add_element(parent: ET.Element, tag: str, **attributes: Value) -> ET.Element:
    """Appends an element; numbers are written to 6 significant digits."""
    return ET.SubElement(
        parent, tag, {key: _format_value(value) for key, value in attributes.items()}
    )


def _format_value(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return f"{value:.6g}"
    return " ".join(f"{item:.6g}" for item in value)


def make_document(model: str) -> tuple[ET.Element, ET.Element, ET.Element]:
    """An empty model. Returns the root, its asset element and its worldbody."""
    root = ET.Element("mujoco", {"model": model})
    return root, add_element(root, "asset"), add_element(root, "worldbody")


def encode_document(root: ET.Element) -> bytes:
    """The document as indented text."""
    ET.indent(root)
    return (ET.tostring(root, encoding="unicode") + "\n").encode()


def add_object_frame(worldbody: ET.Element, radius: float, bottom: float, top: float) -> ET.Element:
    """The two nested bodies and three sites that robosuite expects of an object.

    Args:
        worldbody: Where to put them.
        radius: x and y of the site that gives the horizontal radius [m].
        bottom: Height of the bottom site [m]; placement adds its distance to the surface.
        top: Height of the top site [m].

    Returns:
        The body named ``object``.
    """
    outer = add_element(worldbody, "body")
    body = add_element(outer, "body", name="object")
    size = 0.005 if radius < 0.03 else 0.05
    for name, pos in (
        ("bottom_site", (0.0, 0.0, bottom)),
        ("top_site", (0.0, 0.0, top)),
        ("horizontal_radius_site", (radius, radius, 0.0)),
    ):
        add_element(outer, "site", rgba=(0, 0, 0, 0), size=size, pos=pos, name=name)
    return body


def add_collision_box(body: ET.Element, pos: Vec3, size: Vec3, quat: Sequence[float] = ()) -> None:
    """A box that collides and is not drawn (group 0)."""
    turn: dict[str, Value] = {"quat": quat} if quat else {}
    add_element(
        body, "geom", type="box", pos=pos, size=size, **turn, **CONTACT, group="0", rgba=HIDDEN_RGBA
    )


def add_collision_ring(
    body: ET.Element, count: int, radius: float, height: float, tilt: float, size: Vec3
) -> None:
    """Boxes in a ring about z, as the wall of a vessel.

    Args:
        body: Where to put them.
        count: How many.
        radius: Distance of their centres from the axis [m].
        height: Height of their centres [m].
        tilt: How far the wall leans outwards from the vertical [degree].
        size: Half thickness, half width, half length [m].
    """
    lean = radians(tilt) / 2.0
    for k in range(count):
        half = tau * k / count / 2.0
        pos = (radius * cos(2.0 * half), radius * sin(2.0 * half), height)
        c, s = cos(half), sin(half)
        quat = (c * cos(lean), -s * sin(lean), c * sin(lean), s * cos(lean))
        add_collision_box(body, tuple(0.0 if abs(x) < 1e-9 else x for x in pos), size, quat)  # type: ignore[arg-type]


def add_visual(body: ET.Element, mesh: str, material: str, **attributes: Value) -> None:
    """A mesh that is drawn (group 1) and touches nothing."""
    add_element(
        body,
        "geom",
        type="mesh",
        mesh=mesh,
        material=material,
        contype="0",
        conaffinity="0",
        group="1",
        **attributes,
    )


def add_material(
    asset: ET.Element, name: str, file: str, specular: float = 0.3, shininess: float = 0.3
) -> None:
    """A 2d texture and the material of the same name that shows it; never reflective."""
    add_element(asset, "texture", type="2d", name=f"tex-{name}", file=file)
    add_element(
        asset,
        "material",
        name=name,
        texture=f"tex-{name}",
        texuniform="false",
        reflectance=0.0,
        specular=specular,
        shininess=shininess,
    )


def add_mesh(asset: ET.Element, name: str, file: str) -> None:
    """A mesh; its inertia is that of a shell, so that open surfaces compile."""
    add_element(asset, "mesh", name=name, file=file, inertia="shell")
