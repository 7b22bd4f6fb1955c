"""Simulator truth for scripted experts and logs; a policy on a robot never sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mujoco
import numpy as np

from aegis.core.types import F64
from envs.libero.goals.terms import InRegion, JointAt, OnBody, OnRegion
from envs.libero.library import FIRST_SUITE
from envs.libero.scene import Scene
from envs.libero.scene_truth import SceneTruth
from envs.libero.term_truth import TermTruth, make_term_truth
from envs.panda import HandReader

_FINGER_PADS = ("gripper0_finger1_pad_collision", "gripper0_finger2_pad_collision")
TERM_KINDS = ("on_body", "on_region", "in_region", "open", "close", "turnon", "turnoff")
"""What a term asks for; ``term_kind`` in the truth is the number of one of these."""


class TruthReader:
    """Reads the privileged part of an observation.

    Args:
        scene: The task.

    Attributes:
        start: Where the object of each term stood at tick 0 [m]. Shape (n, 3).
        lagging_shapes: Truth that is read from the last substep, which MuJoCo's state does not
            hold, and its shapes.
    """

    def __init__(self, scene: Scene) -> None:
        self._terms = [make_term_truth(scene, term) for term in scene.goals]
        self._kinds = np.array([float(TERM_KINDS.index(_name_kind(t))) for t in scene.goals])
        self._hand = HandReader(scene.model)
        self.start = np.zeros((len(self._terms), 3))
        self._pads = [scene.model.geom(pad).id for pad in _FINGER_PADS]
        self._drawers = [_Drawer.find_for(scene, term.thing) for term in self._terms]
        # Spatial's observations and snapshots are those of locked studies.
        self._single = scene.suite == FIRST_SUITE
        # Spatial's tasks need no more than one object and one target.
        self._scene = None if self._single else SceneTruth(scene)
        n = len(self._terms)
        self.lagging_shapes: dict[str, tuple[int, ...]] = {"ee_vel": (3,), "touch": (2,)}
        if not self._single:
            self.lagging_shapes |= {"term_met": (n,), "term_touch": (n, 2)}

    def remember_start(self, data: mujoco.MjData) -> None:
        """Remembers where things stand when an episode starts."""
        self.start = np.array([term.read_pos(data) for term in self._terms])

    def read_met(self, lagging: Mapping[str, F64]) -> tuple[bool, ...]:
        """Returns which terms held, from the lagging truth of a snapshot.

        Spatial's snapshots do not say; its one term is the present one in any case.
        """
        met = lagging.get("term_met", np.zeros(len(self._terms)))
        return tuple(bool(one) for one in met)

    def read_truth(self, data: mujoco.MjData, met: Sequence[bool]) -> dict[str, F64]:
        """Returns simulator truth by name, from current kinematics.

        Of the present term, the first of the goal that is not met, or the last of all:
        ``object_pos``, ``object_mat``, ``target_pos``: what to move and where to put it [m], (3,),
        (3, 3), (3,); of a drawer, a door or a knob that is to be turned or slid its own pose, and
        NaN as a target. ``object_start``: where the object stood at tick 0 [m], (3,). ``touch``:
        whether each finger pad touches the object, (2,). ``drawer_axis``: horizontal unit vector
        along the drawer's width, (2,), NaN unless the object lies in a drawer.

        ``ee_pos``, ``ee_mat``, ``ee_vel``, ``fingers``: see `envs.panda.HandReader`.

        In all suites but LIBERO-Spatial, of each of the n terms: ``term_kind``, (n,), see
        ``TERM_KINDS``; ``term_met``: 1 if it holds, (n,); ``term_object_pos``,
        ``term_object_start``, ``term_target_pos`` [m], (n, 3); ``term_target_size``: half of the
        sides of the target region [m], (n, 3), NaN if there is none; ``term_joint``: position of
        its first joint, [rad] or [m], (n,), NaN if it has none; ``term_touch``, (n, 2). And what
        stands where: see `envs.libero.scene_truth.SceneTruth`.

        Args:
            data: The state.
            met: Whether each term holds, as the goal was last judged.
        """
        now = list(met).index(False) if not all(met) else len(self._terms) - 1
        term, drawer = self._terms[now], self._drawers[now]
        truth = {
            "object_pos": term.read_pos(data),
            "object_start": self.start[now],
            "object_mat": term.read_mat(data),
            "target_pos": term.read_target(data),
            **self._hand.read_truth(data),
            "touch": self._read_touch(data, term),
            "drawer_axis": np.full(2, np.nan) if drawer is None else drawer.read_axis(data),
        }
        if self._scene is None:
            return truth
        return {**truth, **self._read_terms(data, met), **self._scene.read_truth(data)}

    def _read_terms(self, data: mujoco.MjData, met: Sequence[bool]) -> dict[str, F64]:
        terms = self._terms
        return {
            "term_kind": self._kinds,
            "term_met": np.array(met, dtype=np.float64),
            "term_object_pos": np.array([term.read_pos(data) for term in terms]),
            "term_object_start": self.start,
            "term_target_pos": np.array([term.read_target(data) for term in terms]),
            "term_target_size": np.array([term.size for term in terms]),
            "term_joint": np.array([term.read_joint(data) for term in terms]),
            "term_touch": np.array([self._read_touch(data, term) for term in terms]),
        }

    def _read_touch(self, data: mujoco.MjData, term: TermTruth) -> F64:
        """Returns 1 for each finger pad that touches the term's object, else 0. Shape (2,)."""
        touch = np.zeros(2)
        geom = data.contact.geom
        for i, pad in enumerate(self._pads):
            other = np.concatenate((geom[geom[:, 0] == pad, 1], geom[geom[:, 1] == pad, 0]))
            touch[i] = term.geoms[other].any()
        return touch


class _Drawer:
    """The drawer that an object lies in when an episode starts.

    Args:
        model: The compiled model.
        body: Id of the object's body.
        site: Id of the drawer's site.
    """

    def __init__(self, model: mujoco.MjModel, body: int, site: int) -> None:
        self._body, self._site, self._size = body, site, model.site_size[site]

    @classmethod
    def find_for(cls, scene: Scene, thing: str) -> _Drawer | None:
        """Returns the drawer of an object, or None if it lies in none."""
        for movable in scene.movables:
            if movable.name == thing and movable.inside and movable.region:
                region = scene.find_region(movable.region)
                if region.joints:
                    return cls(scene.model, movable.body, region.site)
        return None

    def read_axis(self, data: mujoco.MjData) -> F64:
        """Returns the unit vector along the drawer's width, or NaN out of it. Shape (2,)."""
        frame = data.site_xmat[self._site].reshape(3, 3)
        local = frame.T @ (data.xpos[self._body] - data.site_xpos[self._site])
        if (np.abs(local) > self._size + 0.03).any():
            return np.full(2, np.nan)
        # The site's longest horizontal side is the drawer's width.
        # Within 45 degrees of the horizontal.
        horizontal = [i for i in range(3) if abs(frame[2, i]) < 0.7]
        widest = max(horizontal, key=lambda i: float(self._size[i]))
        axis = frame[:2, widest]
        return np.asarray(axis / np.linalg.norm(axis), dtype=np.float64)


def _name_kind(term: OnBody | OnRegion | InRegion | JointAt) -> str:
    match term:
        case OnBody():
            return "on_body"
        case OnRegion():
            return "on_region"
        case InRegion():
            return "in_region"
        case JointAt():
            return term.predicate
