"""Seal: digests of a finished run's tables; an edited table does not match them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aegis.core.errors import LockError, TraceError
from aegis.records.files import write_atomic
from aegis.study.plan.digests import compute_file_digest
from aegis.study.plan.lockfile import DigestChange, compare_digests

SEAL_FILE = "seal.json"
SEALED_FILES = (
    "manifest.json",
    "episodes.parquet",
    "steps.parquet",
    "features.parquet",
    "scores.parquet",
    "events.parquet",
    "forks.parquet",
    "latency.parquet",
    "actions.parquet",
)
"""What is sealed, as far as it is there."""

REQUIRED_FILES = ("manifest.json", "episodes.parquet")
"""What must be there to verify a run; large tables may be left out of a repository."""


@dataclass(frozen=True, slots=True)
class Seal:
    """The seal of a run.

    Attributes:
        lock: Digest of the plan that it was played under.
        tables: File to SHA-256 digest.
    """

    lock: str
    tables: Mapping[str, str]

    def list_broken(self, root: Path) -> tuple[DigestChange, ...]:
        """Returns the files that differ from what was sealed; a missing large one does not."""
        there = {
            name: compute_file_digest(root / name) for name in self.tables if (root / name).exists()
        }
        lost = {
            name: "nothing" for name in REQUIRED_FILES if name in self.tables and name not in there
        }
        more = {
            name: compute_file_digest(root / name)
            for name in SEALED_FILES
            if name not in self.tables and (root / name).exists()
        }
        return compare_digests(self.tables, {**there, **lost, **more})

    def list_absent(self, root: Path) -> tuple[str, ...]:
        """Returns the sealed files that are not there."""
        return tuple(name for name in self.tables if not (root / name).exists())


def write_seal(root: Path, lock: str) -> Seal:
    """Seals the tables that are there.

    Raises:
        MachineError: If it cannot be written.
    """
    tables = {
        name: compute_file_digest(root / name) for name in SEALED_FILES if (root / name).exists()
    }
    text = json.dumps({"lock": lock, "tables": tables}, indent=2) + "\n"
    write_atomic(root / SEAL_FILE, text.encode())
    return Seal(lock, tables)


def read_seal(root: Path) -> Seal | None:
    """Reads a seal; None if the run is not finished.

    Raises:
        TraceError: If it is damaged.
    """
    path = root / SEAL_FILE
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text())
        return Seal(str(found["lock"]), {str(k): str(v) for k, v in found["tables"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TraceError(f"{path} is damaged ({error}). Run the study again to seal it.") from error


def check_seal(root: Path, lock: str) -> Seal:
    """Checks that a finished run is what was sealed, under this plan.

    Raises:
        TraceError: If the run is not finished.
        LockError: If a table or the plan is another one.
    """
    seal = read_seal(root)
    if seal is None:
        raise TraceError(
            f"{root} is not finished: it has no {SEAL_FILE}. Run: aegis study run {root}"
        )
    changes = (
        *compare_digests({"plan.yaml": seal.lock}, {"plan.yaml": lock}),
        *seal.list_broken(root),
    )
    if changes:
        raise LockError(
            f"{root} is not what its run left behind. {'; '.join(map(str, changes))}. Restore "
            "these files (git checkout), or move the folder away and run the study again."
        )
    return seal
