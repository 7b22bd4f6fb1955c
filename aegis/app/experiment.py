"""Experiments: composes a configuration and runs its arms; shared by run, collect, study, demo."""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Sequence
from pathlib import Path

from aegis.app.config.composition import ComposedConfig, compose_config
from aegis.app.config.folders import find_config_folders
from aegis.app.config.identity import collect_identity
from aegis.app.config.lab import Lab
from aegis.app.config.settings import Settings
from aegis.app.config.task_list import expand_tasks
from aegis.app.screen import Screen
from aegis.core.errors import UnknownNameError
from aegis.core.types import EpisodeKey
from aegis.fleet.arm import Arm
from aegis.fleet.progress import StatusFile, Tee
from aegis.fleet.run_plan import RunPlan
from aegis.host.dispatch import describe_cpu
from aegis.records.names import check_name
from aegis.records.provenance import read_versions

RUNS_FOLDER = Path("runs")
LEVEL_KEY = "level"
"""Name of the level of arithmetic in identities and locks; see ``aegis.host.dispatch``."""


def compose_or_show(
    name: str, options: argparse.Namespace, screen: Screen
) -> ComposedConfig | None:
    """Composes a command's configuration; with ``--show``, prints it and returns None.

    ``tasks: all`` is written out in what is returned.
    """
    folders = find_config_folders(name, options.config_dir)
    if options.config_dir is None and len(folders) > 1:
        screen.print_note(
            f"configuration: {folders[0] / name}.yaml, found in ./configs; to use AEGIS's own: "
            f"--config-dir {folders[-1]}"
        )
    composed = compose_config(name, options.overrides, *folders)
    if "name" in composed.tree:
        check_name(composed.tree["name"], "'name'")
    if options.show:
        screen.print_line(composed.text.rstrip())
        if "contract" in composed.tree:
            from aegis.app.robot.planning import read_contract_node  # Needs rosbags.

            read_contract_node(composed)
        return None
    return expand_tasks(composed)


def find_run_folder(place: str, file: str) -> Path:
    """Returns a run folder from its path or name.

    Args:
        place: What the user said.
        file: File of such runs, to list those that there are.

    Raises:
        UnknownNameError: If there is no such folder.
    """
    for path in (Path(place), RUNS_FOLDER / place):
        if path.is_dir():
            return path
    known = sorted(path.parent.name for path in RUNS_FOLDER.glob(f"*/{file}"))
    raise UnknownNameError("run", place, known or ["(none yet)"], f"{RUNS_FOLDER}/")


def resolve_run_folder(name: str) -> Path:
    """Returns the folder of a run.

    Raises:
        ConfigError: If the name is not valid.
    """
    return RUNS_FOLDER / check_name(name, "'name'")


def build_run_plan(
    lab: Lab,
    units: tuple[EpisodeKey, ...],
    arms: Sequence[Arm],
    *,
    sharing: bool | None = None,
    audit: float | None = None,
) -> RunPlan:
    """Returns the plan of a run, with everything that its results depend on.

    Args:
        lab: World, policies and detectors.
        units: Start states.
        arms: Arms.
        sharing: Whether arms share prefixes; None reads the configuration.
        audit: Share of units to check; None reads the configuration.
    """
    settings, paired = lab.settings, len(arms) > 1
    if sharing is None:
        sharing = settings.flag("sharing") if paired else False
    if audit is None:
        audit = settings.number("audit", 0.0, 1.0) if paired else 0.0
    return RunPlan(
        units=units,
        arms=tuple(arms),
        config=lab.composed.text,
        identity={
            LEVEL_KEY: lab.level,
            **lab.identity,
            **collect_identity(lab.composed, [arm.name for arm in arms]),
        },
        notes={**read_versions(), "cpu": describe_cpu(), "libc": "-".join(platform.libc_ver())},
        machine=lab.machine,
        sharing=sharing,
        audit=audit,
        batch_dependent=settings.flag("batch_dependent"),
        absent=read_absent(settings),
        origins=lab.origins,
    )


def read_absent(settings: Settings) -> bool:
    """Says whether policies may fail to answer; those of plans of before may not.

    Raises:
        ConfigError: If it is neither ``refuse`` nor ``hold``.
    """
    if "absent" not in settings.names():
        return False
    return settings.choice("absent", ("refuse", "hold")) == "hold"


def make_run_sink(screen: Screen, title: str, out: Path) -> Tee:
    """Returns the sink of a run: the screen, and ``status.json`` for `aegis monitor`."""
    return Tee(screen.make_sink(title), StatusFile(out / "status.json", time.monotonic))
