"""`aegis export`: a run as a LeRobot dataset, as Rerun recordings or as MCAP files."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from aegis.app.command import Command
from aegis.app.screen import Json, Screen
from aegis.core.errors import ConfigError, UnknownNameError

_FORMATS = ("lerobot", "rerun", "mcap")


def _export(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    # Imported when it runs: that takes seconds, and help should not.
    from aegis.app.config.settings import Settings
    from aegis.app.experiment import compose_or_show

    composed = compose_or_show("export", options, screen)
    if composed is None:
        return {}
    if options.place is None:
        raise ConfigError(
            "Name the folder of a run, for example: aegis export runs/first --to lerobot."
        )
    names = _read_formats(options.to)
    from aegis.app.experiment import find_run_folder
    from aegis.app.exporting import STEPS_FILE, export_run

    root = find_run_folder(options.place, STEPS_FILE)
    result = export_run(root, names, Settings(composed.tree), screen)
    before = result.episodes - result.drawn
    screen.print_line(
        f"{result.episodes} episodes, {result.frames} frames"
        + (f"; {before} of them written before" if before else "")
    )
    for name, checks in result.checks.items():
        for check in checks:
            screen.print_line(f"  {name}: {check.count} {check.detail}")
        screen.print_line(f"  in {result.out / name}")
    return {
        "out": str(result.out),
        "episodes": result.episodes,
        "frames": result.frames,
        "drawn": result.drawn,
        "formats": {
            name: {
                "folder": str(result.out / name),
                "checks": [
                    {"name": one.name, "count": one.count, "detail": one.detail} for one in checks
                ],
            }
            for name, checks in result.checks.items()
        },
    }


def _read_formats(text: str | None) -> tuple[str, ...]:
    """Returns the formats that are listed.

    Raises:
        ConfigError: If none is.
        UnknownNameError: If there is no such format.
    """
    if text is None:
        raise ConfigError(f"Say --to {' | '.join(_FORMATS)}, or several: a,b.")
    names = tuple(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in _FORMATS:
            raise UnknownNameError("format", name, _FORMATS, "--to")
    return names


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("place", nargs="?", metavar="RUN", help="folder of a finished run")
    parser.add_argument(
        "--to",
        metavar="FORMAT",
        help=f"{', '.join(_FORMATS)}, or several of them, separated by commas",
    )


COMMAND = Command(
    name="export",
    details="""
        Plays the actions of a run again, compares every state with the recorded one, draws
        pictures, and writes a LeRobot dataset (version 3), Rerun recordings or MCAP files for
        Foxglove, all from one replay. What was written is read back and compared with the run. The
        same command goes on with an interrupted export, and checks a complete one.
    """,
    examples=(
        ("aegis export runs/first --to lerobot", "a dataset in exports/first/lerobot"),
        (
            "aegis export runs/demos --to lerobot only=success mirror=true out=data/demos",
            "successes, with pictures as LIBERO's datasets have them",
        ),
        ("aegis export runs/first --to rerun,mcap tasks=[3]", "recordings of task 3"),
        (
            "aegis export runs/first --to lerobot 'cameras={agentview: 256, wrist: null}'",
            "one camera, larger",
        ),
    ),
    configured=True,
    options=_add_options,
    run=_export,
)
