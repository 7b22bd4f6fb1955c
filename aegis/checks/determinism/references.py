"""References: what stages gave on the machines that the repository's results come from."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from aegis.checks.determinism.results import StageResult
from aegis.core.errors import TraceError
from aegis.records.files import write_atomic

TOLERANCE = 1e-9
"""Relative difference of numbers that counts as equal, as in `aegis study verify`."""


class Agreement(Enum):
    """How a result compares with its reference."""

    EQUAL = "equal"
    CLOSE = "close"
    DIFFERS = "differs"
    FAILED = "failed"
    UNKNOWN = "no reference"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a stage gave.

    Attributes:
        digest: Hash of what it computed.
        identity: All that it depended on besides the machine.
        numbers: What it computed, where that is a few numbers.
    """

    digest: str
    identity: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReferenceColumn:
    """References of one level.

    Attributes:
        machine: Machine and libraries that they come from.
        stages: Stage to its reference.
    """

    machine: Mapping[str, Any]
    stages: Mapping[str, Reference]

    def compare_result(self, result: StageResult) -> Agreement:
        """Says how a result compares; ``CLOSE`` are numbers within ``TOLERANCE``."""
        if result.error:
            return Agreement.FAILED
        reference = self.stages.get(result.name)
        if reference is None or reference.identity != result.identity:
            return Agreement.UNKNOWN
        if reference.digest == result.digest:
            return Agreement.EQUAL
        close = result.numbers and measure_difference(reference, result) <= TOLERANCE
        return Agreement.CLOSE if close else Agreement.DIFFERS


NO_REFERENCES = ReferenceColumn({}, {})


def measure_difference(reference: Reference, result: StageResult) -> float:
    """Returns the largest relative difference of their numbers; infinity if names differ."""
    if list(reference.numbers) != list(result.numbers):
        return math.inf
    pairs = [(value, result.numbers[name]) for name, value in reference.numbers.items()]
    return max((_compare_numbers(*pair) for pair in pairs), default=0.0)


def read_references(path: Path) -> dict[str, ReferenceColumn]:
    """Returns the columns of a file by level; none if there is no file.

    Raises:
        TraceError: If it is damaged.
    """
    if not path.is_file():
        return {}
    try:
        return {
            level: _read_column(column) for level, column in json.loads(path.read_text()).items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TraceError(
            f"{path} holds no references: {type(error).__name__}: {error}. Restore the file, or "
            f"record it again: aegis doctor determinism record={path.parent}."
        ) from error


def write_references(path: Path, columns: Mapping[str, ReferenceColumn]) -> None:
    """Writes columns.

    Raises:
        MachineError: If the file cannot be written.
    """
    tree = {level: _describe_column(column) for level, column in columns.items()}
    write_atomic(path, (json.dumps(tree, indent=1) + "\n").encode())


def build_column(machine: Mapping[str, Any], results: Sequence[StageResult]) -> ReferenceColumn:
    """Returns results as references."""
    stages = {
        one.name: Reference(one.digest, one.identity, one.numbers)
        for one in results
        if not one.error
    }
    return ReferenceColumn(machine, stages)


def _compare_numbers(one: float, other: float) -> float:
    if one == other or (math.isnan(one) and math.isnan(other)):
        return 0.0
    largest = max(abs(one), abs(other))
    return abs(one - other) / largest if math.isfinite(largest) else math.inf


def _describe_column(column: ReferenceColumn) -> dict[str, Any]:
    stages: dict[str, dict[str, Any]] = {}
    for name, one in column.stages.items():
        stages[name] = {"digest": one.digest, "identity": one.identity}
        if one.numbers:
            stages[name]["numbers"] = {name: value.hex() for name, value in one.numbers.items()}
    return {"machine": dict(column.machine), "stages": stages}


def _read_column(tree: Mapping[str, Any]) -> ReferenceColumn:
    stages = {}
    for name, one in tree["stages"].items():
        numbers = {key: float.fromhex(value) for key, value in one.get("numbers", {}).items()}
        stages[name] = Reference(one["digest"], one["identity"], numbers)
    return ReferenceColumn(tree["machine"], stages)
