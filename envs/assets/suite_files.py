"""Which models and textures the tasks of each LIBERO suite load from a folder of assets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from aegis.core.errors import AssetError, UnknownNameError
from envs.assets.installation import TASK_LISTS, TASKS

PRO_PREFIX = "libero_pro_"
"""What the names of LIBERO-PRO's suites begin with."""

_FOLDERS = {
    "articulated_objects/{0}.xml": (
        "flat_stove",
        "microwave",
        "white_cabinet",
        "wooden_cabinet",
        "yellow_cabinet",
        "yellow_stove",
    ),
    "stable_hope_objects/{0}/{0}.xml": (
        "alphabet_soup",
        "bbq_sauce",
        "bigger_alphabet_soup",
        "blue_ketchup",
        "butter",
        "chocolate_pudding",
        "cookies",
        "cream_cheese",
        "green_bbq_sauce",
        "green_butter",
        "green_chocolate_pudding",
        "ketchup",
        "milk",
        "new_salad_dressing",
        "orange_juice",
        "red_cream_cheese",
        "red_salad_dressing",
        "salad_dressing",
        "tomato_sauce",
        "yellow_milk",
        "yellow_tomato_sauce",
    ),
    "stable_scanned_objects/{0}/{0}.xml": (
        "akita_black_bowl",
        "basket",
        "bigger_akita_black_bowl",
        "black_bowl",
        "chefmate_8_frypan",
        "glazed_rim_porcelain_ramekin",
        "plate",
        "red_basket",
        "white_bowl",
        "yellow_plate",
    ),
    "turbosquid_objects/{0}/{0}.xml": (
        "black_book",
        "brown_rack",
        "desk_caddy",
        "moka_pot",
        "porcelain_mug",
        "red_coffee_mug",
        "white_bottle",
        "white_yellow_mug",
        "wine_bottle",
        "wine_rack",
        "wooden_tray",
        "wooden_two_layer_shelf",
        "yellow_book",
        "yellow_moka_pot",
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
_STANDARD: Mapping[str, tuple[str, ...]] = {
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
_OTHERS: Mapping[str, Mapping[str, str]] = {
    "spatial": {"akita_black_bowl": "black_bowl", "plate": "yellow_plate"},
    "object": {"basket": "red_basket"},
    "goal": {},
    "10": {
        "akita_black_bowl": "black_bowl",
        "basket": "red_basket",
        "black_book": "",
        "chocolate_pudding": "green_chocolate_pudding",
        "moka_pot": "yellow_moka_pot",
        "plate": "yellow_plate",
        "white_cabinet": "wooden_cabinet",
    },
}
"""Categories that LIBERO-PRO's suites of other looks have no more, and what they have instead."""
_MORE: Mapping[str, tuple[str, ...]] = {
    "spatial": (),
    "object": (
        "bigger_alphabet_soup",
        "blue_ketchup",
        "green_bbq_sauce",
        "green_butter",
        "green_chocolate_pudding",
        "red_cream_cheese",
        "red_salad_dressing",
        "yellow_milk",
        "yellow_tomato_sauce",
    ),
    "goal": (
        "bigger_akita_black_bowl",
        "brown_rack",
        "red_cream_cheese",
        "white_bottle",
        "yellow_cabinet",
        "yellow_plate",
        "yellow_stove",
    ),
    "10": (
        "bigger_alphabet_soup",
        "green_butter",
        "red_cream_cheese",
        "yellow_stove",
        "yellow_tomato_sauce",
    ),
}
"""Categories that those suites have beside the standard ones."""


def _change_looks(base: str) -> tuple[str, ...]:
    """Returns the categories of LIBERO-PRO's suite of other looks."""
    kept = [_OTHERS[base].get(name, name) for name in _STANDARD[f"libero_{base}"]]
    return (*filter(None, kept), *_MORE[base])


SUITE_CATEGORIES: Mapping[str, tuple[str, ...]] = {
    **_STANDARD,
    **{
        f"libero_pro_{base}_{kind}": _STANDARD[f"libero_{base}"]
        for base in _MORE
        for kind in ("lan", "swap", "task")
    },
    **{f"libero_pro_{base}_object": _change_looks(base) for base in _MORE},
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


def list_task_files(path: Path, suite: str) -> tuple[str, ...]:
    """Returns the files of LIBERO-PRO's tasks, relative to the folder of assets that holds them.

    LIBERO's own are hf-libero's, so that there are none in the folder.

    Raises:
        AssetError: If the list of tasks is there and cannot be read.
    """
    if not suite.startswith(PRO_PREFIX):
        return ()
    lists = TASK_LISTS.as_posix()
    if not (path / TASK_LISTS).is_file():
        return (lists,)
    folder, names = name_task_folder(suite), read_task_list(path, suite)
    problems = (f"{TASKS}/bddl_files/{folder}/{name}.bddl" for name in names)
    states = (f"{TASKS}/init_files/{folder}/{name}.pruned_init.npz" for name in names)
    return (lists, *problems, *states)


def name_task_folder(suite: str) -> str:
    """Returns the folder of a suite's task files: LIBERO-PRO names its own without saying so."""
    return suite.replace(PRO_PREFIX, "libero_")


def read_task_list(path: Path, suite: str) -> tuple[str, ...]:
    """Returns the names of the tasks of one of LIBERO-PRO's suites, in their order.

    Raises:
        AssetError: If a folder of assets does not list them.
    """
    try:
        found = json.loads((path / TASK_LISTS).read_text("utf-8"))[name_task_folder(suite)]
        if not all(isinstance(name, str) and "/" not in name for name in found):
            raise TypeError(found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AssetError(
            f"'{path / TASK_LISTS}' does not list the tasks of {suite}. LIBERO-PRO's task files "
            "come with `aegis assets install official`; then env.assets=official."
        ) from error
    return tuple(found)


def _name_surfaces(categories: tuple[str, ...]) -> Iterator[str]:
    for arena in categories:
        for texture in _SURFACES.get(arena, ()):
            yield f"textures/{texture}.png"


def _find_categories(suite: str) -> tuple[str, ...]:
    if suite not in SUITE_CATEGORIES:
        raise UnknownNameError("suite", suite, SUITE_CATEGORIES, "the LIBERO assets")
    return SUITE_CATEGORIES[suite]
