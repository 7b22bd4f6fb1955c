"""`aegis pilot`: whether switching from a weak policy to a strong one can pay."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from aegis.app.command import Command
from aegis.app.comparison.typed_names import make_options
from aegis.app.screen import Json, Screen


def _play_pilot(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    # Imported when it runs: that takes seconds, and help should not.
    from aegis.app.comparison.piloting import PILOT
    from aegis.app.comparison.playing import run_or_check

    return run_or_check(PILOT, options, screen)


COMMAND = Command(
    name="pilot",
    details="""
        Plays a weak and a strong policy alone and a switch from one to the other at a fixed tick,
        on the same start states with the same noise. Says how often the weak one fails (p), what a
        switch saves (r) and ruins (d), the precision that a detector needs, d / (r + d), what a
        study would find, and one of three answers: switching can pay, do not switch, or play more.
    """,
    examples=(
        ("aegis pilot nano_weak nano_strong", "50 units of two policies"),
        ("aegis pilot policy@weak=nano_weaker units=100 name=weaker", "of another weak policy"),
        ("aegis pilot tick=100 name=late", "with a later switch"),
        ("aegis pilot precision=0.6 study=500", "judges the rows that are there anew"),
        ("aegis pilot --check pilot", "is a finished pilot as it was sealed"),
    ),
    configured=True,
    options=make_options(("weak", "strong"), ("WEAK", "STRONG")),
    run=_play_pilot,
)
