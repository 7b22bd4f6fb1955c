"""Which models and textures the tasks of each LIBERO suite load from a folder of assets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aegis.core.errors import UnknownNameError

_FOLDERS = {
    "articulated_objects/{0}.xml": (
        "flat_stove",
        "microwave",
        "white_cabinet",
        "wooden_cabinet",
    ),
    "stable_hope_objects/{0}/{0}.xml": (
        "alphabet_soup",
        "bbq_sauce",
        "butter",
        "chocolate_pudding",
        "cookies",
        "cream_cheese",
        "ketchup",
        "milk",
        "new_salad_dressing",
        "orange_juice",
        "salad_dressing",
        "tomato_sauce",
    ),
    "stable_scanned_objects/{0}/{0}.xml": (
        "akita_black_bowl",
        "basket",
        "chefmate_8_frypan",
        "glazed_rim_porcelain_ramekin",
        "plate",
        "white_bowl",
    ),
    "turbosquid_objects/{0}/{0}.xml": (
        "black_book",
        "desk_caddy",
        "moka_pot",
        "porcelain_mug",
        "red_coffee_mug",
        "white_yellow_mug",
        "wine_bottle",
        "wine_rack",
        "wooden_tray",
        "wooden_two_layer_shelf",
        "yellow_book",
    ),
}
_MODELS = {name: place.format(name) for place, names in _FOLDERS.items() for name in names}
_SCENES = {
    "floor": "libero_floor_base_style",
    "kitchen_table": "libero_kitchen_tabletop_base_style",
    "living_room_table": "libero_living_room_tabletop_base_style",
    "study_table": "libero_study_base_style",
    "table": "libero_tabletop_base_style",
}
_SURFACES = {
    "floor": ("light-gray-floor-tile", "light-gray-plaster"),
    "kitchen_table": ("gray_ceramic_tile", "yellow_linen_wall_texture"),
    "living_room_table": ("seamless_wood_planks_floor", "light-gray-plaster"),
    "study_table": ("light-gray-floor-tile", "light-gray-plaster"),
    "table": ("light-gray-floor-tile", "light-gray-plaster"),
}
"""Arena to the textures of floor and wall that LIBERO swaps its scene's own for."""
SWAPPED_TEXTURES = {"texplane", "tex-wall"}
"""Names of the textures of a scene that are swapped."""

_TABLETOP = ("akita_black_bowl", "flat_stove", "plate", "table", "wooden_cabinet")
_LONG = (
    "akita_black_bowl",
    "alphabet_soup",
    "basket",
    "black_book",
    "butter",
    "chefmate_8_frypan",
    "chocolate_pudding",
    "cream_cheese",
    "desk_caddy",
    "flat_stove",
    "ketchup",
    "kitchen_table",
    "living_room_table",
    "microwave",
    "milk",
    "moka_pot",
    "orange_juice",
    "plate",
    "porcelain_mug",
    "red_coffee_mug",
    "study_table",
    "tomato_sauce",
    "white_cabinet",
    "white_yellow_mug",
    "wine_bottle",
    "wine_rack",
)
SUITE_CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "libero_spatial": (*_TABLETOP, "cookies", "glazed_rim_porcelain_ramekin"),
    "libero_object": (
        "alphabet_soup",
        "basket",
        "bbq_sauce",
        "butter",
        "chocolate_pudding",
        "cream_cheese",
        "floor",
        "ketchup",
        "milk",
        "orange_juice",
        "salad_dressing",
        "tomato_sauce",
    ),
    "libero_goal": (*_TABLETOP, "cream_cheese", "wine_bottle", "wine_rack"),
    "libero_10": _LONG,
    "libero_90": (
        *_LONG,
        "new_salad_dressing",
        "white_bowl",
        "wooden_cabinet",
        "wooden_tray",
        "wooden_two_layer_shelf",
        "yellow_book",
    ),
}
"""Suite to the categories of objects, fixtures and arenas in its task files, in LIBERO's words."""


def list_model_files(suite: str) -> tuple[str, ...]:
    """Returns the XML files of a suite, relative to the folder of assets.

    Raises:
        UnknownNameError: If there is no such suite.
    """
    categories = _find_categories(suite)
    models = [_MODELS[name] for name in categories if name in _MODELS]
    return (*models, *(f"scenes/{_SCENES[name]}.xml" for name in categories if name in _SCENES))


def list_surface_textures(suite: str) -> tuple[str, ...]:
    """Returns the textures of floors and walls of a suite, relative to the folder of assets.

    Raises:
        UnknownNameError: If there is no such suite.
    """
    return tuple(sorted(set(_name_surfaces(_find_categories(suite)))))


def _name_surfaces(categories: tuple[str, ...]) -> Iterator[str]:
    for arena in categories:
        for texture in _SURFACES.get(arena, ()):
            yield f"textures/{texture}.png"


def _find_categories(suite: str) -> tuple[str, ...]:
    if suite not in SUITE_CATEGORIES:
        raise UnknownNameError("suite", suite, SUITE_CATEGORIES, "the LIBERO assets")
    return SUITE_CATEGORIES[suite]
