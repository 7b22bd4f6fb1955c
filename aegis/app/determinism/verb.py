"""The verb: plays the course of a configuration, and compares or records what comes out."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aegis.app.config.composition import ComposedConfig, compose_config
from aegis.app.config.folders import find_config_folders
from aegis.app.config.part_builder import PORTABLE, is_portable
from aegis.app.config.paths import resolve_paths
from aegis.app.config.settings import Settings
from aegis.app.determinism.children import play_in_children, record_in_child
from aegis.app.determinism.players import GROUPS, INPUTS, REFERENCES, PlayedGroups
from aegis.app.determinism.printing import ComparedCourse, print_course
from aegis.app.experiment import compose_or_show
from aegis.app.screen import Json, Screen
from aegis.checks.determinism.references import (
    NO_REFERENCES,
    Agreement,
    build_column,
    read_references,
    write_references,
)
from aegis.checks.determinism.statistics_stage import GROUP as STATISTICS
from aegis.core.errors import UnknownNameError
from aegis.host.dispatch import NATIVE_LEVEL, PORTABLE_LEVEL, describe_cpu
from aegis.records.provenance import BENCH_PACKAGES, describe_machine, read_versions


def play_course(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    """Plays the course of a configuration.

    Returns:
        Machine, kernels and stages; ``exit_code`` is 4 if a stage differs or fails.

    Raises:
        AegisError: If the course cannot be read, or the configuration is wrong.
    """
    composed = compose_or_show("determinism", options, screen)
    if composed is None:
        return {}
    settings = Settings(composed.tree)
    groups, recording = _choose_groups(settings), settings.value("record") is not None
    folder = Path(resolve_paths(settings.text("record" if recording else "course")))
    if recording and not (folder / INPUTS).exists():
        folder.mkdir(parents=True, exist_ok=True)
        with screen.err.status("recording the course"):
            record_in_child(composed, folder)
    with screen.err.status("playing the course"):
        course = _play_groups(composed, groups, folder)
    if recording:
        _record_column(folder / REFERENCES, course)
    return print_course(_find_column(course, folder), screen)


def repeats_native_references() -> bool:
    """Says whether this machine, with libraries that choose freely, repeats the shipped references.

    Those are of the class of machine that played the studies whose manifests name no machine.

    Raises:
        AegisError: If the shipped course cannot be read.
    """
    groups = [group for group in GROUPS if group != STATISTICS]
    words = [f"{PORTABLE}=false"]
    composed = compose_config("determinism", words, *find_config_folders("determinism", None))
    folder = Path(resolve_paths(Settings(composed.tree).text("course")))
    course = _find_column(_play_groups(composed, groups, folder), folder)
    found = [agreement for _, agreement in course.compare_stages()]
    return set(found) == {Agreement.EQUAL}


def _play_groups(composed: ComposedConfig, groups: Sequence[str], folder: Path) -> ComparedCourse:
    """Plays groups of stages of a course; beside no references yet."""
    played = play_in_children(composed, groups, folder)
    return ComparedCourse(
        level=PORTABLE_LEVEL if is_portable(Settings(composed.tree)) else NATIVE_LEVEL,
        machine=_describe_here(played),
        results=[result for group in played for result in group.results],
        column=NO_REFERENCES,
    )


def _find_column(course: ComparedCourse, folder: Path) -> ComparedCourse:
    """Returns a course beside the references of its level."""
    columns = read_references(folder / REFERENCES)
    return replace(course, column=columns.get(course.level, NO_REFERENCES))


def _choose_groups(settings: Settings) -> tuple[str, ...]:
    """Returns the groups of stages to play.

    Raises:
        UnknownNameError: If there is no such group.
    """
    groups = settings.texts("stages")
    for name in groups:
        if name not in GROUPS:
            raise UnknownNameError("stage", name, GROUPS, "'stages'")
    return groups


def _describe_here(played: Sequence[PlayedGroups]) -> dict[str, Any]:
    """Returns processor, versions, and the kernels that libraries chose in all processes."""
    merged: dict[str, dict[str, None]] = {}
    for group in played:
        for name, choice in group.kernels.items():
            merged.setdefault(name, {})[choice] = None
    return {
        "cpu": describe_machine()["cpu"],
        "class": describe_cpu(),
        "kernels": {name: " and ".join(choices) for name, choices in merged.items()},
        "versions": dict(read_versions((*BENCH_PACKAGES, "scipy"))),
    }


def _record_column(path: Path, course: ComparedCourse) -> None:
    """Replaces the references of a level; stages that were not played keep theirs."""
    columns = read_references(path)
    new = build_column(course.machine, course.results)
    kept = columns.get(course.level, NO_REFERENCES).stages
    column = replace(new, stages={**kept, **new.stages})
    write_references(path, {**columns, course.level: column})
