"""The two fixtures of LIBERO-Spatial: the wooden cabinet with three drawers and the flat stove."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from envs.assets import mjcf, textures
from envs.assets.meshes import Mesh, Rect, Vec3, format_obj, make_box, merge_meshes, revolve_curves
from envs.assets.objects import NOTE, Files

# The drawer regions lie on their side, as in the official model.
FLIP = (0.70711, 0.0, 0.70711, 0.0)
Box = tuple[Vec3, Vec3]

# Centre and half extents [m]. The drawers run with 1 mm of play inside the carcass.
CARCASS: tuple[Box, ...] = (
    ((0.0035, 0.1094, 0.1140), (0.1205, 0.0023, 0.1090)),  # back
    ((0.0035, 0.0164, 0.0069), (0.1205, 0.0896, 0.0020)),  # bottom
    ((-0.1122, 0.0163, 0.1143), (0.0052, 0.0954, 0.1058)),  # left
    ((0.1190, 0.0163, 0.1143), (0.0052, 0.0954, 0.1058)),  # right
    ((0.0037, 0.0187, 0.0793), (0.1116, 0.0893, 0.0009)),  # lower shelf
    ((0.0037, 0.0187, 0.1494), (0.1116, 0.0893, 0.0009)),  # upper shelf
    ((0.0039, 0.0158, 0.2216), (0.1273, 0.0941, 0.0014)),  # top
)
# Relative to the drawer's centre height.
DRAWER: tuple[Box, ...] = (
    ((0.0033, -0.0730, -0.0002), (0.1093, 0.0049, 0.0342)),  # front
    ((0.0033, 0.0908, 0.0), (0.1068, 0.0036, 0.0321)),  # back
    ((-0.1019, 0.0111, 0.0), (0.0024, 0.0815, 0.0316)),  # left
    ((0.1089, 0.0111, 0.0), (0.0024, 0.0815, 0.0313)),  # right
    ((0.0035, 0.0105, -0.0284), (0.1070, 0.0810, 0.0040)),  # floor
)
BAR: Box = ((-0.0028, -0.1016, 0.0), (0.0445, 0.0082, 0.0077))
POSTS: tuple[Box, ...] = (
    ((0.0292, -0.0835, 0.0), (0.0051, 0.0106, 0.0055)),
    ((-0.0356, -0.0835, 0.0), (0.0051, 0.0106, 0.0055)),
)
# Name, centre height of the drawer, of its handle and of its region [m].
LEVELS = (
    ("top", 0.1836, 0.1839, 0.18563),
    ("middle", 0.1139, 0.1104, 0.11690),
    ("bottom", 0.0453, 0.0411, 0.04701),
)


def _merge_boxes(parts: tuple[Box, ...], rect: Rect, front: Rect) -> Mesh:
    return merge_meshes(
        *(make_box(center, half, {"": rect, "-y": front}) for center, half in parts)
    )


def author_cabinet() -> Files:
    """A dark wooden cabinet; its drawers slide along -y, open below -0.14 m."""
    root, asset, worldbody = mjcf.make_document("wooden_cabinet")
    mjcf.add_material(asset, "wooden_cabinet_wood", "wooden_cabinet/wood.png", 0.2, 0.2)
    mjcf.add_material(asset, "wooden_cabinet_metal", "wooden_cabinet/metal.png", 0.6, 0.6)
    names = ("carcass", "drawer", "handle")
    for name in names:
        mjcf.add_mesh(asset, f"wooden_cabinet_{name}", f"wooden_cabinet/{name}.obj")
    body = mjcf.add_object_frame(worldbody, radius=0.045, bottom=-0.045, top=0.045)
    base = mjcf.add_element(body, "body", name="base", pos=(0.0, 0.0, 0.0))
    mjcf.add_element(
        base,
        "site",
        type="box",
        name="top_side",
        pos=(0.00354, 0.01567, 0.22152),
        quat=(1, 0, 0, 0),
        size=(0.12534, 0.09438, 0.00147),
        group="0",
        rgba=(0.8, 0.8, 0, 0),
    )
    mjcf.add_visual(base, "wooden_cabinet_carcass", "wooden_cabinet_wood")
    for center, half in CARCASS:
        mjcf.add_collision_box(base, center, half)
    for name, height, handle, region in LEVELS:
        _add_drawer(base, name, height, handle, region)
    inner, outer = (0.0, 0.0, 1.0, 0.45), (0.0, 0.55, 1.0, 1.0)
    meshes = (
        _merge_boxes(CARCASS, inner, inner),
        _merge_boxes(DRAWER, inner, outer),
        _merge_boxes((BAR, *POSTS), inner, inner),
    )
    board = textures.draw_wood(64, (0.20, 0.10, 0.05), (0.42, 0.24, 0.13), seed=11, grain=12)
    board[:29] = textures.draw_wood(64, (0.27, 0.14, 0.07), (0.52, 0.31, 0.17), seed=14, grain=12)[
        :29
    ]
    metal = textures.draw_plaster(16, (0.55, 0.54, 0.52), (0.70, 0.69, 0.67), seed=17)
    return {
        "articulated_objects/wooden_cabinet.xml": mjcf.encode_document(root),
        "articulated_objects/wooden_cabinet/wood.png": textures.encode_png(board),
        "articulated_objects/wooden_cabinet/metal.png": textures.encode_png(metal),
        **{
            f"articulated_objects/wooden_cabinet/{name}.obj": format_obj(mesh, NOTE).encode()
            for name, mesh in zip(names, meshes, strict=True)
        },
    }


def _add_drawer(base: ET.Element, name: str, height: float, handle: float, region: float) -> None:
    body = mjcf.add_element(base, "body", name=f"cabinet_{name}", pos=(0.0, 0.0, 0.0))
    mjcf.add_element(body, "inertial", pos=(0.0, 0.0, 0.0), mass=3.0, diaginertia=(1.0, 1.0, 1.0))
    mjcf.add_element(
        body,
        "joint",
        name=f"{name}_level",
        type="slide",
        pos=(0.0, 0.0, 0.0),
        axis=(0.0, 1.0, 0.0),
        limited="true",
        range=(-0.16, 0.01),
        damping=50.0,
    )
    mjcf.add_element(
        body,
        "site",
        type="box",
        name=f"{name}_region",
        pos=(0.00328, 0.01128, region),
        quat=FLIP,
        size=(0.02993, 0.07561, 0.10224),
        group="0",
        rgba=(0.8, 0.8, 0.8, 0),
    )
    mjcf.add_visual(body, "wooden_cabinet_drawer", "wooden_cabinet_wood", pos=(0.0, 0.0, height))
    mjcf.add_visual(body, "wooden_cabinet_handle", "wooden_cabinet_metal", pos=(0.0, 0.0, handle))
    for parts, z in ((DRAWER, height), ((BAR, *POSTS), handle)):
        for (x, y, dz), half in parts:
            mjcf.add_collision_box(body, (x, y, z + dz), half)


def author_stove() -> Files:
    """A flat stove: a burner plate 15 cm from a knob that turns from 0 to 2.1 rad."""
    root, asset, worldbody = mjcf.make_document("flat_stove")
    mjcf.add_material(asset, "flat_stove_enamel", "flat_stove/enamel.png", 0.5, 0.5)
    for name in ("top", "knob"):
        mjcf.add_mesh(asset, f"flat_stove_{name}", f"flat_stove/{name}.obj")
    body = mjcf.add_object_frame(worldbody, radius=0.045, bottom=-0.045, top=0.045)
    base = mjcf.add_element(body, "body", name="base", pos=(0.0, 0.0, 0.0))
    _add_burner(base)
    _add_knob(base)
    # Bands of the texture: enamel, dark iron, bright ring, knob, pointer.
    colors = [
        (0.80, 0.80, 0.79),
        (0.10, 0.10, 0.11),
        (0.34, 0.34, 0.36),
        (0.13, 0.13, 0.14),
        (0.85, 0.16, 0.12),
    ]
    return {
        "articulated_objects/flat_stove.xml": mjcf.encode_document(root),
        "articulated_objects/flat_stove/enamel.png": textures.encode_png(
            textures.draw_bands(colors)
        ),
        "articulated_objects/flat_stove/top.obj": format_obj(_build_top_mesh(), NOTE).encode(),
        "articulated_objects/flat_stove/knob.obj": format_obj(_build_knob_mesh(), NOTE).encode(),
    }


def _texture_band(index: int) -> Rect:
    return (0.0, index / 5 + 0.08, 1.0, index / 5 + 0.12)


def _add_burner(base: ET.Element) -> None:
    burner = mjcf.add_element(base, "body", name="burner", pos=(0.15, 0.0, 0.0))
    mjcf.add_element(
        burner,
        "site",
        type="box",
        name="cook_region",
        pos=(0.0, 0.0, 0.0),
        quat=(1, 0, 0, 0),
        size=(0.075, 0.075, 0.0025),
        group="0",
        rgba=(0.8, 0.8, 0, 0),
    )
    mjcf.add_visual(burner, "flat_stove_top", "flat_stove_enamel", name="base_vis")
    # Plain contact parameters, as in the official stove.
    for name, z, half in (("base", 0.0, 0.02), ("collision_burner", 0.025, 0.0005)):
        mjcf.add_element(
            burner,
            "geom",
            type="box",
            name=name,
            pos=(0.0, 0.0, z),
            size=(0.095, 0.095, half),
            group="0",
            rgba=mjcf.HIDDEN_RGBA,
        )
    plate = mjcf.add_element(burner, "body", name="burner_plate")
    # The glow, shown by LIBERO when the stove is on.
    mjcf.add_element(
        plate,
        "site",
        name="burner",
        type="cylinder",
        pos=(0.0, 0.0, 0.0245),
        size=(0.0625, 0.0005),
        rgba=(0.9, 0.05, 0.05, 0.0),
    )


def _add_knob(base: ET.Element) -> None:
    knob = mjcf.add_element(
        base, "body", name="button", pos=(0.0, 0.0, 0.0), quat=(0.7071068, 0, 0, 0.7071068)
    )
    mjcf.add_element(knob, "inertial", pos=(0.0, 0.0, 0.0), mass=3.0, diaginertia=(1.0, 1.0, 1.0))
    mjcf.add_element(
        knob,
        "joint",
        name="button",
        type="hinge",
        pos=(0.0, 0.0, 0.0),
        axis=(0.0, 0.0, 1.0),
        limited="true",
        range=(-0.005, 2.1),
        damping=1.0,
    )
    mjcf.add_visual(knob, "flat_stove_knob", "flat_stove_enamel")
    for half in ((0.0466, 0.0142, 0.0062), (0.0340, 0.0340, 0.0062), (0.0142, 0.0466, 0.0062)):
        mjcf.add_collision_box(knob, (0.0013, 0.0044, 0.0066), half)
    mjcf.add_collision_box(knob, (0.0014, 0.0174, 0.0257), (0.0121, 0.0345, 0.0121))
    mjcf.add_collision_box(knob, (0.0012, -0.0250, 0.0235), (0.0121, 0.0155, 0.0080))


def _build_top_mesh() -> Mesh:
    enamel, iron, ring = _texture_band(0), _texture_band(1), _texture_band(2)
    plate = make_box((0.0, 0.0, 0.0), (0.095, 0.095, 0.02), {"": enamel})
    panel = make_box((-0.15, 0.0, 0.0), (0.055, 0.095, 0.004), {"": enamel})
    bowl = [(0.072, 0.0201), (0.070, 0.0222), (0.0655, 0.0222)], [(0.0655, 0.0222), (0.0, 0.0214)]
    parts = [plate, panel, revolve_curves(bowl, 24, [ring, iron])]
    for radius in (0.018, 0.036, 0.054):  # the coils; the highest point carries the bowl
        r0, r1, z0, z1 = radius - 0.006, radius + 0.006, 0.0214, 0.0254
        coil = [
            [(r1, z0), (r1 - 0.002, z1)],
            [(r1 - 0.002, z1), (r0 + 0.002, z1)],
            [(r0 + 0.002, z1), (r0, z0)],
        ]
        parts.append(revolve_curves(coil, 20, [ring, ring, ring]))
    return merge_meshes(*parts)


def _build_knob_mesh() -> Mesh:
    dark, pointer = _texture_band(3), _texture_band(4)
    disc = revolve_curves(
        [[(0.048, 0.0004), (0.048, 0.0100), (0.0445, 0.0128)], [(0.0445, 0.0128), (0.0, 0.0128)]],
        24,
        [dark, dark],
    )
    grip = make_box((0.0013, 0.0060, 0.0250), (0.0115, 0.0450, 0.0125), {"": dark})
    mark = make_box((0.0013, 0.0400, 0.0377), (0.0030, 0.0100, 0.0004), {"": pointer})
    return merge_meshes(disc, grip, mark)
