"""The movable objects of LIBERO-Spatial: bowl, plate, ramekin and cookie box.

Masses, inertias, friction and the outlines of the collision shapes follow the official objects, so
that official start states settle and grasps hold alike; the shapes themselves are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as ET

import numpy as np

from envs.assets import mjcf, textures
from envs.assets.meshes import Mesh, format_obj, make_box, revolve_curves

Files = dict[str, bytes]
NOTE = "Authored by the AEGIS project; written by python -m envs.assets.author"


def _author_object(
    folder: str,
    name: str,
    mesh: Mesh,
    texture: textures.U8,
    gloss: tuple[float, float],
    mass: tuple[float, tuple[float, float, float], tuple[float, float, float]],
    collide: Callable[[ET.Element], None],
) -> Files:
    """Returns the XML, mesh and texture of one object, by path inside the pack.

    Args:
        folder: The class folder, for example ``stable_scanned_objects``.
        name: The object's name, also that of its folder.
        mesh: Its visual mesh.
        texture: Its RGB texture, shape (height, width, 3).
        gloss: Specular and shininess.
        mass: Mass [kg], centre of mass [m], principal inertia about x, y, z [kg m^2].
        collide: Adds the collision geometry to the body.
    """
    root, asset, worldbody = mjcf.make_document(name)
    mjcf.add_material(asset, name, "texture.png", *gloss)
    mjcf.add_mesh(asset, f"{name}_vis", "visual.obj")
    body = mjcf.add_object_frame(worldbody, radius=0.025, bottom=-0.06, top=0.04)
    mjcf.add_element(body, "inertial", mass=mass[0], pos=mass[1], diaginertia=mass[2])
    mjcf.add_visual(body, f"{name}_vis", name)
    collide(body)
    base = f"{folder}/{name}"
    return {
        f"{base}/{name}.xml": mjcf.encode_document(root),
        f"{base}/visual.obj": format_obj(mesh, NOTE).encode(),
        f"{base}/texture.png": textures.encode_png(texture),
    }


def author_bowl() -> Files:
    """The black bowl: 5.3 cm rim radius, 5.2 cm high, wall 2.6 mm."""
    foot = [(0.0, 0.0018), (0.024, 0.0018), (0.0265, 0.004)]
    outer = [(0.0265, 0.004), (0.036, 0.0105), (0.0435, 0.0195), (0.0485, 0.035), (0.0525, 0.0515)]
    rim = [(0.0525, 0.0515), (0.0515, 0.0526), (0.0500, 0.0515)]
    inner = [(0.0500, 0.0515), (0.0455, 0.034), (0.040, 0.019), (0.030, 0.0105), (0.0, 0.0068)]
    quarter = [(0.0, k / 4 + 0.1, 1.0, k / 4 + 0.15) for k in range(4)]
    mesh = revolve_curves([foot, outer, rim, inner], 24, quarter)
    black = textures.draw_bands(
        [(0.05, 0.05, 0.055), (0.075, 0.075, 0.085), (0.20, 0.20, 0.22), (0.11, 0.11, 0.12)]
    )

    def add_collision(body: ET.Element) -> None:
        body.set("pos", "0 -0.1 0")
        mjcf.add_collision_box(body, (0.0, -0.0006, 0.0042), (0.0205, 0.0205, 0.0026))
        mjcf.add_collision_ring(body, 8, 0.0335, 0.0098, 59.7, (0.0007, 0.0150, 0.0119))
        # Few and wide: a finger pad must lie flat on one face, or the bowl slips and swings.
        mjcf.add_collision_ring(body, 12, 0.0471, 0.0337, 14.7, (0.0013, 0.0130, 0.0188))

    mass = (0.00559, (0.0023, 0.0005, 0.0227), (5.72e-6, 6.10e-6, 9.08e-6))
    return _author_object(
        "stable_scanned_objects", "akita_black_bowl", mesh, black, (0.5, 0.5), mass, add_collision
    )


def author_plate() -> Files:
    """The white plate: 6.9 cm radius, a flat centre and a raised rim with a grey line."""
    under = [(0.0, -0.0023), (0.031, -0.0023), (0.0665, 0.0135), (0.0692, 0.0160)]
    edge = [(0.0692, 0.0160), (0.0685, 0.0172), (0.0660, 0.0165)]
    slope = [(0.0660, 0.0165), (0.0500, 0.0102), (0.0325, 0.0062)]
    centre = [(0.0325, 0.0062), (0.030, 0.0056), (0.0, 0.0056)]
    quarter = [(0.0, k / 4 + 0.1, 1.0, k / 4 + 0.15) for k in range(4)]
    mesh = revolve_curves([under, edge, slope, centre], 28, quarter)
    white = textures.draw_bands(
        [(0.82, 0.81, 0.79), (0.72, 0.71, 0.69), (0.95, 0.94, 0.92), (0.90, 0.89, 0.87)]
    )

    def add_collision(body: ET.Element) -> None:
        mjcf.add_collision_box(body, (0.0, 0.0, 0.0031), (0.0306, 0.0306, 0.0030))
        mjcf.add_collision_ring(body, 8, 0.0483, 0.0070, 70.5, (0.0033, 0.0285, 0.0191))

    mass = (0.01152, (0.0003, 0.0051, 0.0065), (1.51e-5, 1.29e-5, 2.76e-5))
    return _author_object(
        "stable_scanned_objects", "plate", mesh, white, (0.4, 0.4), mass, add_collision
    )


def author_ramekin() -> Files:
    """The ramekin: a ribbed porcelain cup with a smooth glazed rim."""
    outer = [(0.0345, 0.0008), (0.0355, 0.003), (0.0395, 0.0345)]
    lip = [(0.0395, 0.0345), (0.0425, 0.036), (0.0442, 0.0415), (0.0432, 0.0430), (0.0405, 0.0428)]
    inner = [(0.0405, 0.0428), (0.0375, 0.036), (0.0338, 0.0085)]
    floor = [(0.0338, 0.0085), (0.0, 0.0073)]
    under = [(0.0, 0.0008), (0.0345, 0.0008)]

    def add_ribs(r: np.ndarray, angle: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Returns the radius [m] with ribs on the outer wall. All of shape (segments, points)."""
        ribbed = (z > 0.002) & (z < 0.035) & (r > 0.0353)
        return np.where(ribbed, r + 0.0009 * np.cos(18.0 * angle), r)

    fifth = [(0.0, k / 5 + 0.08, 1.0, k / 5 + 0.12) for k in range(5)]
    mesh = revolve_curves([outer, lip, inner, floor, under], 36, fifth, add_ribs)
    cream = textures.draw_bands(
        [
            (0.93, 0.88, 0.77),
            (0.99, 0.97, 0.91),
            (0.90, 0.86, 0.77),
            (0.84, 0.79, 0.70),
            (0.70, 0.66, 0.58),
        ]
    )

    def add_collision(body: ET.Element) -> None:
        mjcf.add_collision_box(body, (0.0, 0.0, 0.0041), (0.0262, 0.0262, 0.0032))
        mjcf.add_collision_ring(body, 12, 0.0382, 0.0217, 8.55, (0.0026, 0.0110, 0.0209))

    mass = (0.00966, (-0.0025, 0.0001, 0.0168), (7.99e-6, 7.37e-6, 1.22e-5))
    return _author_object(
        "stable_scanned_objects",
        "glazed_rim_porcelain_ramekin",
        mesh,
        cream,
        (0.6, 0.6),
        mass,
        add_collision,
    )


def author_cookie_box() -> Files:
    """The cookie box: flat, red, with a printed lid."""
    lid, side = (0.0, 0.0, 0.74, 1.0), (0.80, 0.1, 0.95, 0.9)
    mesh = make_box((0.0, 0.0, 0.0), (0.0307, 0.0416, 0.0098), {"+z": lid, "-z": lid, "": side})
    print_ = np.empty((96, 128, 3), np.uint8)
    print_[:, :96], print_[:, 96:] = textures.draw_cookie_lid(96), (176, 26, 30)

    def add_collision(body: ET.Element) -> None:
        mjcf.add_collision_box(body, (0.0, 0.0, 0.0), (0.0310, 0.0413, 0.0094))

    mass = (0.00964, (0.0, 0.0, 0.0), (5.77e-6, 3.38e-6, 8.58e-6))
    return _author_object(
        "stable_hope_objects", "cookies", mesh, print_, (0.1, 0.1), mass, add_collision
    )
