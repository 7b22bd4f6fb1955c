"""Stored run: the folder of a comparison or a pilot, its report and its seal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from aegis.app.config.settings import Settings
from aegis.app.study.checks.refusal import catch_refusal
from aegis.core.errors import LockError, TraceError
from aegis.core.types import PolicyId
from aegis.records.files import disk_error, write_atomic
from aegis.records.manifest import read_manifest
from aegis.records.rows import EpisodeRow
from aegis.records.store import RunTables
from aegis.study.comparison.cost import PolicyCost, summarise_cost
from aegis.study.plan.digests import compute_tree_digest
from aegis.study.plan.lockfile import DigestChange, compare_digests
from aegis.study.play.seal import SEAL_FILE, Seal, read_seal, write_seal
from aegis.study.verification import CheckResult, check_numbers

CONFIG_FILE, TIMING_FILE = "config.yaml", "timing.jsonl"
REPORT_FILE, PAGE_FILE = "report.json", "report.md"
_OUTER_FILES = (CONFIG_FILE, TIMING_FILE)
"""What a report depends on besides sealed tables; the seal holds a digest of both together."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report.

    Attributes:
        values: Plain JSON values.
        page: The same as Markdown.
        lines: What the terminal shows.
    """

    values: Mapping[str, Any]
    page: str
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A played run, as far as its report needs it.

    Attributes:
        root: Its folder.
        settings: Its configuration.
        episodes: Its episodes.
        identity: What its rows depend on, by name.
        times: Lines of its ``timing.jsonl``.
    """

    root: Path
    settings: Settings
    episodes: tuple[EpisodeRow, ...]
    identity: Mapping[str, str]
    times: tuple[Mapping[str, Any], ...]

    @classmethod
    def read_folder(cls, root: Path) -> StoredRun:
        """Reads a run folder.

        Raises:
            TraceError: If a file is missing or damaged.
        """
        try:
            tree = yaml.safe_load((root / CONFIG_FILE).read_text(encoding="utf-8"))
            times = tuple(_read_times(root))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise TraceError(f"{root}: a file is missing or damaged ({error}).") from error
        if not isinstance(tree, dict):
            raise TraceError(f"{root / CONFIG_FILE} is damaged: it holds no settings.")
        identity = read_manifest(root)["identity"]
        assert isinstance(identity, dict)
        return cls(root, Settings(tree), RunTables.read_folder(root).episodes, identity, times)

    def find_digest(self, policy: PolicyId) -> str:
        """Returns the digest of a policy; empty if the manifest has none."""
        return str(self.identity.get(f"policy.{policy}", ""))

    def summarise_cost(self, policy: PolicyId) -> PolicyCost:
        """Returns what the answers of a policy took; its arm has its name."""
        alone = [row for row in self.episodes if row.arm == policy]
        return summarise_cost(policy, alone, self.times)

    def list_notes(self) -> list[str]:
        """Returns what keeps the run from being evidence, in sentences; empty if nothing does."""
        found = {
            "Rows may depend on their batch (batch_dependent: true), so differences may be "
            "rounding.": self.settings.flag("batch_dependent"),
        }
        return [note for note, holds in found.items() if holds]


def assemble_report(
    run: StoredRun, values: Mapping[str, object], page: str, lines: Sequence[str]
) -> Report:
    """Returns a report with the notes of its run.

    Args:
        run: The run.
        values: Its result as plain JSON values.
        page: The same as Markdown.
        lines: The same for the terminal.
    """
    notes = run.list_notes()
    named = {"name": run.settings.text("name"), **values, "notes": notes}
    return Report(named, page + "".join(f"\n{note}\n" for note in notes), [*lines, *notes])


def write_report(root: Path, report: Report) -> None:
    """Writes ``report.json`` and ``report.md``.

    Raises:
        MachineError: If they cannot be written.
    """
    text = json.dumps(report.values, indent=1, allow_nan=False) + "\n"
    write_atomic(root / REPORT_FILE, text.encode())
    write_atomic(root / PAGE_FILE, report.page.encode())


@contextmanager
def renew_seal(root: Path) -> Iterator[None]:
    """Checks the seal of a finished run, lets more be played into the folder, and seals it anew.

    The seal goes before anything is played: whatever kills the process then leaves a run that is
    not finished, and the same command goes on with it. Where playing fails and nothing has changed,
    the seal comes back.

    Args:
        root: The folder; the caller has locked it.

    Raises:
        LockError: If a file was edited.
        TraceError: If the seal is damaged.
        MachineError: If the seal cannot be written.
    """
    seal = read_seal(root)
    changes = _list_changes(root, seal) if seal else ()
    if changes:
        raise LockError(
            f"{root} is not what its run left behind. {'; '.join(map(str, changes))}. Restore "
            f"these files, or remove {root / SEAL_FILE}: the same command then makes the tables "
            "again from the episodes in parts/. Or give this run another name (name=ANOTHER)."
        )
    (root / SEAL_FILE).unlink(missing_ok=True)
    _end_torn_line(root)
    try:
        yield
    except BaseException:
        if seal and not _list_changes(root, seal):
            write_seal(root, seal.lock)
        raise
    write_seal(root, _digest_outer_files(root))


def check_run(root: Path, build: Callable[[StoredRun], Report]) -> tuple[CheckResult, ...]:
    """Checks a finished run without playing anything.

    Args:
        root: Its folder.
        build: Makes its report again.
    """
    checks: list[CheckResult] = []
    catch_refusal(checks, "seal", lambda: checks.append(_check_seal(root)))
    report = catch_refusal(checks, "tables", lambda: build(StoredRun.read_folder(root)))
    if report is not None:
        catch_refusal(checks, "numbers", lambda: checks.append(_check_values(root, report)))
        catch_refusal(checks, "page", lambda: checks.append(_check_page(root, report)))
    return tuple(checks)


def _read_times(root: Path) -> Iterator[Mapping[str, Any]]:
    """Yields the lines of ``timing.jsonl``, but for those that a killed process left half written.

    Times are for people and move no result; what they were when the run was sealed, the seal says.
    """
    path = root / TIMING_FILE
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            facts = json.loads(line)
        except ValueError:
            continue
        if isinstance(facts, dict) and "event" in facts:
            yield facts


def _end_torn_line(root: Path) -> None:
    """Ends a line that a killed process left half written, so that the next one stands alone.

    Raises:
        MachineError: If the file cannot be written.
    """
    path = root / TIMING_FILE
    try:
        data = path.read_bytes() if path.exists() else b""
        if data and not data.endswith(b"\n"):
            path.write_bytes(data + b"\n")
    except OSError as error:
        raise disk_error(path, error) from error


def _check_seal(root: Path) -> CheckResult:
    seal = read_seal(root)
    if seal is None:
        raise TraceError(f"{root} is not finished: it has no {SEAL_FILE}. Run its command again.")
    changes = [str(change) for change in _list_changes(root, seal)]
    absent = seal.list_absent(root)
    said = f"tables, settings and times as sealed{'; not here: ' if absent else ''}"
    there = len(seal.tables) - len(absent) + 1
    return CheckResult.from_faults("seal", there, changes, said + ", ".join(absent))


def _check_values(root: Path, report: Report) -> CheckResult:
    path = root / REPORT_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TraceError(f"{path} is missing or damaged ({error}).") from error
    return check_numbers(found, json.loads(json.dumps(report.values)))


def _check_page(root: Path, report: Report) -> CheckResult:
    path = root / PAGE_FILE
    try:
        same = path.read_text(encoding="utf-8") == report.page
    except (OSError, ValueError) as error:
        raise TraceError(f"{path} is missing or damaged ({error}).") from error
    wrong = [] if same else [f"{PAGE_FILE} is not what the tables give"]
    return CheckResult.from_faults("page", 1, wrong, f"{PAGE_FILE} is what the tables give")


def _list_changes(root: Path, seal: Seal) -> tuple[DigestChange, ...]:
    name = " or ".join(_OUTER_FILES)
    outer = compare_digests({name: seal.lock}, {name: _digest_outer_files(root)})
    return (*outer, *seal.list_broken(root))


def _digest_outer_files(root: Path) -> str:
    return compute_tree_digest(root, [p for p in map(root.joinpath, _OUTER_FILES) if p.exists()])
