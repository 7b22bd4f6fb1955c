"""Comparison page: a comparison of two policies in words, on a page and on the terminal."""

from __future__ import annotations

from aegis.app.comparison.markdown import join_sections, write_table
from aegis.app.comparison.phrases import (
    COST_HEADS,
    COST_NOTE,
    TANGO,
    WILSON,
    list_cost_cells,
    say_difference,
    say_parting,
    say_share,
    shorten_digest,
)
from aegis.report.markup import mark_markdown
from aegis.study.analysis.formatting import format_decimal, format_p_value, format_percent
from aegis.study.comparison.policy_comparison import ComparedPolicy, PolicyComparison
from aegis.study.comparison.required_units import RequiredUnits


def write_lines(found: PolicyComparison) -> list[str]:
    """Returns a comparison as lines for the terminal."""
    return [
        f"A {found.a.name}: {say_share(found.a.success)} solved, {_say_cost(found.a)}",
        f"B {found.b.name}: {say_share(found.b.success)} solved, {_say_cost(found.b)}",
        f"Intervals of shares are {WILSON}.",
        say_outcome(found),
        f"{say_cells(found)}.",
        say_parting(found.parting),
        say_required(found.required, found.n),
    ]


def write_page(name: str, found: PolicyComparison) -> str:
    """Returns a comparison as Markdown.

    Args:
        name: Name of the run.
        found: The comparison.
    """
    policies = [("A", found.a), ("B", found.b)]
    return join_sections(
        f"# {mark_markdown(name)}: two policies, each alone",
        f"{found.n} units: the same start states, and the same noise where the policies draw some. "
        "Differences are A − B.",
        write_table(
            ["policy", f"success, {WILSON}", "control steps per episode", "digest"],
            [
                [
                    f"{side} `{one.name}`",
                    say_share(one.success),
                    f"{one.steps:.1f}",
                    f"`{shorten_digest(one.digest)}`",
                ]
                for side, one in policies
            ],
        ),
        mark_markdown(say_outcome(found)),
        mark_markdown(f"{say_cells(found)}."),
        mark_markdown(say_parting(found.parting)),
        "## How many units a difference needs",
        mark_markdown(say_required(found.required, found.n)),
        "## By task",
        _write_tasks(found),
        "## Cost",
        write_table(
            COST_HEADS,
            [list_cost_cells(f"{side} `{one.name}`", one.cost) for side, one in policies],
        ),
        COST_NOTE,
        TANGO,
        WILSON,
    )


def say_outcome(found: PolicyComparison) -> str:
    """Returns the difference and its test in one sentence."""
    level = f"at {100 * found.required.alpha:g} %"
    if found.p > found.required.alpha:
        said = f"No difference is shown {level}"
    else:
        better = "A" if found.difference.value > 0 else "B"
        said = f"{better} solves more, {level}"
    return (
        f"{said}: A − B is {say_difference(found.difference)} ({TANGO} interval); McNemar's "
        f"exact p value, two-sided: {format_p_value(found.p)}."
    )


def say_cells(found: PolicyComparison) -> str:
    """Returns the units by who solved them."""
    return (
        f"Of {found.n} units {found.both} were solved by both, {found.neither} by neither, "
        f"{found.only_a} by A only, {found.only_b} by B only"
    )


def say_required(found: RequiredUnits, n: int) -> str:
    """Returns how many units a difference needs, in one sentence.

    Args:
        found: The units.
        n: Units that were played.
    """
    points, goal = f"{100 * found.target:g} points", f"{100 * found.goal:g} % power"
    supposed = (
        f"if {format_percent(found.discordant)} of the units are solved by only one policy, at a "
        f"two-sided level of {100 * found.alpha:g} %"
    )
    if found.units is None:
        needs = f"A difference of {points} needs more than 20,000 units for {goal}"
    elif not found.more:
        needs = f"A difference of {points} needs {found.units} units for {goal}; {n} were played"
    else:
        needs = (
            f"A difference of {points} needs {found.units} units for {goal}, {found.more} more "
            f"than the {n} that were played"
        )
    return f"{needs}, {supposed}. The power with {n} is {format_percent(found.power)}."


def _say_cost(one: ComparedPolicy) -> str:
    cost = one.cost
    return (
        f"{format_decimal(cost.chunks_per_episode, 1)} chunks per episode, "
        f"{format_decimal(1000 * cost.seconds_per_chunk, 1)} ms of inference each"
    )


def _write_tasks(found: PolicyComparison) -> str:
    rows = [
        [
            f"{one.task}: {one.instruction}",
            str(one.n),
            *map(str, (one.both, one.neither, one.only_a, one.only_b)),
            say_difference(one.difference),
            format_decimal(one.parting.median, 0),
            str(one.parting.never),
        ]
        for one in found.tasks
    ]
    heads = [
        "task",
        "units",
        "both",
        "neither",
        "only A",
        "only B",
        f"A − B, {TANGO}",
        "part at",
        "never part",
    ]
    return write_table(heads, rows)
