"""The verb: plays the course, compares it with its references, and prints or records it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aegis.app.config.lab import is_portable
from aegis.app.config.paths import resolve_paths
from aegis.app.config.settings import Settings
from aegis.app.determinism.children import play_in_children, record_in_child
from aegis.app.determinism.players import GROUPS, INPUTS, REFERENCES, PlayedGroups
from aegis.app.experiment import compose_or_show
from aegis.app.screen import Json, Screen
from aegis.checks.determinism.references import (
    NO_REFERENCES,
    Agreement,
    ReferenceColumn,
    build_column,
    read_references,
    write_references,
)
from aegis.checks.determinism.results import StageResult
from aegis.core.errors import UnknownNameError
from aegis.host.dispatch import LEVEL
from aegis.records.provenance import describe_machine

EXIT_DIFFERENT = 4
_SHOWN = 12
"""Hexadecimal digits of a digest in the table."""
_TITLES = {"openblas": "OpenBLAS", "aten": "ATen", "llvm": "LLVM", "opengl": "OpenGL"}
_BAD = (Agreement.DIFFERS, Agreement.FAILED)


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
    groups, record = _choose_groups(settings), settings.value("record")
    folder = Path(resolve_paths(settings.text("course"), composed.trusted))
    if record is not None:
        folder = Path(settings.text("record"))
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / INPUTS).exists():
            with screen.err.status("recording the course"):
                record_in_child(composed, folder)
    with screen.err.status("playing the course"):
        played = play_in_children(composed, groups, folder)
    mode = "portable" if is_portable(settings) else "native"
    if record is not None:
        _record_column(folder / REFERENCES, mode, played)
    column = read_references(folder / REFERENCES).get(mode, NO_REFERENCES)
    return _print_course(mode, played, column, screen)


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


def _record_column(path: Path, mode: str, played: Sequence[PlayedGroups]) -> None:
    """Replaces the column of a mode; stages that were not played keep their references."""
    columns = read_references(path)
    results = [result for group in played for result in group.results]
    machine = {**describe_machine(), "kernels": merge_kernels(played)}
    new = build_column(machine, results)
    stages = {**columns.get(mode, NO_REFERENCES).stages, **new.stages}
    write_references(path, {**columns, mode: ReferenceColumn(machine, stages)})


def merge_kernels(played: Sequence[PlayedGroups]) -> dict[str, str]:
    """Returns library to its choice in all processes; several choices are listed."""
    merged: dict[str, dict[str, None]] = {}
    for group in played:
        for name, choice in group.kernels.items():
            merged.setdefault(name, {})[choice] = None
    return {name: " and ".join(choices) for name, choices in merged.items()}


def _print_course(
    mode: str, played: Sequence[PlayedGroups], column: ReferenceColumn, screen: Screen
) -> dict[str, Json]:
    machine, kernels = describe_machine(), merge_kernels(played)
    level = f"portable, {LEVEL}/1" if mode == "portable" else "native"
    chosen = ", ".join(f"{_TITLES.get(name, name)} {choice}" for name, choice in kernels.items())
    screen.print_line(f"{machine['cpu']}; {level}; {chosen}")
    if column.stages:
        screen.print_line(f"references: {column.machine.get('cpu')}, {mode}")
    results = [result for group in played for result in group.results]
    agreements = [column.compare_result(result) for result in results]
    _print_stages(results, agreements, column, screen)
    pairs = list(zip(results, agreements, strict=True))
    first = next((result.name for result, found in pairs if found in _BAD), None)
    screen.print_line(_conclude(first, agreements))
    return {
        "mode": mode,
        "level": f"{LEVEL}/1" if mode == "portable" else None,
        "machine": machine,
        "kernels": kernels,
        "reference_machine": dict(column.machine),
        "stages": [_describe_stage(result, found, column) for result, found in pairs],
        "first_difference": first,
        "exit_code": 0 if first is None else EXIT_DIFFERENT,
    }


def _print_stages(
    results: Sequence[StageResult],
    agreements: Sequence[Agreement],
    column: ReferenceColumn,
    screen: Screen,
) -> None:
    rows = []
    for result, agreement in zip(results, agreements, strict=True):
        known = agreement not in (Agreement.UNKNOWN, Agreement.FAILED)
        reference = column.stages[result.name].digest[:_SHOWN] if known else "-"
        rows.append((result.name, result.digest[:_SHOWN] or "-", reference, agreement.value))
    screen.print_table("determinism", ("stage", "digest", "reference", "result"), rows)
    for result in results:
        if result.error:
            screen.print_line(f"{result.name}: {result.error}")


def _conclude(first: str | None, agreements: Sequence[Agreement]) -> str:
    if first is not None:
        return f"first stage that differs: {first}"
    unknown = agreements.count(Agreement.UNKNOWN)
    if unknown == len(agreements):
        return "nothing to compare with: there are no references for this configuration and mode"
    rest = f"; {unknown} have no reference" if unknown else ""
    return f"no stage differs{rest}"


def _describe_stage(
    result: StageResult, agreement: Agreement, column: ReferenceColumn
) -> dict[str, Json]:
    reference = column.stages.get(result.name)
    known: dict[str, Any] = {"numbers": dict(result.numbers)} if result.numbers else {}
    return {
        "name": result.name,
        "group": result.group,
        "digest": result.digest or None,
        "reference": None if reference is None else reference.digest,
        "result": agreement.value,
        "error": result.error or None,
        **known,
    }
