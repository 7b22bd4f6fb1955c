"""Verifying: all checks of a finished study, from lock to episodes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from aegis.app.config.part_builder import PORTABLE
from aegis.app.determinism.verb import repeats_native_references
from aegis.app.experiment import LEVEL_KEY
from aegis.app.extras import list_missing_modules
from aegis.app.screen import Screen
from aegis.app.study.checks.files import check_files
from aegis.app.study.checks.publication import (
    Publication,
    check_publication,
)
from aegis.app.study.checks.refusal import catch_refusal
from aegis.app.study.levels import (
    TABLES,
    VerificationLevel,
    check_level_name,
    choose_level,
    inspect_machine,
)
from aegis.app.study.prepared_study import PreparedStudy, compose_locked, open_study
from aegis.app.study.replaying import Sample, StudyReplay
from aegis.app.study.reporting import StoredStudy
from aegis.app.study.running import LOCK_KEY
from aegis.core.errors import AegisError
from aegis.fleet.run_plan import compute_identity
from aegis.records.manifest import (
    CODE_PREFIX,
    FORMAT_KEY,
    SETTING_PREFIX,
    VERSION_PREFIX,
    read_manifest,
)
from aegis.records.store import FORMAT
from aegis.study.plan.lockfile import compare_digests
from aegis.study.play.action_table import ACTIONS_FILE
from aegis.study.play.seal import check_seal
from aegis.study.play.small_tables import StudyTables
from aegis.study.verification import (
    CheckResult,
    check_digests,
    check_rows,
)

_MACHINE_NAMES = ("rounding.", LEVEL_KEY, f"{SETTING_PREFIX}{PORTABLE}")
"""First words of what belongs to the machine: on another one it is said, and no fault."""
_LOCKED_PREFIXES = (CODE_PREFIX, VERSION_PREFIX)
"""Covered by digests of the lock, too; a change is reported once, and the replay decides."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found out about a finished study.

    Attributes:
        level: How much was checked.
        checks: The checks.
    """

    level: VerificationLevel
    checks: tuple[CheckResult, ...]


@dataclass(frozen=True, slots=True)
class VerificationRequest:
    """What to check of a study.

    Attributes:
        sample: Units to play again.
        level: One of ``aegis.app.study.levels.CHOICES``.
        published: What was published of the plan, to compare it with.
    """

    sample: Sample
    level: str
    published: Publication


def verify_study(
    root: Path, request: VerificationRequest, machine: Mapping[str, object], screen: Screen
) -> Verification:
    """Checks a finished study.

    Args:
        root: Run folder.
        request: What to check.
        machine: Workers and slots, if not those of the plan.
        screen: Receives notes and progress.

    Raises:
        UnknownNameError: If there is no such level.
        ConfigError: If the study does not allow the level.
    """
    check_level_name(request.level)
    checks: list[CheckResult] = []
    level = VerificationLevel(TABLES, "nothing is played again")
    stored = catch_refusal(checks, "plan", lambda: StoredStudy.read_folder(root))
    if stored is None:
        return Verification(level, tuple(checks))
    checks.append(CheckResult("plan", True, 1, "the text is what was locked"))
    checks += check_publication(root, stored.locked, request.published)
    catch_refusal(checks, "seal", lambda: checks.append(_check_sealed_tables(root, stored)))
    if request.sample.count != 0:
        here = inspect_machine(stored.locked, repeats_native_references)
        manifest = catch_refusal(checks, "manifest", lambda: read_manifest(root))
        has_actions = (root / ACTIONS_FILE).exists()
        locked_level = stored.locked.digests.get(LEVEL_KEY, "")
        level = choose_level(request.level, locked_level, manifest or {}, has_actions, here)
        if not here.is_portable:
            machine = {**machine, PORTABLE: False}
    screen.print_line(f"level: {level.name} ({level.reason})")
    for change in stored.changes:
        screen.print_note(f"not as locked: {change}")
    tables = catch_refusal(checks, "tables", lambda: StudyTables.read_folder(root))
    if tables is not None:
        checks += check_files(root, stored, tables)
        checks.append(check_rows(tables.episodes, stored.plan.reference))
        with ExitStack() as stack:
            study = _open_or_note(stored, machine, stack, level.name != TABLES, screen)
            if study is not None:
                checks += _check_built_study(study, root, stored, screen)
                if level.name != TABLES:
                    arms = study.build_arms()
                    replay = StudyReplay(study, root, tables, arms, request.sample, screen)
                    checks += replay.check_level(level)
    return Verification(level, tuple(checks))


def _check_built_study(
    study: PreparedStudy, root: Path, stored: StoredStudy, screen: Screen
) -> list[CheckResult]:
    """Checks that what was played is what was planned: parts and manifest."""
    built = study.collect_digests()
    changes = compare_digests(stored.locked.digests, built)
    checks = [check_digests("policies and assets", changes, len(built), "as locked")]
    catch_refusal(
        checks, "manifest", lambda: checks.append(_check_manifest(study, root, stored, screen))
    )
    return checks


def _open_or_note(
    stored: StoredStudy,
    machine: Mapping[str, object],
    stack: ExitStack,
    needed: bool,
    screen: Screen,
) -> PreparedStudy | None:
    """Builds the study, for as long as the stack is open.

    Returns:
        The study; None, with a note, if nothing is to be played and packages that would play it
        are missing.
    """
    try:
        return stack.enter_context(open_study(compose_locked(stored.locked, machine)))
    except AegisError as error:
        missing = list_missing_modules("sim", "learn")
        if needed or not missing:
            raise
        screen.print_note(
            f"not checked, since packages are missing ({', '.join(missing)}): policies and "
            f"assets, manifest. {error}"
        )
        return None


def _check_sealed_tables(root: Path, stored: StoredStudy) -> CheckResult:
    """Checks that the tables are those that the run sealed under this plan."""
    digest = stored.locked.digest
    seal = check_seal(root, digest)
    faults = (
        []
        if _read_identity(root).get(LOCK_KEY) == digest
        else ["the run was played under another plan"]
    )
    absent = seal.list_absent(root)
    summary = f"as sealed{'; not here: ' + ', '.join(absent) if absent else ''}"
    return CheckResult.from_faults("seal", len(seal.tables) - len(absent), faults, summary)


def _check_manifest(
    study: PreparedStudy, root: Path, stored: StoredStudy, screen: Screen
) -> CheckResult:
    """Checks that the manifest matches the plan: arms, policies, horizon, seeds.

    Rounding belongs to the machine; on another one, the last bits may differ.
    """
    plan = study.plan_run(
        study.list_test_units(),
        study.build_arms(),
        {LOCK_KEY: stored.locked.digest},
        study.read_truth_names(),
    )
    recorded = {str(name): str(value) for name, value in _read_identity(root).items()}
    computed = compute_identity(plan, study.lab.policies)
    # Earlier releases recorded less; the entries that they did record must match.
    names = {**recorded, **(computed if recorded.get(FORMAT_KEY) == FORMAT else {})}
    expected = {
        name: computed.get(name, "nothing")
        for name in names
        if name != FORMAT_KEY and not name.startswith(_LOCKED_PREFIXES)
    }
    changes = compare_digests(recorded, expected)
    for change in changes:
        if change.name.startswith(_MACHINE_NAMES):
            screen.print_note(f"{change}: this machine may not repeat a run bit for bit")
    differing = [change for change in changes if not change.name.startswith(_MACHINE_NAMES)]
    return check_digests(
        "manifest", differing, len(expected), "arms, policies and seeds of the plan"
    )


def _read_identity(root: Path) -> Mapping[str, object]:
    identity = read_manifest(root)["identity"]
    assert isinstance(identity, dict)
    return identity
