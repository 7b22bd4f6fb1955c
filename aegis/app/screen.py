"""Screen: output of a command, as text for people or one JSON object for machines."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from aegis.fleet.progress import ProgressSink
from aegis.records.json_values import replace_non_finite

Json: TypeAlias = (
    "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"  # recursive
)
PROGRESS_LINE_PERIOD = 10.0  # [s]; between progress lines where there is no terminal


class Screen:
    """Output of a command.

    Args:
        machine: Whether standard output is reserved for one JSON object; everything else then
            goes to standard error.
    """

    def __init__(self, machine: bool) -> None:
        self.machine = machine
        self.err = Console(stderr=True)
        self.out = self.err if machine else Console()

    def print_line(self, text: str = "") -> None:
        """Prints a line verbatim."""
        self.out.print(text, markup=False, highlight=False, soft_wrap=True)

    def print_note(self, text: str) -> None:
        """Prints a remark on progress to standard error."""
        self.err.print(text, markup=False, highlight=False, soft_wrap=True, style="dim")

    def print_table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]
    ) -> None:
        """Prints a table; numeric columns after the first are right-aligned."""
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for i, column in enumerate(columns):
            numeric = i > 0 and all(row[i][:1] in "-+0123456789" for row in rows if row[i])
            table.add_column(column, justify="right" if numeric else "left")
        for row in rows:
            table.add_row(*row)
        self.out.print(table)

    def make_sink(self, title: str) -> ProgressSink:
        """Returns the display of a run: a panel on a terminal, lines elsewhere."""
        from aegis.monitor.sinks import LineSink, choose_sink  # Needs scipy, which --help does not.

        if self.machine:
            return LineSink(self.err, time.monotonic)
        return choose_sink(self.out, title, time.monotonic)

    @contextmanager
    def show_progress(self, label: str, total: int | None) -> Iterator[Callable[[int, str], None]]:
        """Shows a progress bar on standard error; call it with the count so far and a remark."""
        if self.err.is_terminal:
            with _build_progress_bar(self.err) as progress:
                task = progress.add_task(label, total=total, note="")

                def update_bar(completed: int, note: str = "") -> None:
                    progress.update(task, completed=completed, note=note)

                yield update_bar
            return
        next_print = time.monotonic()

        def print_progress(completed: int, note: str = "") -> None:
            nonlocal next_print
            if time.monotonic() >= next_print or completed == total:
                next_print = time.monotonic() + PROGRESS_LINE_PERIOD
                self.print_note(
                    f"{label}: {completed}{'' if total is None else f'/{total}'} {note}".rstrip()
                )

        yield print_progress

    def print_result(self, value: Mapping[str, Json]) -> None:
        """Prints the result as JSON, if ``--json`` asked for it."""
        if self.machine:
            sys.stdout.write(json.dumps(replace_non_finite(value), indent=2) + "\n")
            sys.stdout.flush()


def _build_progress_bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
        console=console,
        refresh_per_second=4,
    )
