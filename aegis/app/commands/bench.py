"""`aegis bench`: measures speed on this machine against references."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import cast

from aegis.app.bench_contests import BENCHES, build_contests, closing_contests, format_value
from aegis.app.command import Command, Verb, add_no_options
from aegis.app.config.settings import Settings
from aegis.app.experiment import compose_or_show
from aegis.app.screen import Json, Screen
from aegis.bench import figures
from aegis.bench.contest import BenchRow, measure_contest
from aegis.core.errors import ConfigError
from aegis.records.files import write_atomic
from aegis.records.json_values import replace_non_finite
from aegis.records.provenance import describe_machine

FIGURES = "figures"
"""Verb that draws stored results instead of measuring."""


def _list_benchmarks(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    if options.overrides:
        raise ConfigError(f"Give the benchmark first: aegis bench {next(iter(BENCHES))} KEY=VALUE.")
    screen.print_table("benchmarks", ("name", "what"), [[n, text] for n, text in BENCHES.items()])
    return {"benchmarks": list(BENCHES)}


def _measure_benchmark(
    name: str, options: argparse.Namespace, screen: Screen
) -> Mapping[str, Json]:
    options.overrides = [f"bench={name}", *options.overrides]
    composed = compose_or_show("bench", options, screen)
    if composed is None:
        return {}
    rows: list[BenchRow] = []
    with closing_contests(build_contests(name, composed)) as items:
        for contest, repeats in items:
            screen.print_note(f"{contest.name}, {repeats} repeats")
            rows.append(measure_contest(contest, repeats))
    _print_rows(name, rows, screen)
    result = {
        "benchmark": name,
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
    """Draws the results stored in ``benchmarks/`` or in the given folder."""
    if options.overrides:
        raise ConfigError(
            f"aegis bench {FIGURES} takes one folder and no settings. Got: {options.overrides}."
        )
    results = figures.read_results(Path(options.place or "benchmarks"))
    lines = figures.compare_floors(results)
    screen.print_table("floors", ("row", "floor", "measured", "holds"), lines)
    paths = [str(path) for path in figures.draw_figures(results, Path("docs/images"))]
    screen.print_line("\n".join(paths))
    return {"figures": paths, "floors": [list(line) for line in lines]}


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


def _build_verb(name: str, summary: str) -> Verb:
    return Verb(
        name=name,
        summary=summary,
        examples=(
            (f"aegis bench {name}", "measures it on this machine"),
            (f"aegis bench {name} out=benchmarks/{name}.json", "stores the result"),
        ),
        run=partial(_measure_benchmark, name),
    )


_DRAW = Verb(
    name=FIGURES,
    summary="draws stored results into docs/images and compares them with the floors",
    examples=(
        ("aegis bench figures", "draws benchmarks/*.json"),
        ("aegis bench figures /tmp/mine", "draws the results in another folder"),
    ),
    run=_draw_figures,
    place="FOLDER",
    place_help="folder of stored results; 'benchmarks' by default",
    settings="none.",
)


COMMAND = Command(
    name="bench",
    details="""
        Times AEGIS and a reference alternately in one run, by CPU time (worker processes included)
        and by wall-clock time, and prints medians over the repeats. A ratio is the reference's cost
        divided by that of AEGIS. Rows that compare results say whether they are equal.
    """,
    examples=(
        ("aegis bench", "lists the benchmarks"),
        ("aegis bench step", "a control step against robosuite's"),
        ("aegis bench study bench.units=60", "a smaller study than the paper's"),
        ("aegis bench gate out=benchmarks/gate.json", "stores the result"),
        (
            "aegis bench figures",
            "draws benchmarks/*.json into docs/images",
        ),
    ),
    configured=True,
    options=add_no_options,
    run=_list_benchmarks,
    verbs=(*(_build_verb(name, summary) for name, summary in BENCHES.items()), _DRAW),
)
