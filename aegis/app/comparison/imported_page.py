"""Imported page: a comparison of other harnesses' results, on a page and on the terminal."""

from __future__ import annotations

from aegis.app.comparison.comparison_page import say_required
from aegis.app.comparison.markdown import join_sections, write_table
from aegis.app.comparison.phrases import TANGO, say_difference, say_share
from aegis.report.markup import mark_markdown
from aegis.study.analysis.formatting import format_p_value
from aegis.study.imported.comparison import (
    ImportedComparison,
    ImportedSide,
    UnpairedResults,
)


def write_imported_lines(found: ImportedComparison) -> list[str]:
    """Returns a comparison as lines for the terminal."""
    return [
        *(
            f"{name} {_say_side(side)}, {side.alone} not paired"
            for name, side in (("A", found.a), ("B", found.b))
        ),
        say_pairs(found),
        say_required(found.required, found.n),
        *(
            f"  {one.suite} {one.task}: {_count_pairs(one.n)}, {say_difference(one.difference)} "
            f"{one.instruction}".rstrip()
            for one in found.tasks
        ),
        *found.notes,
    ]


def write_imported_page(found: ImportedComparison) -> str:
    """Returns a comparison as Markdown."""
    return join_sections(
        "# Two results of other harnesses",
        "Differences are A − B. Pairs are episodes of one task and one start state.",
        write_table(
            ["result", "harness", "success", "not paired", "errors"],
            [
                [
                    f"{name} `{side.source}`",
                    side.harness,
                    say_share(side.success),
                    str(side.alone),
                    _say_errors(side) or "0",
                ]
                for name, side in (("A", found.a), ("B", found.b))
            ],
        ),
        mark_markdown(say_pairs(found)),
        mark_markdown(say_required(found.required, found.n)),
        "## By task",
        _write_tasks(found),
        "## What to know" if found.notes else "",
        "\n".join(f"- {mark_markdown(note)}" for note in found.notes),
    )


def write_unpaired_lines(found: UnpairedResults) -> list[str]:
    """Returns two results as lines for the terminal."""
    sides = (("A", found.a), ("B", found.b))
    return [*(f"{name} {_say_side(side)}" for name, side in sides), *found.notes]


def write_unpaired_page(found: UnpairedResults) -> str:
    """Returns two results as Markdown."""
    rows = [
        [f"{name} `{side.source}`", side.harness, say_share(side.success), _say_errors(side) or "0"]
        for name, side in (("A", found.a), ("B", found.b))
    ]
    return join_sections(
        "# Two results of other harnesses, not paired",
        write_table(["result", "harness", "success", "errors"], rows),
        "\n".join(f"- {mark_markdown(note)}" for note in found.notes),
    )


def say_pairs(found: ImportedComparison) -> str:
    """Returns what the pairs say."""
    return (
        f"{_count_pairs(found.n)}: {found.both} solved by both, {found.neither} by neither, "
        f"{found.only_a} by A only, {found.only_b} by B only. A − B is "
        f"{say_difference(found.difference)} ({TANGO} interval); McNemar's exact p, "
        f"two-sided: {format_p_value(found.p)}."
    )


def _count_pairs(n: int) -> str:
    return f"{n} pair" if n == 1 else f"{n} pairs"


def _say_side(side: ImportedSide) -> str:
    errors = _say_errors(side)
    return f"{side.source} ({side.harness}): {say_share(side.success)} solved" + (
        f", errors: {errors}" if errors else ""
    )


def _say_errors(side: ImportedSide) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in side.errors.items())


def _write_tasks(found: ImportedComparison) -> str:
    heads = ["task", "pairs", "both", "neither", "only A", "only B", "A − B"]
    rows = [
        [
            f"{one.suite} {one.task}: {one.instruction}".removesuffix(": "),
            *map(str, (one.n, one.both, one.neither, one.only_a, one.only_b)),
            say_difference(one.difference),
        ]
        for one in found.tasks
    ]
    return write_table(heads, rows)
