"""`aegis monitor`: attaches to a running or finished run."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

from aegis.app.command import Command
from aegis.app.experiment import RUNS
from aegis.app.screen import Json, Screen
from aegis.monitor.attach import Attachment, find_run
from aegis.monitor.live import PanelSink, picture
from aegis.records.store import RunTables

POLL = 0.5  # [s]
SILENT = 120.0  # [s]; a run that says nothing for so long is taken for dead


def _run(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    root = find_run(options.run, RUNS)
    sink = screen.sink(root.name)
    attachment = Attachment(root, sink)
    state = attachment.poll()
    try:
        while state == "running" and not options.once and attachment.age(time.time()) < SILENT:
            time.sleep(POLL)
            state = attachment.poll()
    finally:
        sink.closed()
    if state == "running" and attachment.age(time.time()) >= SILENT:
        state = "silent"
        screen.note(
            f"no sign of life for {attachment.age(time.time()):.0f} s: was the run killed? The "
            "command that started it goes on where it stopped."
        )
    if options.svg is not None:
        if not isinstance(sink, PanelSink):
            sink = PanelSink(screen.err, root.name, time.monotonic)
            Attachment(root, sink).poll()
            sink.closed()
        picture(sink, Path(options.svg))
    return {"run": str(root), "state": state, "arms": _arms(root) if state == "finished" else {}}


def _arms(root: Path) -> Mapping[str, Json]:
    rows = RunTables.load(root).episodes
    return {
        arm: {
            "episodes": sum(row.arm == arm for row in rows),
            "successes": sum(row.success for row in rows if row.arm == arm),
        }
        for arm in sorted({row.arm for row in rows})
    }


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="name of a run, or its folder")
    parser.add_argument("--once", action="store_true", help="show how it stands, and stop")
    parser.add_argument("--svg", metavar="PATH", help="write the panel as a picture, too")


COMMAND = Command(
    name="monitor",
    details="""
        Shows a run from another terminal: episodes in flight with task, step, who drives, risk
        against threshold, hand-overs and duty; tallies per arm; rate and time left. Looking never
        changes a run; Ctrl-C ends the looking only.
    """,
    examples=(
        ("aegis monitor study", "attach to runs/study"),
        ("aegis monitor runs/study --once", "how it stands now"),
        ("aegis monitor study --once --svg panel.svg", "as a picture"),
    ),
    configured=False,
    options=_options,
    run=_run,
)
