"""`aegis monitor`: attaches to a running or finished run."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

from aegis.app.command import Command
from aegis.app.experiment import RUNS_FOLDER
from aegis.app.screen import Json, Screen
from aegis.monitor.attachment import Attachment, find_run
from aegis.monitor.sinks import PanelSink, write_panel_svg
from aegis.records.store import RunTables

POLL_PERIOD = 0.5  # [s]
SILENCE_LIMIT = 120.0  # [s]; a run that is silent for longer counts as dead


def _run_monitor(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    root = find_run(options.run, RUNS_FOLDER)
    sink = screen.make_sink(root.name)
    attachment = Attachment(root, sink)
    state = attachment.poll_run()
    try:
        while (
            state == "running"
            and not options.once
            and attachment.measure_age(time.time()) < SILENCE_LIMIT
        ):
            time.sleep(POLL_PERIOD)
            state = attachment.poll_run()
    finally:
        sink.on_run_closed()
    if state == "running" and attachment.measure_age(time.time()) >= SILENCE_LIMIT:
        state = "silent"
        screen.print_note(
            f"no sign of life for {attachment.measure_age(time.time()):.0f} s: was the run killed? "
            "Repeat the command that started it to resume."
        )
    if options.svg is not None:
        if not isinstance(sink, PanelSink):
            sink = PanelSink(screen.err, root.name, time.monotonic)
            Attachment(root, sink).poll_run()
            sink.on_run_closed()
        write_panel_svg(sink, Path(options.svg))
    return {
        "run": str(root),
        "state": state,
        "arms": _count_by_arm(root) if state == "finished" else {},
    }


def _count_by_arm(root: Path) -> Mapping[str, Json]:
    rows = RunTables.read_folder(root).episodes
    return {
        arm: {
            "episodes": sum(row.arm == arm for row in rows),
            "successes": sum(row.success for row in rows if row.arm == arm),
        }
        for arm in sorted({row.arm for row in rows})
    }


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="name of a run, or its folder")
    parser.add_argument("--once", action="store_true", help="show the current state and exit")
    parser.add_argument("--svg", metavar="PATH", help="also write the panel as a picture")


COMMAND = Command(
    name="monitor",
    details="""
        Shows a run from another terminal: episodes in flight with task, step, driver, the gate's
        quantity beside its threshold, stays and duty; tallies per arm over the units that every arm
        has completed; rate and time left. Monitoring never changes a run, and Ctrl-C ends only the
        monitor.
    """,
    examples=(
        ("aegis monitor study", "attach to runs/study"),
        ("aegis monitor runs/study --once", "its current state"),
        ("aegis monitor study --once --svg panel.svg", "as a picture"),
    ),
    configured=False,
    options=_add_options,
    run=_run_monitor,
)
