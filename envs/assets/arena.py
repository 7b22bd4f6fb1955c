"""The room of LIBERO-Spatial: a wooden table, a tiled floor, plaster walls, lights and cameras."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from envs.assets import mjcf, textures
from envs.assets.meshes import Vec3
from envs.assets.objects import Files

Quat = tuple[float, float, float, float]
# Name, position, half length [m] and orientation; the walls are drawn only.
WALLS: tuple[tuple[str, Vec3, float, Quat], ...] = (
    ("leftcorner", (-1.25, 2.25, 1.5), 1.06, (0.6532815, 0.6532815, 0.2705981, 0.2705981)),
    ("rightcorner", (-1.25, -2.25, 1.5), 1.06, (0.6532815, 0.6532815, -0.2705981, -0.2705981)),
    ("left", (1.25, 3.0, 1.5), 1.75, (0.7071, 0.7071, 0.0, 0.0)),
    ("right", (1.25, -3.0, 1.5), 1.75, (0.7071, -0.7071, 0.0, 0.0)),
    ("rear", (-2.0, 0.0, 1.5), 1.5, (0.5, 0.5, 0.5, 0.5)),
    ("front", (3.0, 0.0, 1.5), 3.0, (0.5, 0.5, -0.5, -0.5)),
)
CAMERAS: tuple[tuple[str, Vec3, Quat], ...] = (
    ("frontview", (1.0, 0.0, 1.45), (0.56, 0.43, 0.43, 0.56)),
    ("birdview", (-0.2, 0.0, 3.0), (0.7071, 0.0, 0.0, 0.7071)),
    ("agentview", (0.5, 0.0, 1.35), (0.653, 0.271, 0.271, 0.653)),
    ("sideview", (-0.0565, 1.2761, 1.4880), (0.0099, 0.0069, 0.5912, 0.8064)),
)
LIGHTS: tuple[Vec3, ...] = ((1.0, 1.0, 4.0), (-3.0, -3.0, 4.0))


def author_arena() -> Files:
    """The scene file and its three textures; LIBERO swaps floor and wall by file name."""
    root, asset, worldbody = mjcf.make_document("table_arena")
    _add_materials(asset)
    drawn = {"contype": "0", "conaffinity": "0", "group": "1"}
    _add_floor_and_walls(worldbody, drawn)
    _add_table(worldbody, drawn)
    _add_lights(worldbody)
    for name, pos, quat in CAMERAS:
        mjcf.add_element(worldbody, "camera", mode="fixed", name=name, pos=pos, quat=quat)
    table = textures.draw_wood(128, (0.70, 0.61, 0.52), (0.86, 0.79, 0.71), seed=3, grain=20)
    floor = textures.draw_tiles(
        64, 4, (0.55, 0.55, 0.55), (0.66, 0.66, 0.67), (0.76, 0.76, 0.76), seed=7
    )
    wall = textures.draw_plaster(64, (0.66, 0.66, 0.65), (0.74, 0.74, 0.73), seed=9)
    return {
        "scenes/libero_tabletop_base_style.xml": mjcf.encode_document(root),
        "textures/table-wood.png": textures.encode_png(table),
        "textures/light-gray-floor-tile.png": textures.encode_png(floor),
        "textures/light-gray-plaster.png": textures.encode_png(wall),
    }


def _add_materials(asset: ET.Element) -> None:
    mjcf.add_element(
        asset,
        "texture",
        type="skybox",
        builtin="gradient",
        width="64",
        height="64",
        rgb1=(0.9, 0.9, 1.0),
        rgb2=(0.2, 0.3, 0.4),
    )
    for texture, material, file, kind, repeat, specular in (
        ("texplane", "floorplane", "light-gray-floor-tile.png", "2d", "3 3", 0.0),
        ("tex-wall", "walls_mat", "light-gray-plaster.png", "2d", "3 3", 0.2),
        ("tex-table", "table_texture", "table-wood.png", "cube", "1 1", 0.1),
    ):
        mjcf.add_element(asset, "texture", type=kind, name=texture, file=f"../textures/{file}")
        mjcf.add_element(
            asset,
            "material",
            name=material,
            texture=texture,
            texrepeat=repeat,
            reflectance=0.0,
            texuniform="false" if kind == "cube" else "true",
            specular=specular,
            shininess=0.0,
        )


def _add_floor_and_walls(worldbody: ET.Element, drawn: dict[str, str]) -> None:
    mjcf.add_element(
        worldbody,
        "geom",
        name="floor",
        type="plane",
        condim="3",
        group="1",
        material="floorplane",
        pos=(0, 0, 0),
        size=(3, 3, 0.125),
    )
    for name, pos, half, quat in WALLS:
        mjcf.add_element(
            worldbody,
            "geom",
            name=f"wall_{name}_visual",
            type="box",
            pos=pos,
            quat=quat,
            size=(half, 1.5, 0.01),
            material="walls_mat",
            **drawn,
        )


def _add_lights(worldbody: ET.Element) -> None:
    for index, pos in enumerate(LIGHTS, start=1):
        mjcf.add_element(
            worldbody,
            "light",
            name=f"light{index}",
            pos=pos,
            dir=(0, -0.15, -1),
            directional="false",
            diffuse=(0.8, 0.8, 0.8),
            specular=(0.3, 0.3, 0.3),
            castshadow="false",
        )


def _add_table(worldbody: ET.Element, drawn: dict[str, str]) -> None:
    table = mjcf.add_element(worldbody, "body", name="table", pos=(0, 0, 0.4))
    size = (0.4, 0.4, 0.4)
    mjcf.add_element(
        table,
        "geom",
        name="table_collision",
        type="box",
        pos=(0, 0, 0),
        size=size,
        group="0",
        friction=(1, 0.005, 0.0001),
    )
    mjcf.add_element(
        table,
        "geom",
        name="table_visual",
        type="box",
        pos=(0, 0, 0),
        size=size,
        material="table_texture",
        **drawn,
    )
    mjcf.add_element(
        table,
        "site",
        name="table_top",
        pos=(0, 0, 0.4),
        size=(0.001, 0.001, 0.001),
        rgba=(0, 0, 0, 0),
    )
    for leg in range(1, 5):
        mjcf.add_element(
            table,
            "geom",
            name=f"table_leg{leg}_visual",
            type="cylinder",
            pos=(0, 0, 0),
            size=(0.05, 0.1),
            material="table_texture",
            **drawn,
        )
