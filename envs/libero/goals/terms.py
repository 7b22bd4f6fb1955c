"""Terms of a goal: what one of LIBERO's predicates asks for, by ids and numbers of the scene.

A task's goal is a conjunction of one to three terms, judged at one instant. Terms are plain data,
kept beside the compiled model; `envs.libero.goals.checker` judges them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

BELOW, ABOVE, AT_LEAST = "<", ">", ">="
"""How a joint's position is compared with its limit."""


@dataclass(frozen=True, slots=True)
class OnBody:
    """An object is on another, or on a fixture: LIBERO's ``On(object, object)``.

    Attributes:
        thing: Name of the object.
        target: Name of what carries it.
    """

    thing: str
    target: str


@dataclass(frozen=True, slots=True)
class OnRegion:
    """An object is on a region: ``On(object, region)``.

    Attributes:
        thing: Name of the object.
        region: Name of the region.
    """

    thing: str
    region: str


@dataclass(frozen=True, slots=True)
class InRegion:
    """An object is in a region: ``In(object, region)``.

    Attributes:
        thing: Name of the object.
        region: Name of the region.
    """

    thing: str
    region: str


@dataclass(frozen=True, slots=True)
class JointAt:
    """Joints of a fixture are beyond a limit: ``Open``, ``Close``, ``TurnOn``, ``TurnOff``.

    Attributes:
        predicate: ``"open"``, ``"close"``, ``"turnon"`` or ``"turnoff"``.
        fixture: Name of the fixture.
        joints: Names of the joints that are looked at.
        comparison: ``BELOW``, ``ABOVE`` or ``AT_LEAST`` the limit.
        limit: In the joint's unit, [rad] or [m].
        every: Whether all joints must be beyond it, rather than one of them.
    """

    predicate: str
    fixture: str
    joints: tuple[str, ...]
    comparison: str
    limit: float
    every: bool


GoalTerm: TypeAlias = OnBody | OnRegion | InRegion | JointAt

_KINDS: dict[str, type[GoalTerm]] = {
    kind.__name__: kind for kind in (OnBody, OnRegion, InRegion, JointAt)
}


def describe_term(term: GoalTerm) -> str:
    """Returns a term in LIBERO's words, for example ``on(plate_1, main_table_stove_region)``."""
    match term:
        case OnBody(thing, target):
            return f"on({thing}, {target})"
        case OnRegion(thing, region):
            return f"on({thing}, {region})"
        case InRegion(thing, region):
            return f"in({thing}, {region})"
        case JointAt():
            return f"{term.predicate}({term.fixture}: {', '.join(term.joints)})"


def list_named_things(terms: Sequence[GoalTerm]) -> list[str]:
    """Returns the names of the objects and fixtures that terms name, each once, in their order."""
    names: list[str] = []
    for term in terms:
        match term:
            case OnBody(thing, target):
                names += [thing, target]
            case OnRegion(thing, _) | InRegion(thing, _):
                names.append(thing)
            case JointAt():
                names.append(term.fixture)
    return list(dict.fromkeys(names))


def pack_term(term: GoalTerm) -> dict[str, object]:
    """Returns a term as JSON can hold it; `unpack_term` reads it."""
    return {"kind": type(term).__name__, **asdict(term)}


def unpack_term(packed: Mapping[str, object]) -> GoalTerm:
    """Returns the term that `pack_term` was given.

    Raises:
        KeyError: If it is of no known kind.
        TypeError: If its fields are others.
    """
    fields: dict[str, Any] = {name: value for name, value in packed.items() if name != "kind"}
    if "joints" in fields:
        fields["joints"] = tuple(fields["joints"])
    return _KINDS[str(packed["kind"])](**fields)
