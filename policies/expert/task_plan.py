"""From a goal to the hand: the first unmet term, the skill for it, and the skill's phase."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aegis.core.errors import ConfigError
from aegis.core.types import F64
from policies.expert.approach import plan_approach
from policies.expert.articulation import is_drawer_open, plan_knob, plan_pull, plan_push
from policies.expert.grasp import choose_grasp, is_holding
from policies.expert.hand_motion import OPEN, HandGoal
from policies.expert.parking import find_parking, is_in_the_way
from policies.expert.placing import Place, is_released, plan_carry
from policies.expert.scene_view import SceneView

ON_BODY, ON_REGION, IN_REGION, OPENED, CLOSED, ON, OFF = range(7)
"""Kinds of terms, as ``term_kind`` numbers them; the first three are about placing."""
KINDS = ("On", "On", "In", "Open", "Close", "TurnOn", "TurnOff")
"""LIBERO's predicate of each kind."""
RISE = 0.10
"""How far the hand rises once it has let go [m]."""
LET_GO_REACH = 0.06
"""Distance of the hand from a thing in its place within which it is about to let go [m]."""
PALM_ROOM = 0.025
"""How far below the walls of a basket the grip site may be [m]."""


def plan_task(truth: Mapping[str, F64]) -> HandGoal:
    """Returns where the hand should go.

    Args:
        truth: Simulator truth of a whole scene, whose goal was checked; see
            `envs.libero.scene_truth`.
    """
    view = SceneView(truth)
    things = [int(thing) for thing in truth["term_thing"]]
    moved = [i for i, kind in enumerate(truth["term_kind"]) if kind <= IN_REGION]
    held = [i for i in moved if is_holding(view, things[i])]
    unmet = [i for i, met in enumerate(truth["term_met"]) if not met]
    if held:
        # Also what is in its place already: it must be let go before anything else.
        return plan_carry(view, things[held[0]], find_place(view, held[0]))
    if not unmet:
        return HandGoal(view.ee + np.array([0.0, 0.0, RISE]), view.finger_axis, OPEN)
    # What is put behind a door comes before the door is closed.
    term = min(unmet, key=lambda i: truth["term_kind"][i] == CLOSED)
    return _plan_move(view, term) if term in moved else _plan_door(view, term)


def _plan_move(view: SceneView, term: int) -> HandGoal:
    """Returns where an empty hand should go for a term that is about placing."""
    thing = int(view.truth["term_thing"][term])
    if is_released(view, thing, find_place(view, term)) and _is_near(view, thing):
        return HandGoal(view.ee + np.array([0.0, 0.0, RISE]), view.finger_axis, OPEN)
    shut = _is_behind_door(view.truth, term) and not is_drawer_open(view, term)
    if shut and not is_in_the_way(view, term):
        return plan_pull(view, term)
    return plan_approach(view, choose_grasp(view, thing))


def _plan_door(view: SceneView, term: int) -> HandGoal:
    """Returns where the hand should go for a term that is about a joint."""
    kind = int(view.truth["term_kind"][term])
    if kind in (ON, OFF):
        return plan_knob(view, term, 1.0 if kind == ON else -1.0)
    return plan_pull(view, term) if kind == OPENED else plan_push(view, term)


def _is_behind_door(truth: Mapping[str, F64], term: int) -> bool:
    return int(truth["term_kind"][term]) == IN_REGION and bool(truth["door_body"][term] >= 0)


def check_goal(truth: Mapping[str, F64], task: str) -> None:
    """Refuses goals with terms that the expert cannot do.

    Args:
        truth: Simulator truth of a whole scene.
        task: The task in words, for the message.

    Raises:
        ConfigError: If a term is about a door that turns, or about a place behind one.
    """
    for term, kind in enumerate(truth["term_kind"]):
        door = kind in (OPENED, CLOSED) or _is_behind_door(truth, term)
        if door and not truth["door_slides"][term]:
            raise ConfigError(
                f"The scripted expert cannot do term {term} of the goal of '{task}', "
                f"'{KINDS[int(kind)]}' with a door on a hinge: it opens and closes drawers only. "
                "Choose other tasks (tasks=[...]) or another policy."
            )


def find_place(view: SceneView, term: int) -> Place:
    """Returns where the object of a term belongs."""
    truth, thing = view.truth, int(view.truth["term_thing"][term])
    target, owner = truth["term_target_pos"][term], int(truth["term_owner"][term])
    low, _ = view.read_box(thing)
    if owner < 0:
        # A zone of the table: as high as the thing stood, measured at its origin.
        drop = truth["thing_pos"][thing][2] - low[2]
        return Place(target[:2], float(truth["term_object_start"][term][2] - drop))
    if _is_behind_door(truth, term) and not is_drawer_open(view, term):
        return find_parking(view, term)
    xy = target[:2]
    if int(truth["term_kind"][term]) == IN_REGION:
        xy = find_free_spot(view, term)
    mask = view.mask_thing(owner)
    top = view.find_top(mask, xy, xy, np.zeros(2))
    bottom = top if np.isfinite(top) else float(target[2])
    if int(truth["term_kind"][term]) == IN_REGION:
        # The palm is wider than a basket: what is held drops from where the palm meets the walls.
        walls = float(view.high[mask, 2].max())
        bottom = max(bottom, walls - PALM_ROOM + low[2] - view.ee[2])
    return Place(xy, bottom)


def find_free_spot(view: SceneView, term: int) -> F64:
    """Returns where in a region there is room beside what lies there already [m]. Shape (2,)."""
    truth, thing = view.truth, int(view.truth["term_thing"][term])
    centre = truth["term_target_pos"][term]
    half = np.abs(truth["term_target_mat"][term] @ truth["term_target_size"][term])
    low, high = view.read_box(thing)
    size = (high - low) / 2
    room = np.maximum(half[:2] - size[:2] - 0.005, 0.0)
    inside = [
        (low, high)
        for other, movable in enumerate(truth["thing_movable"])
        if movable and other not in (thing, int(truth["term_owner"][term]))
        for low, high in [view.read_box(other)]
        if (np.abs((low + high) / 2 - centre)[:2] < half[:2] + 0.02).all()
    ]
    steps = (0.0, -0.5, 0.5, -1.0, 1.0)
    spots = [centre[:2] + room * (along, aside) for along in steps for aside in steps]
    return min(spots, key=lambda spot: _find_overlap(spot, size[:2], inside))


def _find_overlap(spot: F64, size: F64, others: list[tuple[F64, F64]]) -> float:
    """Returns the area [m^2] by which a thing at a spot would lie on others."""
    area = 0.0
    for low, high in others:
        sides = np.minimum(spot + size, high[:2]) - np.maximum(spot - size, low[:2])
        area += float(np.prod(np.clip(sides, 0.0, None)))
    return area


def _is_near(view: SceneView, thing: int) -> bool:
    low, high = view.read_box(thing)
    return bool((view.ee > low - LET_GO_REACH).all() and (view.ee < high + LET_GO_REACH).all())
