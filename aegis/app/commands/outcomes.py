"""`aegis outcomes`: two results of vla-eval, lerobot-eval or aegis run, compared in pairs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from aegis.app.command import Command
from aegis.app.screen import Json, Screen
from aegis.core.errors import ConfigError

_ERRORS = ("leave-out", "failures")


def _compare_outcomes(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    if options.result_a is None or options.result_b is None:
        raise ConfigError("Name two results, for example: aegis outcomes A B.")
    # Imported when it runs: that takes seconds, and help should not.
    from aegis.app.comparison.imported_page import write_imported_lines, write_imported_page
    from aegis.records.files import write_atomic
    from aegis.study.analysis.json_values import flatten_intervals
    from aegis.study.imported.comparison import compare_results
    from aegis.study.imported.reading import read_results

    results = [read_results(place) for place in (options.result_a, options.result_b)]
    found = compare_results(results[0], results[1], errors=options.errors)
    for line in write_imported_lines(found):
        screen.print_line(line)
    values = flatten_intervals({"format": 1, "kind": "outcomes", **asdict(found)})
    assert isinstance(values, dict)
    if options.out is not None:
        out = Path(options.out).expanduser()
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"--out {out} cannot be a folder: {error}. Name another.") from error
        text = json.dumps(values, indent=1, allow_nan=False) + "\n"
        write_atomic(out / "report.json", text.encode())
        write_atomic(out / "report.md", write_imported_page(found).encode())
        screen.print_line(f"in {out}")
    return values


def _add_options(parser: argparse.ArgumentParser) -> None:
    for name, word in (("result_a", "A"), ("result_b", "B")):
        parser.add_argument(
            name,
            nargs="?",
            metavar=word,
            help="recording-*.sqlite or *_aggregate.json of vla-eval, eval_info.json of "
            "lerobot-eval, or the folder of a run, with :ARM for one of its arms",
        )
    parser.add_argument(
        "--errors",
        choices=_ERRORS,
        default=_ERRORS[0],
        help="what becomes of episodes that a harness could not finish; vla-eval's own means count "
        "them as failures",
    )
    parser.add_argument("--out", metavar="FOLDER", help="folder for report.json and report.md")


COMMAND = Command(
    name="outcomes",
    details="""
        Reads what other harnesses wrote, pairs episodes by task and start state, and says who
        solves more: success with its interval, difference, exact p, a table per task, and what
        could not be paired. A run of AEGIS from official start states may be one of the two.
    """,
    examples=(
        ("aegis outcomes weak/recording-1.sqlite gated/recording-2.sqlite", "two of vla-eval"),
        ("aegis outcomes outputs/eval/act outputs/eval/smolvla", "two of lerobot-eval"),
        ("aegis outcomes outputs/eval/act runs/act:weak", "lerobot-eval against our own run"),
        ("aegis outcomes A.json B.json --errors failures --out compared", "with a report"),
    ),
    configured=False,
    options=_add_options,
    run=_compare_outcomes,
)
