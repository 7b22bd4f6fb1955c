"""`aegis compare`: two policies, each alone, on the same start states with the same noise."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from aegis.app.command import Command
from aegis.app.comparison.typed_names import make_options
from aegis.app.screen import Json, Screen


def _compare_policies(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    # Imported when it runs: that takes seconds, and help should not.
    from aegis.app.comparison.comparing import COMPARE
    from aegis.app.comparison.playing import run_or_check

    return run_or_check(COMPARE, options, screen)


COMMAND = Command(
    name="compare",
    details="""
        Plays two policies, each alone, on the same start states with the same noise, and says which
        one solves more: success, difference with its interval, exact p, when the two part, a table
        per task, cost, and how many units a smaller difference would need. Results go to
        runs/<name>, sealed; the same command resumes an interrupted run.
    """,
    examples=(
        ("aegis compare nano_weak nano_strong", "50 units, A against B"),
        ("aegis compare nano_weak nano_strong units=300 target=3", "goes on, for 3 points"),
        ("aegis compare policy@b=expert tasks=[3] name=expert", "one part, one task"),
        ("aegis compare nano_weak nano_weak name=same units=4", "equal policies part nowhere"),
        ("aegis compare --check compare", "is a finished comparison as it was sealed"),
    ),
    configured=True,
    options=make_options(("a", "b"), ("A", "B")),
    run=_compare_policies,
)
