"""Kept results become figures, the same ones every time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aegis.bench.figures import FLOORS, compare_floors, draw_figures, read_results
from aegis.core.errors import ConfigError


def write_results(folder: Path, bench: str, *rows: dict[str, Any]) -> None:
    times = {"reference": "them", "cpu_ms": [1.0], "reference_cpu_ms": [5.0]}
    full = [{**times, "wall_ms": [1.0], "reference_wall_ms": [5.0], **row} for row in rows]
    (folder / f"{bench}.json").write_text(json.dumps({"benchmark": bench, "rows": full}))


def test_every_figure(tmp_path: Path) -> None:
    write_results(tmp_path, "step", {"name": "exact", "ratio": 5.0, "steps": 10})
    write_results(
        tmp_path, "rollout", *({"name": f"slots_{n}", "episodes_per_second": n} for n in (1, 2))
    )
    results = read_results(tmp_path)
    first = {path.name: path.read_bytes() for path in draw_figures(results, tmp_path / "a")}
    again = {path.name: path.read_bytes() for path in draw_figures(results, tmp_path / "b")}
    assert sorted(first) == ["bench-floors.svg", "bench-growth.svg", "bench-step.svg"]
    assert first == again


def test_floors_hold_or_not(tmp_path: Path) -> None:
    write_results(
        tmp_path, "step", {"name": "exact", "ratio": 3.9}, {"name": "fast", "ratio": 10.0}
    )
    write_results(tmp_path, "rollout", {"name": "warm_start", "seconds": [0.5, 0.9, 4.0]})
    lines = {name: (got, holds) for name, _, got, holds in compare_floors(read_results(tmp_path))}
    assert lines["step: exact"] == ("3.9 x", "no")
    assert lines["step: fast"] == ("10 x", "yes")
    assert lines["rollout: warm_start"] == ("0.9 s", "yes")
    assert lines["gate: feed"] == ("not measured", "")
    assert len(compare_floors({})) == len(FLOORS)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"benchmark": "step", "rows": [1]}'])
def test_what_is_no_result(tmp_path: Path, text: str) -> None:
    (tmp_path / "step.json").write_text(text)
    with pytest.raises(ConfigError, match="aegis bench step"):
        read_results(tmp_path)


def test_nothing_kept(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No results"):
        read_results(tmp_path)
