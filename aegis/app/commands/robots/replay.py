"""`aegis replay`: a recording through the controller once more."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from aegis.app.command import Command
from aegis.app.screen import Json, Screen


def _replay(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    from aegis.app.robot.replaying import replay_bag  # Needs rosbags, which --help does not.

    infer = not options.as_recorded
    result = replay_bag(Path(options.bag), options.overrides, options.config_dir, infer)
    screen.print_line(
        f"{result.equal} of {result.decisions} decisions equal, bit for bit, in {result.lives} "
        f"{'life' if result.lives == 1 else 'lives'}; {result.inferences} proposals computed "
        f"again, {result.unequal_proposals} of them not as recorded"
    )
    if result.left_out:
        screen.print_line(
            f"{result.left_out} ticks left out: behind a difference, what was seen is not what "
            "would have been seen"
        )
    for difference in result.differences:
        screen.print_line(f"{difference.life}, tick {difference.k}:")
        for name, (then, now) in difference.fields.items():
            screen.print_line(f"  {name}: recorded {_show(then)}, now {_show(now)}")
    return {
        "lives": result.lives,
        "decisions": result.decisions,
        "equal": result.equal,
        "left_out": result.left_out,
        "inferences": result.inferences,
        "unequal_proposals": result.unequal_proposals,
        "recorded": dict(result.recorded),
        "replayed": dict(result.replayed),
        "differences": [
            {"life": one.life, "k": one.k, "fields": {k: list(v) for k, v in one.fields.items()}}
            for one in result.differences
        ],
    }


def _show(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {float.fromhex(score):.4g}" for name, score in value.items())
    return str(value) or "nothing"


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bag", metavar="BAG", help="folder of a bag, or its MCAP file")
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="KEY=VALUE",
        help="settings to change, for example gate=blind",
    )
    parser.add_argument(
        "--as-recorded",
        action="store_true",
        help="take the policies' proposals as they were recorded, instead of computing them again",
    )


COMMAND = Command(
    name="replay",
    details="""
        Runs the controller of a recording again, on what it saw then, and compares every decision
        bit for bit: command, driver, scores, verdict, questions. With settings it says where
        another gate, threshold or switch would have decided otherwise; each life is then played up
        to the first difference in who drives.
    """,
    examples=(
        ("aegis replay runs/bag", "policies compute their proposals again"),
        ("aegis replay runs/bag --as-recorded", "on a machine without the policies' rounding"),
        ("aegis replay runs/bag gate.threshold=0.3", "what a lower threshold would have done"),
    ),
    configured=False,
    folder_option=True,
    options=_add_options,
    run=_replay,
)
