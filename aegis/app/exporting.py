"""Exporting: reads what is to be exported and how, and writes, checks and completes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from aegis.app.config.lab import count_workers
from aegis.app.config.settings import Settings
from aegis.app.config.task_list import ALL_TASKS
from aegis.app.recorded_run import RecordedRun
from aegis.app.screen import Screen
from aegis.core.errors import AegisError, ConfigError, TraceError, UnknownNameError
from aegis.export.episode import Episode, ExportView, Origin
from aegis.export.exporter import ExportPlan, write_episodes
from aegis.export.formats import ExportFormat
from aegis.export.inventory import Inventory, digest_episodes
from aegis.fleet.arm import Arm
from aegis.records.folder_lock import lock_folder
from aegis.records.rows import EpisodeRow
from aegis.study.verification import CheckResult

EXPORTS_FOLDER = Path("exports")
_OUTCOMES = ("all", "success", "failure")
STEPS_FILE = "steps.parquet"
"""Table of a run's steps; they may also lie in ``parts``."""
_LARGEST_SIDE = 4096  # [px]


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export led to.

    Attributes:
        out: Folder of all formats.
        episodes: Episodes in it.
        frames: Frames in it.
        drawn: Episodes that this call played again; the others were there.
        checks: Format to what was compared.
    """

    out: Path
    episodes: int
    frames: int
    drawn: int
    checks: Mapping[str, tuple[CheckResult, ...]]


def export_run(
    root: Path, names: Sequence[str], settings: Settings, screen: Screen
) -> ExportResult:
    """Exports a run, or goes on with an export; one that is complete is only checked.

    Args:
        root: Run folder.
        names: Formats: ``lerobot``, ``rerun``, ``mcap``.
        settings: The configuration of the command.
        screen: Receives progress and notes.

    Raises:
        ConfigError: If a setting is wrong, or a folder holds something else.
        TraceError: If the run is damaged or goes another way, or what was written is not the run.
    """
    view = read_view(settings)
    run = RecordedRun.read_folder(root)
    if not (root / STEPS_FILE).exists() and not (root / "parts").is_dir():
        raise TraceError(
            f"{root} has no steps ({STEPS_FILE} or parts/), which an export plays again. Studies "
            "are published without them. Export a run of your own: aegis run name=first units=4."
        )
    rows = choose_episodes(run.episodes, settings)
    episodes = number_episodes(rows, _build_arms(run, screen))
    out = _find_folder(settings, run)
    formats = [_build_format(name, out, run, view, settings) for name in names]
    identity = {
        "run": run.name,
        "episodes": digest_episodes(episodes),
        "cameras": {name: list(size) for name, size in view.cameras.items()},
        "mirror": view.mirror,
    }
    inventories = {
        one.name: Inventory(one.folder, identity | _describe_settings(one.name, settings))
        for one in formats
    }
    with ExitStack() as locks:
        for one in formats:
            locks.enter_context(lock_folder(one.folder))
        begun = [one for one in formats if not inventories[one.name].open_folder()]
        plan = ExportPlan(root, run.world, view, tuple(begun), episodes)
        drawn = _write_formats(plan, run, count_workers(settings), screen)
        checks = {
            one.name: _check_format(one, root, episodes, inventories[one.name], one in begun)
            for one in formats
        }
        for one in formats:
            inventories[one.name].record_files()
            one.remove_pieces()
    frames = sum(row.steps for row in rows)
    return ExportResult(out, len(episodes), frames, drawn, checks)


def read_view(settings: Settings) -> ExportView:
    """Reads how pictures are taken.

    Raises:
        ConfigError: If a camera's side is not one.
    """
    cameras: dict[str, tuple[int, int]] = {}
    level = settings.level("cameras")
    for name in level.names():
        if level.value(name) is not None:
            side = level.integer(name, 2)
            if side > _LARGEST_SIDE:
                raise ConfigError(
                    f"'cameras.{name}' must be at most {_LARGEST_SIDE} px. Got: {side}."
                )
            cameras[name] = (side, side)
    return ExportView(cameras, settings.flag("mirror"))


def choose_episodes(rows: Sequence[EpisodeRow], settings: Settings) -> tuple[EpisodeRow, ...]:
    """Returns the rows that are to be exported, in the order of the run's table.

    Raises:
        UnknownNameError: If the run has no such arm or task.
        ConfigError: If no episode is left.
    """
    outcome = settings.choice("only", _OUTCOMES)
    found = [row for row in rows if row.steps]
    for name, kind in (("arms", "arm"), ("tasks", "task")):
        if settings.value(name) not in (None, ALL_TASKS):
            wanted = settings.texts(name) if name == "arms" else settings.integers(name)
            known = sorted({getattr(row, kind) for row in rows})
            for one in wanted:
                if one not in known:
                    raise UnknownNameError(kind, one, known, "the run")
            found = [row for row in found if getattr(row, kind) in wanted]
    if outcome != "all":
        found = [row for row in found if row.success == (outcome == "success")]
    if settings.value("episodes") is not None:
        found = found[: settings.integer("episodes", 1)]
    if not found:
        raise ConfigError(
            f"No episode of the run's {len(rows)} is left to export. See 'only', 'arms' and "
            "'tasks'."
        )
    return tuple(found)


def number_episodes(rows: Sequence[EpisodeRow], arms: Mapping[str, Arm]) -> tuple[Episode, ...]:
    """Gives rows their places in an export: numbers, first frames, and numbers of tasks."""
    starts = [0, *accumulate(row.steps for row in rows)]
    tasks = list(dict.fromkeys(row.instruction for row in rows))
    return tuple(
        Episode(i, starts[i], tasks.index(row.instruction), row, arms.get(row.arm))
        for i, row in enumerate(rows)
    )


def _build_arms(run: RecordedRun, screen: Screen) -> dict[str, Arm]:
    """Builds the arms whose gates judge again; without their parts the bar stays unknown."""
    try:
        return run.build_judging_arms()
    except AegisError as error:
        screen.print_note(f"what the gate compared is left unknown: {error}")
        return {}


def _find_folder(settings: Settings, run: RecordedRun) -> Path:
    if settings.value("out") is None:
        return EXPORTS_FOLDER / run.name
    return Path(settings.text("out"))


def _build_format(
    name: str, out: Path, run: RecordedRun, view: ExportView, settings: Settings
) -> ExportFormat:
    """Builds the writer of a format; its packages are imported here, and nowhere else."""
    level = settings.level("lerobot")
    robot, actions = level.text("robot"), run.embodiment.names
    origin = Origin(run.name, run.embodiment.dt, actions, run.list_drivers(), robot)
    folder = out / name
    if name == "mcap":
        from aegis.export.mcap_recording import McapRecording

        return McapRecording(folder, origin, view)
    if name == "rerun":
        from aegis.export.rerun_recording import RerunRecording

        return RerunRecording(folder, origin, view)
    from aegis.app.dataset_settings import build_dataset

    return build_dataset(folder, origin, view, level)


def _describe_settings(name: str, settings: Settings) -> dict[str, object]:
    """Returns the settings that only one format's files depend on."""
    return dict(settings.node("lerobot")) if name == "lerobot" else {}


def _write_formats(plan: ExportPlan, run: RecordedRun, workers: int, screen: Screen) -> int:
    """Writes what is missing of the formats of a plan; returns the episodes that were drawn."""
    if not plan.formats:
        return 0
    with screen.show_progress("export", len(plan.episodes)) as report_progress:
        drawn = write_episodes(plan, workers, run.environment, report_progress)
    for one in plan.formats:
        screen.print_note(f"{one.name}: joining {len(plan.episodes)} episodes, then reading back")
        one.join_episodes(plan.episodes)
    return drawn


def _check_format(
    one: ExportFormat,
    root: Path,
    episodes: Sequence[Episode],
    inventory: Inventory,
    is_new: bool,
) -> tuple[CheckResult, ...]:
    """Reads a format's files back.

    Raises:
        TraceError: If they are not what they must be.
    """
    checks = [] if is_new else [inventory.check_files()]
    checks += one.compare_files(root, episodes)
    for check in checks:
        if not check.passed:
            raise TraceError(
                f"{one.folder} does not hold the run: {check.detail}. Remove the folder and run "
                "the same command again."
            )
    return tuple(checks)
