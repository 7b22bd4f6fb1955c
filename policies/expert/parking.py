"""Where a thing is put aside that lies where a drawer will open over it."""

from __future__ import annotations

import numpy as np

from aegis.core.types import F64
from policies.expert.articulation import find_way_out
from policies.expert.placing import Place
from policies.expert.scene_view import SceneView

HAND_ROOM = 0.13
"""Room for the hand between a drawer and what is to be grasped beside it [m]."""
SPOT_STEP = 0.05
"""Distance between the spots that are tried [m]."""
SPOT_RADIUS = 0.09
"""Room for a thing and fingers around a spot [m]."""


def is_in_the_way(view: SceneView, term: int) -> bool:
    """Returns whether a term's thing lies under or near where its drawer will be."""
    low, high = find_sweep(view, term)
    place = view.truth["thing_pos"][int(view.truth["term_thing"][term])][:2]
    return bool((place > low - HAND_ROOM).all() and (place < high + HAND_ROOM).all())


def find_sweep(view: SceneView, term: int) -> tuple[F64, F64]:
    """Returns the corners of where a term's drawer stands out once it is open [m]. (2,) each."""
    truth, out = view.truth, find_way_out(view, term)[:2]
    mask = truth["geom_body"] == truth["door_body"][term]
    end = max(truth["door_range"][term], key=abs)
    rest = abs(end - truth["door_joint"][term]) * out
    low, high = view.low[mask, :2].min(axis=0), view.high[mask, :2].max(axis=0)
    return np.minimum(low, low + rest), np.maximum(high, high + rest)


def find_parking(view: SceneView, term: int) -> Place:
    """Returns where a term's thing is put aside: towards the robot, where nothing stands."""
    truth, thing = view.truth, int(view.truth["term_thing"][term])
    low, _ = view.read_box(thing)
    drop = truth["thing_pos"][thing][2] - low[2]
    start = truth["term_object_start"][term]
    edge = find_sweep(view, term)[0][0] - HAND_ROOM - 0.02
    steps = SPOT_STEP * np.arange(-4, 5)
    spots = [np.array([edge - abs(a) / 2, start[1] + b]) for a in steps for b in steps]
    others = ~view.mask_thing(thing)

    def find_cost(spot: F64) -> float:
        top = view.find_top(others, spot, spot, np.full(2, SPOT_RADIUS))
        return float(np.hypot(*(spot - start[:2]))) + 10.0 * float(np.isfinite(top))

    return Place(min(spots, key=find_cost), float(start[2] - drop))
