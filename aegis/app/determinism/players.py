"""Players: what plays a group of stages, or records the course, inside a child process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from aegis.app.config.composition import ComposedConfig, make_target_factory
from aegis.app.config.lab import choose_units, read_suite_name
from aegis.app.config.part_builder import build_detector, build_policy, read_detector_nodes
from aegis.app.config.settings import Settings
from aegis.checks.determinism.course import Course, read_course, write_course
from aegis.checks.determinism.policy_stages import (
    DETECTORS,
    play_detector_stages,
    play_policy_stages,
)
from aegis.checks.determinism.recording import Recorder
from aegis.checks.determinism.results import StageResult
from aegis.checks.determinism.statistics_stage import GROUP as STATISTICS
from aegis.checks.determinism.statistics_stage import play_statistics_stage
from aegis.checks.determinism.world_stages import GROUP as WORLD
from aegis.checks.determinism.world_stages import (
    PICTURES,
    WorldFactory,
    play_picture_stages,
    play_world_stages,
    read_renderer,
    read_world_facts,
)
from aegis.core.capabilities import Fingerprinted
from aegis.core.errors import AegisError
from aegis.core.types import PolicyId
from aegis.host.chosen_kernels import describe_kernels

INPUTS, REFERENCES = "inputs.npz", "references.json"


@dataclass(frozen=True, slots=True)
class PlayedGroups:
    """What a child process gives back.

    Attributes:
        results: Stages in order.
        kernels: Library to the kernels that it chose in that process.
    """

    results: tuple[StageResult, ...]
    kernels: Mapping[str, str]


def play_groups(composed: ComposedConfig, groups: Sequence[str], folder: Path) -> PlayedGroups:
    """Plays groups of stages, one after the other; a group that cannot be built is a result.

    Args:
        composed: The configuration.
        groups: Names of groups.
        folder: Folder of the course.

    Raises:
        TraceError: If the course is missing or damaged.
    """
    course = read_course(folder / INPUTS)
    results: list[StageResult] = []
    for group in groups:
        try:
            results.extend(_PLAYERS[group](composed, course))
        except AegisError as error:
            results.append(StageResult(group, group, error=str(error)))
    return PlayedGroups(tuple(results), {**describe_kernels(), **_find_renderer(composed, groups)})


def record_inputs(composed: ComposedConfig, folder: Path) -> None:
    """Records the inputs of a course into a folder.

    Raises:
        AegisError: If something cannot be built, played or written.
    """
    settings = Settings(composed.tree)
    start, tasks = settings.level("start"), settings.integers("tasks")
    keys = choose_units(settings, start, read_suite_name(composed), len(tasks), None, None)
    weak, strong = (
        build_policy(composed, part, settings.node(part)) for part in ("weak", "strong")
    )
    try:
        recorder = Recorder(
            worlds=_make_worlds(composed),
            weak=weak,
            strong=strong,
            steps=settings.integer("steps", 1),
            spacing=settings.integer("spacing", 1),
        )
        write_course(recorder.record_course(keys), folder / INPUTS)
    finally:
        weak.close()
        strong.close()


def _make_worlds(composed: ComposedConfig) -> dict[str, WorldFactory]:
    """Returns what builds the world, by way of stepping; one without a name where it has none."""
    settings = Settings(composed.tree)
    node = settings.node("env")
    ways = settings.texts("stepping") if "stepping" in node else ("",)
    nodes = {way: {**node, "stepping": way} if way else node for way in ways}
    return {
        way: cast(WorldFactory, make_target_factory(composed, "env", one))
        for way, one in nodes.items()
    }


def _find_renderer(composed: ComposedConfig, groups: Sequence[str]) -> dict[str, str]:
    """Returns the driver of the pictures where they are played."""
    if PICTURES not in groups:
        return {}
    try:
        renderer = read_renderer(next(iter(_make_worlds(composed).values())))
    except AegisError:  # The stages of the pictures say why.
        return {}
    return {"opengl": renderer} if renderer else {}


def _read_env_node(composed: ComposedConfig) -> dict[str, Any]:
    """Returns the world's settings without groups that are off, such as disturbances at level 0.

    What a world was before it had them is still what references were recorded of.
    """
    node = Settings(composed.tree).node("env")
    off = [k for k, v in node.items() if isinstance(v, Mapping) and not any(v.values())]
    return {name: value for name, value in node.items() if name not in off}


def _play_world(composed: ComposedConfig, course: Course) -> Iterator[StageResult]:
    worlds = _make_worlds(composed)
    node = _read_env_node(composed)
    facts = read_world_facts(next(iter(worlds.values())))
    return _identify_results(play_world_stages(worlds, course), course, node, facts)


def _play_pictures(composed: ComposedConfig, course: Course) -> Iterator[StageResult]:
    make = next(iter(_make_worlds(composed).values()))
    node = _read_env_node(composed)
    results = play_picture_stages(make, course)
    return _identify_results(results, course, node, read_world_facts(make))


def _play_policy(part: PolicyId, composed: ComposedConfig, course: Course) -> Iterator[StageResult]:
    node = Settings(composed.tree).node(part)
    policy = build_policy(composed, part, node)
    try:
        facts = {"policy": policy.spec.digest}
        yield from _identify_results(play_policy_stages(part, policy, course), course, node, facts)
    finally:
        policy.close()


def _play_detectors(composed: ComposedConfig, course: Course) -> Iterator[StageResult]:
    for where, node in read_detector_nodes(Settings(composed.tree)).items():
        detector = build_detector(composed, where, node)
        facts = {"detector": detector.digest} if isinstance(detector, Fingerprinted) else {}
        yield from _identify_results(play_detector_stages([detector], course), course, node, facts)


def _play_statistics(composed: ComposedConfig, course: Course) -> Iterator[StageResult]:
    del composed
    return _identify_results([play_statistics_stage(course)], course, {}, {})


def _identify_results(
    results: Iterator[StageResult] | Sequence[StageResult],
    course: Course,
    node: Mapping[str, Any],
    facts: Mapping[str, str],
) -> Iterator[StageResult]:
    """Yields results with what they depend on: recorded inputs, settings, files."""
    text = json.dumps([course.digest, node, facts], sort_keys=True, default=str)
    identity = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    for result in results:
        yield replace(result, identity=identity)


_PLAYERS: Mapping[str, Callable[[ComposedConfig, Course], Iterator[StageResult]]] = {
    WORLD: _play_world,
    PICTURES: _play_pictures,
    "weak": partial(_play_policy, "weak"),
    "strong": partial(_play_policy, "strong"),
    DETECTORS: _play_detectors,
    STATISTICS: _play_statistics,
}
GROUPS = tuple(_PLAYERS)
"""Groups of stages, in the order of the table."""
