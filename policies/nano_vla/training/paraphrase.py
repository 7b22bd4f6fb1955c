"""Other ways to say the LIBERO-Spatial instructions: some for training, others only for tests."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aegis.core.errors import UnknownNameError

_CANONICAL_PATTERN = re.compile(r"pick up the black bowl (?P<where>.+) and place it on the plate")


@dataclass(frozen=True, slots=True)
class Grammar:
    """Templates and their fillers; every combination is a sentence.

    Attributes:
        templates: Sentences with the slots {pick}, {bowl}, {where}, {put} and {plate}.
        slots: Fillers of the slots other than {where}.
        wheres: Canonical place to the ways to say it.
    """

    templates: tuple[str, ...]
    slots: Mapping[str, tuple[str, ...]]
    wheres: Mapping[str, tuple[str, ...]]

    def draw_sentence(self, where: str, rng: np.random.Generator) -> str:
        """Returns one sentence about a place."""
        fillers = {name: _pick_option(options, rng) for name, options in self.slots.items()}
        place = _pick_option(self.wheres[where], rng)
        return _pick_option(self.templates, rng).format(where=place, **fillers)

    def list_sentences(self, where: str) -> Iterator[str]:
        """Yields every sentence about a place."""
        choices = itertools.product(*self.slots.values())
        for fillers in choices:
            slots = dict(zip(self.slots, fillers, strict=True))
            for place, template in itertools.product(self.wheres[where], self.templates):
                yield template.format(where=place, **slots)


TRAINING_GRAMMAR = Grammar(
    templates=(
        "{pick} {bowl} {where} and {put} it on {plate}",
        "{pick} {bowl} {where} then {put} it on {plate}",
        "{pick} {bowl} that is {where} and {put} it onto {plate}",
        "please {pick} {bowl} {where} and {put} it on {plate}",
        "{put} {bowl} {where} on {plate}",
        "{put} {bowl} that is {where} onto {plate}",
        "can you {put} {bowl} {where} on {plate}",
        "i want {bowl} {where} on {plate}",
        "find {bowl} {where} and {put} it on {plate}",
        "there is a bowl {where} {pick} it and {put} it on {plate}",
    ),
    slots={
        "pick": ("pick up", "pick", "grab", "take", "lift", "get"),
        "bowl": ("the black bowl", "the bowl", "the dark bowl", "a black bowl"),
        "put": ("place", "put", "set", "move"),
        "plate": ("the plate", "the white plate", "the dish"),
    },
    wheres={
        "between the plate and the ramekin": (
            "between the plate and the ramekin",
            "between the ramekin and the plate",
            "in between the plate and the ramekin",
            "in the middle of the plate and the ramekin",
        ),
        "next to the ramekin": (
            "next to the ramekin",
            "beside the ramekin",
            "near the ramekin",
            "by the side of the ramekin",
        ),
        "from table center": (
            "from table center",
            "from the center of the table",
            "in the middle of the table",
            "at the table center",
        ),
        "on the cookie box": (
            "on the cookie box",
            "on top of the cookie box",
            "on the box of cookies",
            "lying on the cookie box",
        ),
        "in the top drawer of the wooden cabinet": (
            "in the top drawer of the wooden cabinet",
            "in the top drawer of the cabinet",
            "inside the top drawer",
            "inside the upper drawer of the wooden cabinet",
        ),
        "on the ramekin": (
            "on the ramekin",
            "on top of the ramekin",
            "lying on the ramekin",
            "standing on the ramekin",
        ),
        "next to the cookie box": (
            "next to the cookie box",
            "beside the cookie box",
            "near the box of cookies",
            "by the side of the cookie box",
        ),
        "on the stove": (
            "on the stove",
            "on top of the stove",
            "lying on the stove",
            "standing on the stove",
        ),
        "next to the plate": (
            "next to the plate",
            "beside the plate",
            "near the plate",
            "by the side of the plate",
        ),
        "on the wooden cabinet": (
            "on the wooden cabinet",
            "on top of the wooden cabinet",
            "on the cabinet",
            "standing on the cabinet",
        ),
    },
)

HELD_OUT_GRAMMAR = Grammar(
    templates=(
        "would you {pick} {bowl} {where} and {put} it on {plate}",
        "{plate} should hold {bowl} {where}",
        "{bowl} {where} goes on {plate} please {pick} it",
        "go and {pick} {bowl} {where} before you {put} it on {plate}",
        "i need you to {put} {bowl} located {where} on {plate}",
    ),
    slots={
        "pick": ("fetch", "collect", "retrieve"),
        "bowl": ("that black bowl", "the small black bowl", "this bowl"),
        "put": ("deposit", "drop", "lay"),
        "plate": ("that plate", "the round plate"),
    },
    wheres={
        "between the plate and the ramekin": (
            "in the space between the ramekin and the plate",
            "with the plate and the ramekin on either side",
        ),
        "next to the ramekin": ("right by the ramekin", "close to the ramekin"),
        "from table center": ("in the center of the table", "at the middle of the table"),
        "on the cookie box": ("sitting on the cookie box", "atop the box of cookies"),
        "in the top drawer of the wooden cabinet": (
            "in the upper drawer",
            "within the top drawer of the cabinet",
        ),
        "on the ramekin": ("sitting on the ramekin", "atop the ramekin"),
        "next to the cookie box": ("right by the cookie box", "close to the cookie box"),
        "on the stove": ("sitting on the stove", "atop the stove"),
        "next to the plate": ("right by the plate", "close to the plate"),
        "on the wooden cabinet": ("sitting on the cabinet", "atop the wooden cabinet"),
    },
)


def find_place(instruction: str) -> str:
    """Returns the place in a canonical instruction.

    Raises:
        UnknownNameError: If the sentence is not one of the ten.
    """
    match = _CANONICAL_PATTERN.fullmatch(instruction.strip().lower())
    where = match["where"] if match else instruction
    if where not in TRAINING_GRAMMAR.wheres:
        allowed = [
            f"pick up the black bowl {w} and place it on the plate" for w in TRAINING_GRAMMAR.wheres
        ]
        raise UnknownNameError("instruction", instruction, allowed, "the paraphrase grammar")
    return where


def paraphrase_instruction(instruction: str, grammar: Grammar, rng: np.random.Generator) -> str:
    """Says a canonical instruction in other words; the same stream gives the same words.

    Raises:
        UnknownNameError: If the instruction is not one of the ten of LIBERO-Spatial.
    """
    return grammar.draw_sentence(find_place(instruction), rng)


def _pick_option(options: Sequence[str], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]
