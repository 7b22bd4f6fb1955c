"""`aegis drive`: the controller in real time, on a simulated robot."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from aegis.app.command import Command, add_no_options
from aegis.app.experiment import compose_or_show
from aegis.app.screen import Json, Screen


def _drive(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = compose_or_show("drive", options, screen)
    if composed is None:
        return {}
    from aegis.app.robot.driving import drive_simulation  # Needs rosbags, which --help does not.

    result: dict[str, Any] = dict(drive_simulation(composed, screen))
    drove = ", ".join(f"{rung} {n}" for rung, n in result["drove"].items()) or "nobody"
    fault = str(result["fault"])
    solved = "solved" if result["outcome"].get("solved") else "not solved"
    screen.print_line(
        f"{result['ticks']} ticks, {result['missed']} missed, {result['held']} held; ticks by "
        f"driver: {drove}; {solved}{'; ended in a fault: ' + fault if fault else ''}"
    )
    return result


COMMAND = Command(
    name="drive",
    details="""
        Drives a simulated robot in real time: robot, control loop and each policy in a process of
        its own, with watchdogs, motion limits and a person at the keyboard who can take over and
        stop. The controller is the one of studies. What it does over ROS 2 (`aegis ros`), it does
        here without any ROS on the machine. A software stop is not a safety-rated e-stop.
    """,
    examples=(
        ("aegis drive", "a panel and keys; e enables the robot"),
        ("aegis drive enable=true seconds=30", "without a keyboard"),
        ("aegis drive record=runs/bag", "writes everything to a bag, for `aegis replay`"),
        ("aegis drive realtime.priority=40 realtime.core=0", "asks Linux for real-time scheduling"),
    ),
    configured=True,
    options=add_no_options,
    run=_drive,
)
