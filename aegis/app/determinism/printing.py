"""Printing: the course beside its references, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aegis.app.screen import Json, Screen
from aegis.checks.determinism.references import Agreement, ReferenceColumn
from aegis.checks.determinism.results import StageResult

EXIT_DIFFERENT = 4
_SHOWN = 12
"""Hexadecimal digits of a digest in the table."""
_TITLES = {"openblas": "OpenBLAS", "aten": "ATen", "llvm": "LLVM", "opengl": "OpenGL"}
_BAD = (Agreement.DIFFERS, Agreement.FAILED)
_COMPARED = (Agreement.EQUAL, Agreement.CLOSE, Agreement.DIFFERS)


@dataclass(frozen=True, slots=True)
class ComparedCourse:
    """A played course and its references.

    Attributes:
        level: Level at which it was played, see ``aegis.host.dispatch``.
        machine: Processor, versions and kernels here.
        results: Stages in order.
        column: References of this level.
    """

    level: str
    machine: Mapping[str, Any]
    results: Sequence[StageResult]
    column: ReferenceColumn

    def compare_stages(self) -> list[tuple[StageResult, Agreement]]:
        """Returns every stage with how it compares."""
        return [(result, self.column.compare_result(result)) for result in self.results]

    def find_first_difference(self) -> str | None:
        """Returns the first stage that differs or failed."""
        bad = (result.name for result, found in self.compare_stages() if found in _BAD)
        return next(bad, None)


def print_course(course: ComparedCourse, screen: Screen) -> dict[str, Json]:
    """Prints a course; returns the same for ``--json``."""
    screen.print_line(_describe_machine("here", course.level, course.machine))
    if course.column.machine:
        screen.print_line(_describe_machine("references", course.level, course.column.machine))
        for line in _list_other_versions(course):
            screen.print_line(line)
    pairs = course.compare_stages()
    rows = [_build_row(result, found, course.column) for result, found in pairs]
    screen.print_table("determinism", ("stage", "digest", "reference", "result"), rows)
    for result in course.results:
        if result.error:
            screen.print_line(f"{result.name}: {result.error}")
    first = course.find_first_difference()
    screen.print_line(_conclude(first, [found for _, found in pairs]))
    return {
        "level": course.level,
        "machine": dict(course.machine),
        "reference_machine": dict(course.column.machine),
        "stages": [_describe_stage(result, found, course.column) for result, found in pairs],
        "first_difference": first,
        "exit_code": 0 if first is None else EXIT_DIFFERENT,
    }


def _describe_machine(title: str, level: str, machine: Mapping[str, Any]) -> str:
    kernels = {_TITLES.get(name, name): chosen for name, chosen in machine["kernels"].items()}
    chosen = ", ".join(f"{name} {choice}" for name, choice in kernels.items())
    return f"{title}: {machine['cpu']}; {level}; {chosen}"


def _list_other_versions(course: ComparedCourse) -> list[str]:
    """Returns a line on packages of other versions, which differ whatever the CPU."""
    names = [name for name in course.machine["versions"] if name != "aegis-escalation"]
    ours, theirs = course.machine["versions"], course.column.machine.get("versions", {})
    odd = [
        f"{n} {ours[n]} (references: {theirs.get(n)})" for n in names if ours[n] != theirs.get(n)
    ]
    return [f"other versions here: {', '.join(odd)}"] if odd else []


def _build_row(
    result: StageResult, agreement: Agreement, column: ReferenceColumn
) -> tuple[str, str, str, str]:
    known = agreement in _COMPARED
    reference = column.stages[result.name].digest[:_SHOWN] if known else "-"
    return result.name, result.digest[:_SHOWN] or "-", reference, agreement.value


def _conclude(first: str | None, agreements: Sequence[Agreement]) -> str:
    if first is not None:
        return f"first stage that differs: {first}"
    unknown = agreements.count(Agreement.UNKNOWN)
    if unknown == len(agreements):
        return "nothing to compare with: no references of this configuration at this level"
    return "no stage differs" + (f"; {unknown} have no reference" if unknown else "")


def _describe_stage(
    result: StageResult, agreement: Agreement, column: ReferenceColumn
) -> dict[str, Json]:
    reference = column.stages[result.name] if agreement in _COMPARED else None
    numbers: dict[str, Json] = {}
    if result.numbers:
        numbers["numbers"] = dict(result.numbers)
        numbers["reference_numbers"] = dict(reference.numbers) if reference else None
    return {
        "name": result.name,
        "group": result.group,
        "digest": result.digest or None,
        "reference": None if reference is None else reference.digest,
        "result": agreement.value,
        "error": result.error or None,
        **numbers,
    }
