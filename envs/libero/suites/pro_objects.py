"""LIBERO-PRO's objects of other looks, as classes of LIBERO, which finds objects by class."""

from __future__ import annotations

from typing import Any

LIKE = {
    "bigger_akita_black_bowl": "akita_black_bowl",
    "bigger_alphabet_soup": "alphabet_soup",
    "black_bowl": "akita_black_bowl",
    "blue_ketchup": "ketchup",
    "brown_rack": "wine_rack",
    "green_bbq_sauce": "bbq_sauce",
    "green_butter": "butter",
    "green_chocolate_pudding": "chocolate_pudding",
    "red_basket": "basket",
    "red_cream_cheese": "cream_cheese",
    "red_salad_dressing": "salad_dressing",
    "white_bottle": "wine_bottle",
    "yellow_cabinet": "wooden_cabinet",
    "yellow_milk": "milk",
    "yellow_moka_pot": "moka_pot",
    "yellow_plate": "plate",
    "yellow_stove": "flat_stove",
    "yellow_tomato_sauce": "tomato_sauce",
}
"""Category to LIBERO's own that it behaves like; its model is among the official assets."""


def register_objects(objects: dict[str, Any]) -> None:
    """Adds the objects to LIBERO's registry, once.

    Args:
        objects: LIBERO's ``OBJECTS_DICT``, category to class.
    """
    for category, model in LIKE.items():
        if category not in objects:
            objects[category] = _derive_class(objects[model], category)


def _derive_class(base: type[Any], category: str) -> type[Any]:
    """Returns a class that loads another model; LIBERO reads the category off its name."""

    def build_object(
        self: Any, name: str = category, obj_name: str = category, **given: Any
    ) -> None:
        base.__init__(self, name=name, obj_name=obj_name, **given)

    title = "".join(map(str.capitalize, category.split("_")))
    return type(title, (base,), {"__init__": build_object})
