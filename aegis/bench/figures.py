"""Figures: draws kept results of benchmarks, and holds them against the floors."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from aegis.core.errors import ConfigError

OURS, THEIRS, FLOOR = "#0072B2", "#999999", "#D55E00"
"""Colours that the colour-blind can tell apart (Okabe and Ito)."""
LABELS = {
    "workers": "workers",
    "slots": "branches in flight per worker",
    "horizon": "horizon [control steps]",
    "arms": "arms",
}
Rows = Mapping[str, Mapping[str, Any]]
Results = Mapping[str, Rows]


@dataclass(frozen=True, slots=True)
class Floor:
    """What a row must reach.

    Attributes:
        bench: Benchmark.
        row: Row.
        key: What of the row counts; of a list, the median.
        bound: The number to reach, or not to exceed.
        least: Whether it is a lower bound.
        unit: Of the number.
    """

    bench: str
    row: str
    key: str
    bound: float
    least: bool
    unit: str


FLOORS = (
    Floor("step", "exact", "ratio", 4, True, "x"),
    Floor("step", "fast", "ratio", 10, True, "x"),
    Floor("rollout", "same_pictures", "ratio", 10, True, "x"),
    Floor("rollout", "defaults", "ratio", 30, True, "x"),
    Floor("rollout", "warm_start", "seconds", 1, False, "s"),
    Floor("study", "prefix_sharing", "ratio", 1.4, True, "x"),
    Floor("study", "paper_scale", "minutes", 10, False, "min"),
    Floor("study", "paper_scale", "worker_peak_mb", 1000, False, "MB"),
    Floor("gate", "feed", "p99_us", 100, False, "us"),
    Floor("inference", "gpu", "ratio", 0.85, True, "x"),
)


def read_results(folder: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Reads kept results: benchmark to row to values.

    Raises:
        ConfigError: If there are none, or a file is none.
    """
    results: dict[str, dict[str, dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            kept = json.loads(path.read_text())
            results[str(kept["benchmark"])] = {str(row["name"]): row for row in kept["rows"]}
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{path} is no result of a benchmark ({error!r}). Measure it again: aegis bench "
                f"{path.stem} out={path}."
            ) from error
    if not results:
        raise ConfigError(
            f"No results (*.json) in {folder}. Keep some first: aegis bench step "
            f"out={folder / 'step.json'}."
        )
    return results


def find_measured(results: Results, floor: Floor) -> float | None:
    """Returns what was measured of a row that has a floor; None if it was not."""
    got = results.get(floor.bench, {}).get(floor.row, {}).get(floor.key)
    if isinstance(got, list):
        got = median(got) if got else None
    return None if got is None else float(got)


def compare_floors(results: Results) -> list[tuple[str, str, str, str]]:
    """Returns for each floor: the row, the bound, what was measured, and whether it holds."""
    lines = []
    for floor in FLOORS:
        bound = f"{'>=' if floor.least else '<='} {floor.bound:g} {floor.unit}"
        got = find_measured(results, floor)
        measured = "not measured" if got is None else f"{got:.3g} {floor.unit}"
        holds = "" if got is None else "yes" if _compute_margin(floor, got) >= 1 else "no"
        lines.append((f"{floor.bench}: {floor.row}", bound, measured, holds))
    return lines


def draw_figures(results: Results, folder: Path) -> list[Path]:
    """Draws what there is to draw; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [_draw_floors(results, folder / "bench-floors.svg")]
    for bench in ("step", "render", "inference"):
        # A second thread spins for so long that nothing else could be seen beside it.
        pairs = [
            row
            for name, row in results.get(bench, {}).items()
            if row["reference_cpu_ms"] and "_threads_" not in name
        ]
        if pairs:
            drawn.append(_draw_pairs(bench, pairs, folder / f"bench-{bench}.svg"))
    growth = {**results.get("rollout", {}), **results.get("study", {})}
    kinds = ("workers", "slots", "horizon", "arms")
    if any(name.startswith(f"{kind}_") for name in growth for kind in kinds):
        drawn.append(_draw_growth(growth, kinds, folder / "bench-growth.svg"))
    return drawn


def _compute_margin(floor: Floor, got: float) -> float:
    """Returns how many times better than its floor something is."""
    if floor.least:
        return got / floor.bound
    return floor.bound / got if got else math.inf


def _draw_floors(results: Results, path: Path) -> Path:
    shown = [(floor, got) for floor in FLOORS if (got := find_measured(results, floor)) is not None]
    plot, axes = _make_axes(6.5, 0.6 + 0.34 * max(1, len(shown)))
    names = [f"{floor.bench}: {floor.row} ({floor.key})" for floor, _ in shown]
    # Bars begin at the floor: on a logarithmic axis there is no zero to begin at.
    axes.barh(
        names, [_compute_margin(floor, got) - 1 for floor, got in shown], left=1.0, color=OURS
    )
    axes.axvline(1.0, color=FLOOR, linewidth=1.5)
    axes.set_xscale("log")
    ticks = [t for t in (0.1, 0.2, 0.5, 0.8, 1, 1.5, 2, 3, 5, 10, 20) if _is_within(t, axes)]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("times better than the floor (line)")
    axes.invert_yaxis()
    return _save_plot(plot, path)


def _draw_pairs(bench: str, rows: Sequence[Mapping[str, Any]], path: Path) -> Path:
    plot, axes = _make_axes(6.5, 0.8 + 0.4 * len(rows))
    wall = [str(row.get("measure", "")) == "wall" for row in rows]
    for offset, prefix, colour in ((-0.2, "", OURS), (0.2, "reference_", THEIRS)):
        times = [
            median(row[f"{prefix}wall_ms" if by_wall else f"{prefix}cpu_ms"])
            / float(row.get("steps") or row.get("pairs") or row.get("passes") or 1)
            for row, by_wall in zip(rows, wall, strict=True)
        ]
        label = "reference" if prefix else "ours"
        places = [i + offset for i in range(len(rows))]
        axes.barh(places, times, height=0.38, color=colour, label=label)
    axes.set_yticks(range(len(rows)), [f"{row['name']} | {row['reference']}" for row in rows])
    unit = {"step": "control step", "render": "two pictures", "inference": "pass"}[bench]
    axes.set_xlabel(f"CPU time per {unit} [ms]" + (" (gpu: wall)" if any(wall) else ""))
    axes.invert_yaxis()
    axes.legend(frameon=False)
    return _save_plot(plot, path)


def _draw_growth(rows: Rows, kinds: Sequence[str], path: Path) -> Path:
    plot, axes = _make_axes(9.6, 2.4, len(kinds))
    for panel, kind in zip(axes, kinds, strict=True):
        points = sorted(
            (int(name.rpartition("_")[2]), float(row["episodes_per_second"]))
            for name, row in rows.items()
            if name.startswith(f"{kind}_") and name.rpartition("_")[2].isdigit()
        )
        panel.plot([x for x, _ in points], [y for _, y in points], "o-", color=OURS)
        panel.set_xlabel(LABELS.get(kind, kind))
        panel.set_ylim(bottom=0)
        if len(points) <= 5:
            panel.set_xticks([x for x, _ in points])
    axes[0].set_ylabel("episodes per second")
    return _save_plot(plot, path)


def _is_within(tick: float, axes: Any) -> bool:
    low, high = axes.get_xlim()
    return bool(low <= tick <= high)


def _make_axes(width: float, height: float, panels: int = 1) -> tuple[Any, Any]:
    from matplotlib.figure import Figure  # drawing is rare, and importing it is slow

    plot = Figure(figsize=(width, height), layout="constrained")
    axes = plot.subplots(1, panels)
    for panel in [axes] if panels == 1 else axes:
        panel.spines[["top", "right"]].set_visible(False)
    return plot, axes


def _save_plot(plot: Any, path: Path) -> Path:
    from matplotlib import rc_context

    # No date and no random names: the same results give the same file.
    with rc_context({"svg.hashsalt": "aegis", "svg.fonttype": "none"}):
        plot.savefig(path, metadata={"Date": None})
    return path
