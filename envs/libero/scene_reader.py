"""Reads what our code must know of a task off LIBERO's problem object: things, regions, goals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import mujoco

from aegis.core.errors import ConfigError
from envs.libero.goals.terms import (
    ABOVE,
    AT_LEAST,
    BELOW,
    GoalTerm,
    InRegion,
    JointAt,
    OnBody,
    OnRegion,
)
from envs.libero.scene import Fixture, Glow, Joint, Movable, Region, SceneMeta

OPENS_BELOW = ("microwave", "white_cabinet", "wooden_cabinet", "yellow_cabinet")
"""Categories whose joints open towards negative positions, as all do that LIBERO's tasks have."""
_RANGES = {
    "open": "default_open_ranges",
    "close": "default_close_ranges",
    "turnon": "default_turnon_ranges",
    "turnoff": "default_turnoff_ranges",
}


def read_scene_meta(problem: Any, model: mujoco.MjModel, instruction: str) -> SceneMeta:
    """Reads a task.

    Args:
        problem: LIBERO's problem object.
        model: The model, compiled from the problem's XML: ids are those of the problem's own.
        instruction: The task in words.

    Raises:
        ConfigError: If the task's goal is of a kind that is not supported.
    """
    return SceneMeta(
        instruction=instruction,
        movables=_read_movables(problem, model),
        fixtures=_read_fixtures(problem, model),
        regions=_read_regions(problem, model),
        joints=tuple(_list_joints(problem, model)),
        glows=tuple(_list_glows(problem, model)),
        goals=tuple(_read_term(problem, goal) for goal in problem.parsed_problem["goal_state"]),
    )


def _read_movables(problem: Any, model: mujoco.MjModel) -> tuple[Movable, ...]:
    supports = _read_supports(problem)
    movables = []
    for name, thing in problem.objects_dict.items():
        support, inside, region = supports[name]
        movables.append(
            Movable(
                name=name,
                body=model.body(thing.root_body).id,
                qpos=int(model.jnt_qposadr[model.joint(thing.joints[-1]).id]),
                geoms=_find_contact_geoms(thing, model),
                support=support,
                inside=inside,
                region=region,
            )
        )
    return tuple(movables)


def _find_contact_geoms(thing: Any, model: mujoco.MjModel) -> tuple[int, ...]:
    return tuple(model.geom(geom).id for geom in thing.contact_geoms)


def _read_supports(problem: Any) -> dict[str, tuple[str, bool, str]]:
    """Reads what stands on or in what, and in which region of it, from the BDDL's initial state."""
    regions = problem.parsed_problem["regions"]
    supports = {}
    for predicate, *arguments in problem.parsed_problem["initial_state"]:
        if predicate not in ("on", "in"):
            continue
        name, place = arguments
        support = regions[place]["target"] if place in regions else place
        if support == problem.workspace_name:
            supports[name] = ("table", False, "")
        else:
            supports[name] = (support, predicate == "in", place if place in regions else "")
    return supports


def _read_fixtures(problem: Any, model: mujoco.MjModel) -> tuple[Fixture, ...]:
    regions = problem.parsed_problem["regions"]
    # LIBERO's regions are relative to the middle of the table, which is not everywhere at 0.
    dx, dy = (float(value) for value in problem.workspace_offset[:2])
    fixtures = []
    for predicate, name, *place in problem.parsed_problem["initial_state"]:
        if predicate != "on" or name not in problem.fixtures_dict:
            continue
        region = regions[place[0]]
        if len(region["ranges"]) != 1 or region["target"] != problem.workspace_name:
            raise ConfigError(
                f"Fixture '{name}' stands in region '{place[0]}' of '{region['target']}' with "
                f"{len(region['ranges'])} ranges; only one range of the table is supported."
            )
        x0, y0, x1, y1 = region["ranges"][0]
        thing = problem.fixtures_dict[name]
        body = model.body(thing.root_body).id
        fixtures.append(
            Fixture(
                name=name,
                body=body,
                x=(x0 + dx, x1 + dx),
                y=(y0 + dy, y1 + dy),
                yaw=tuple(region["yaw_rotation"]),
                # Its own model's: LIBERO has placed the fixture there.
                z=float(problem.sim.model.body_pos[body][2]),
                geoms=_find_contact_geoms(thing, model),
            )
        )
    return tuple(fixtures)


def _read_regions(problem: Any, model: mujoco.MjModel) -> tuple[Region, ...]:
    regions = []
    for name, site in problem.object_sites_dict.items():
        # LIBERO compares with its own numbers, of which the model's are a rounded print.
        x, y, z = (float(value) for value in site.size)
        owner, joints = site.parent_name or "", tuple(site.joints or ())
        regions.append(Region(name, model.site(name).id, (x, y, z), owner, joints))
    return tuple(regions)


def _list_joints(problem: Any, model: mujoco.MjModel) -> Iterator[Joint]:
    for name, thing in problem.fixtures_dict.items():
        for joint in thing.joints:
            number = model.joint(joint).id
            place = int(model.jnt_qposadr[number])
            yield Joint(joint, name, int(model.jnt_bodyid[number]), place)


def _list_glows(problem: Any, model: mujoco.MjModel) -> Iterator[Glow]:
    for thing in problem.fixtures_dict.values():
        for site, _ in thing.object_properties["vis_site_names"].values():
            limit = min(thing.object_properties["articulation"][_RANGES["turnon"]])
            (joint,) = thing.joints
            place = int(model.jnt_qposadr[model.joint(joint).id])
            yield Glow(model.site(site).id, place, float(limit))


def _read_term(problem: Any, goal: Sequence[str]) -> GoalTerm:
    predicate, *arguments = goal
    movables, fixtures = problem.objects_dict, problem.fixtures_dict
    regions = problem.object_sites_dict
    match arguments:
        case [thing, target] if thing in movables and predicate == "on":
            if target in movables or target in fixtures:
                return OnBody(thing, target)
            if target in regions:
                return OnRegion(thing, target)
        case [thing, target] if thing in movables and predicate == "in" and target in regions:
            return InRegion(thing, target)
        case [name] if predicate in _RANGES:
            if name in fixtures:
                return _read_joint_term(predicate, fixtures[name], fixtures[name].joints)
            # LIBERO turns on and off whole fixtures only.
            if name in regions and predicate in ("open", "close"):
                owner = problem.get_object(regions[name].parent_name)
                return _read_joint_term(predicate, owner, regions[name].joints)
    raise ConfigError(
        f"The goal {goal} is not supported. Supported: On(object, object or region), "
        "In(object, region), Open, Close (fixture or region), TurnOn, TurnOff (fixture)."
    )


def _read_joint_term(predicate: str, fixture: Any, joints: Sequence[str]) -> JointAt:
    """Reads the limit that LIBERO's class of the fixture compares joints with."""
    ranges = fixture.object_properties["articulation"].get(_RANGES[predicate])
    if not ranges or (predicate in ("open", "close") and fixture.category_name not in OPENS_BELOW):
        raise ConfigError(f"A '{fixture.category_name}' is not known to {predicate}.")
    comparison, limit, every = {
        "open": (BELOW, max(ranges), False),
        "close": (ABOVE, min(ranges), True),
        "turnon": (AT_LEAST, min(ranges), False),
        "turnoff": (BELOW, max(ranges), True),
    }[predicate]
    return JointAt(predicate, fixture.name, tuple(joints), comparison, float(limit), every)
