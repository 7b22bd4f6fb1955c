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
from aegis.study.imported.error_rules import ERROR_RULES


def _compare_outcomes(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    if options.result_a is None or options.result_b is None:
        raise ConfigError("Name two results, for example: aegis outcomes A B.")
    # Imported when it runs: that takes seconds, and help should not.
    from aegis.app.comparison import imported_page as page
    from aegis.records.files import write_atomic
    from aegis.study.analysis.json_values import flatten_intervals
    from aegis.study.imported import comparison
    from aegis.study.imported.reading import read_results

    a, b = (read_results(place) for place in (options.result_a, options.result_b))
    paired = options.same_starts or not comparison.list_assumptions(a, b)
    facts: dict[str, object]
    if paired:
        found = comparison.compare_results(a, b, errors=options.errors)
        facts, lines = asdict(found), page.write_imported_lines(found)
        text_page = page.write_imported_page(found)
    else:
        alone = comparison.summarise_results(a, b, errors=options.errors)
        facts, lines = asdict(alone), page.write_unpaired_lines(alone)
        text_page = page.write_unpaired_page(alone)
    for line in lines:
        screen.print_line(line)
    values = flatten_intervals({"format": 1, "kind": "outcomes", "paired": paired, **facts})
    assert isinstance(values, dict)
    if options.out is not None:
        out = Path(options.out).expanduser()
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"--out {out} cannot be a folder: {error}. Name another.") from error
        text = json.dumps(values, indent=1, allow_nan=False) + "\n"
        write_atomic(out / "report.json", text.encode())
        write_atomic(out / "report.md", text_page.encode())
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
        choices=ERROR_RULES,
        default=ERROR_RULES[0],
        help="what becomes of episodes that a harness could not finish; vla-eval's own means count "
        "them as failures",
    )
    parser.add_argument(
        "--same-starts",
        action="store_true",
        help="pair eval_info.json of lerobot-eval by the places of its list: right with LeRobot "
        "0.6.1 and --eval.batch_size=1, or --eval.use_async_envs=true",
    )
    parser.add_argument("--out", metavar="FOLDER", help="folder for report.json and report.md")


COMMAND = Command(
    name="outcomes",
    details="""
        Reads what other harnesses wrote, pairs episodes by task and start state, and says who
        solves more: success with its interval, difference, exact p, a table per task, and what
        could not be paired. A run of AEGIS from official start states may be one of the two.
        lerobot-eval does not write start states down: its episodes are paired when told.
    """,
    examples=(
        ("aegis outcomes weak/recording-1.sqlite gated/recording-2.sqlite", "two of vla-eval"),
        ("aegis outcomes outputs/eval/act outputs/eval/smolvla", "two of lerobot-eval"),
        (
            "aegis outcomes outputs/eval/act runs/act:weak --same-starts",
            "lerobot-eval against our own run, in pairs",
        ),
        ("aegis outcomes A.json B.json --errors failures --out compared", "with a report"),
    ),
    configured=False,
    options=_add_options,
    run=_compare_outcomes,
)
