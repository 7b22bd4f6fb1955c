"""Exports of a toy run: a world of milliseconds, arms that part, and pictures with a left side."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from aegis.app.exporting import number_episodes
from aegis.export.episode import Episode, ExportView, Origin
from aegis.export.exporter import ExportPlan, write_episode
from aegis.export.formats import ExportFormat
from aegis.export.lerobot_dataset.columns import Columns
from aegis.export.lerobot_dataset.dataset import LeRobotDataset
from aegis.export.lerobot_dataset.films import FilmQuality
from aegis.export.lerobot_dataset.metadata import SizeLimits
from aegis.records.store import RunTables
from aegis.study.verification import CheckResult
from tests.fakes import ToyWorld, toy_embodiment
from tests.fleet.toyrun import HORIZON, toy_arms, toy_plan, toy_run

WORLD = partial(ToyWorld, horizon=HORIZON)
ORIGIN = Origin("toy", 0.05, toy_embodiment().names, ("weak", "strong"), "toy")
VIEW = ExportView({"agentview": (32, 32), "wrist": (32, 32)}, mirror=False)
KEYS = {"agentview": "front"}
LIMITS = SizeLimits(100, 200, 1000)


def play_run(root: Path, units: int = 1) -> RunTables:
    """Plays the weak arm and the gated one on a few units."""
    return toy_run(root, toy_plan(units, (toy_arms()[0], toy_arms()[-1])))


def list_episodes(run: RunTables) -> tuple[Episode, ...]:
    return number_episodes(run.episodes, {arm.name: arm for arm in toy_arms()[-1:]})


def build_dataset(
    folder: Path,
    *,
    films: bool = True,
    view: ExportView = VIEW,
    limits: SizeLimits = LIMITS,
    keys: Mapping[str, str] = KEYS,
) -> LeRobotDataset:
    columns = Columns(ORIGIN, view, keys, films)
    return LeRobotDataset(folder, columns, limits, FilmQuality(18, 2))


def export(run: RunTables, *formats: ExportFormat, view: ExportView = VIEW) -> int:
    """Exports a run in formats, in this process; returns the episodes that were drawn."""
    plan = ExportPlan(run.root, WORLD, view, formats, list_episodes(run))
    for one in formats:
        one.folder.mkdir(parents=True, exist_ok=True)
    missing = plan.list_missing()
    for episode in missing:
        write_episode(run.root, WORLD(), view, formats, episode)
    for one in formats:
        one.join_episodes(plan.episodes)
    return len(missing)


def check(run: RunTables, one: ExportFormat) -> tuple[CheckResult, ...]:
    return tuple(one.compare_files(run.root, list_episodes(run)))
