"""Completeness: whether a study's tables hold all that its plan said would be played."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from aegis.core.ladder import RESEED
from aegis.core.types import EpisodeKey
from aegis.records.rows import EpisodeRow
from aegis.study.plan.calibration_table import CALIBRATION_FILE, read_calibration_table
from aegis.study.plan.context import PlayedSetting
from aegis.study.plan.digests import compute_file_digest
from aegis.study.plan.lockfile import LockedPlan, compare_digests
from aegis.study.plan.study_plan import SEQUENTIAL, StudyPlan
from aegis.study.play.execution import is_decided
from aegis.study.verification import CheckResult

CALIBRATION_DIGEST = "calibration"
"""Name of the calibration table's digest in a lock."""


def check_calibration_table(
    root: Path, locked: LockedPlan, units: Sequence[EpisodeKey]
) -> CheckResult:
    """Checks that the calibration table is the locked one and has every unit at every setting.

    Args:
        root: Run folder.
        locked: Its plan; a plan of an early release has no digest of the table.
        units: The planned calibration units.

    Raises:
        TraceError: If the table is damaged.
    """
    path, name = root / CALIBRATION_FILE, CALIBRATION_DIGEST
    expected = locked.digests.get(name)
    found = {name: compute_file_digest(path) if path.exists() else "nothing"}
    faults: list[str] = []
    if expected is not None:
        faults += map(str, compare_digests({name: expected}, found))
    played = () if faults else read_calibration_table(root)
    faults += _list_incomplete_settings(played, units)
    count = sum(len(one.rows) for one in played)
    if not count and not faults:
        return CheckResult(name, True, 0, "no dial was set, so no episode was played for one")
    summary = f"{len(played)} settings on the {len(units)} planned units"
    known = "the file is the locked one" if expected else "the lock has no digest of the file"
    return CheckResult.from_faults(name, max(1, count), faults, f"{known}; {summary}")


def check_stop(
    rows: Sequence[EpisodeRow], plan: StudyPlan, units: Sequence[EpisodeKey]
) -> CheckResult:
    """Checks that a study ended where its stopping rule says: at its last unit, or at a look.

    Args:
        rows: The episodes.
        plan: Has the stopping rule.
        units: The planned test units, in their order.
    """
    place = {key: n for n, key in enumerate(units)}
    count = len({row.key for row in rows})
    looks = [n for n in plan.looks if n < len(units)] if plan.stopping == SEQUENTIAL else []
    faults = []
    if count != len(units) and count not in looks:
        allowed = f"{len(units)} units" + (f", or at {looks}" if looks else "")
        faults.append(f"{count} units were played; the plan stops after {allowed}")
    for look in [n for n in looks if n <= count]:
        try:
            decided = is_decided(plan, [row for row in rows if place.get(row.key, 0) < look])
        except LookupError as error:  # A row was taken out.
            faults.append(f"a unit lacks an arm at {look} units: {error}")
            continue
        if decided and look < count:
            faults.append(f"the rule stops at {look} units, and {count} were played")
        elif not decided and look == count:
            faults.append(f"stopped at {look} units, where nothing was decided")
    return CheckResult.from_faults(
        "stop", count, faults, f"{count} units, as the stopping rule '{plan.stopping}' says"
    )


def name_fork_arms(reference: str, ticks: Sequence[int]) -> tuple[str, ...]:
    """Returns the names of the arms of a fork set; see ``aegis.study.play.execution.fork_arms``.

    Args:
        reference: The arm that forks leave.
        ticks: When they leave it [control steps].
    """
    return reference, *(f"{heir}_at_{k:03d}" for heir in ("strong", RESEED) for k in ticks)


def check_forks(
    rows: Sequence[EpisodeRow], units: Sequence[EpisodeKey], arms: Sequence[str]
) -> CheckResult:
    """Checks that every planned hand-over of the fork set was played on every planned unit.

    Args:
        rows: The fork set.
        units: Its planned units.
        arms: Names of its arms.
    """
    if not units:
        good = "the plan has no fork set"
        return CheckResult("forks", not rows, len(rows), "not planned" if rows else good)
    pairs = ((row.key, row.arm) for row in rows)
    faults = _compare_pairs(pairs, ((key, arm) for key in units for arm in arms))
    summary = f"{len(arms)} ways on the first {len(units)} units"
    return CheckResult.from_faults("forks", max(1, len(rows)), faults, summary)


def check_scores(scores: pa.Table, rows: Sequence[EpisodeRow], arms: Sequence[str]) -> CheckResult:
    """Checks that the scores of the kept arms are there for every episode, and no others.

    Args:
        scores: The table of scores.
        rows: The episodes.
        arms: The arms whose scores are kept.
    """
    columns = [scores.column(name).to_pylist() for name in ("task", "start", "index", "arm")]
    found = dict.fromkeys(zip(*columns, strict=True))
    wanted = [(r.key.task, r.key.start, r.key.index, r.arm) for r in rows if r.arm in arms]
    faults = _compare_pairs(list(found), wanted)
    return CheckResult.from_faults(
        "scores", max(1, scores.num_rows), faults, f"of {', '.join(arms)}, in every unit"
    )


def _list_incomplete_settings(
    played: Iterable[PlayedSetting], units: Sequence[EpisodeKey]
) -> list[str]:
    counts = {f"{one.arm}, {one.words}": Counter(row.key for row in one.rows) for one in played}
    planned = Counter(units)
    return [
        f"{name}: {found.total()} episodes, not one on each of the {len(units)} planned units"
        for name, found in counts.items()
        if found != planned
    ]


def _compare_pairs(found: Iterable[object], planned: Iterable[object]) -> list[str]:
    """Lists what is missing, what was not planned, and what is there twice."""
    there, wanted = Counter(found), Counter(planned)
    kinds: Mapping[str, Counter[object]] = {
        "missing": wanted - there,
        "not planned, or twice": there - wanted,
    }
    return [f"{_name_pair(pair)}: {kind}" for kind, pairs in kinds.items() for pair in pairs]


def _name_pair(pair: object) -> str:
    return ", ".join(map(str, pair)) if isinstance(pair, tuple) else str(pair)
