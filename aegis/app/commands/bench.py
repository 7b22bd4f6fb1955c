"""`aegis bench`: how fast, against whom, on this machine."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import cast

from aegis.app.bench_contests import BENCHES, build_contests, closing_contests, format_value
from aegis.app.command import Command
from aegis.app.config.settings import Settings
from aegis.app.experiment import compose_or_show
from aegis.app.screen import Json, Screen
from aegis.bench import figures
from aegis.bench.contest import BenchRow, measure_contest
from aegis.core.errors import ConfigError, UnknownNameError
from aegis.records.files import write_atomic
from aegis.records.json_values import replace_non_finite
from aegis.records.provenance import describe_machine

FIGURES = "figures"
"""Instead of a benchmark: draws the kept results."""


def _run_bench(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    if options.benchmark is None:
        screen.print_table(
            "benchmarks", ("name", "what"), [[n, text] for n, text in BENCHES.items()]
        )
        return {"benchmarks": list(BENCHES)}
    if options.benchmark == FIGURES:
        return _draw_figures(options, screen)
    if options.benchmark not in BENCHES:
        raise UnknownNameError("benchmark", options.benchmark, (*BENCHES, FIGURES), "aegis bench")
    options.overrides = [f"bench={options.benchmark}", *options.overrides]
    composed = compose_or_show("bench", options, screen)
    if composed is None:
        return {}
    rows: list[BenchRow] = []
    with closing_contests(build_contests(options.benchmark, composed)) as items:
        for contest, repeats in items:
            screen.print_note(f"{contest.name}, {repeats} repeats")
            rows.append(measure_contest(contest, repeats))
    _print_rows(options.benchmark, rows, screen)
    result = {
        "benchmark": options.benchmark,
        "machine": describe_machine(),
        "rows": [row.as_dict() for row in rows],
    }
    out = Settings(composed.tree).value("out")
    if out is not None:
        Path(str(out)).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(
            Path(str(out)), (json.dumps(replace_non_finite(result), indent=1) + "\n").encode()
        )
        screen.print_line(f"written to {out}")
    return cast("Mapping[str, Json]", result)


def _draw_figures(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    """Draws what is kept in ``benchmarks/``, or in the folder that is named."""
    given = list(options.overrides)
    if len(given) > 1 or any("=" in text for text in given):
        raise ConfigError(f"aegis bench {FIGURES} takes one folder and no settings. Got: {given}.")
    results = figures.read_results(Path(given[0] if given else "benchmarks"))
    lines = figures.compare_floors(results)
    screen.print_table("floors", ("row", "floor", "measured", "holds"), lines)
    drawn = [str(path) for path in figures.draw_figures(results, Path("docs/images"))]
    screen.print_line("\n".join(drawn))
    return {"figures": drawn, "floors": [list(line) for line in lines]}


def _print_rows(name: str, rows: Sequence[BenchRow], screen: Screen) -> None:
    table = [
        (
            row.name,
            f"{median(row.cpu_ms):.4g}",
            row.reference or "-",
            f"{median(row.reference_cpu_ms):.4g}" if row.reference_cpu_ms else "-",
            f"{row.ratio:.3g}" if row.ratio is not None else "-",
        )
        for row in rows
    ]
    columns = ("row", "CPU ms", "reference", "CPU ms", "ratio")
    screen.print_table(f"aegis bench {name}", columns, table)
    for row in rows:
        facts = [
            f"{key} {format_value(value)}" for key, value in row.facts.items() if _is_scalar(value)
        ]
        if facts:
            screen.print_line(f"{row.name}: {', '.join(facts)}")


def _is_scalar(value: object) -> bool:
    return isinstance(value, bool | int | float | str)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "benchmark", nargs="?", metavar="NAME", help=f"one of {', '.join(BENCHES)}; none: a list"
    )


COMMAND = Command(
    name="bench",
    details="""
        Times us and a reference in turns, in one run, by CPU time (worker processes included) and
        by wall, and prints medians of repeats. A ratio is the reference's cost over ours. Rows that
        compare results say whether these are equal.
    """,
    examples=(
        ("aegis bench", "what there is"),
        ("aegis bench step", "a control step against robosuite's"),
        ("aegis bench study bench.units=60", "a smaller study than the paper's"),
        ("aegis bench gate out=benchmarks/gate.json", "keeps the result"),
        ("aegis bench figures", "draws benchmarks/*.json into docs/images and names the floors"),
    ),
    configured=True,
    options=_add_options,
    run=_run_bench,
)
