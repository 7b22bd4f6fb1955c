"""Figures put things where the numbers are."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pyarrow as pa
import pytest

from aegis.records.rows import EpisodeRow
from aegis.report.axis import hundredths
from aegis.report.document import Figure
from aegis.report.frontier import frontier
from aegis.report.ladder import Dot, Panel, Rung, ladder
from aegis.report.outcomes import arms, contrasts, flow, tasks
from aegis.report.palette import STRONG_TINT
from aegis.report.tables import Rule, Tables
from aegis.report.timing import forks, timing
from aegis.report.traces import traces
from aegis.stats.intervals import Interval
from aegis.study.analysis.frontier_points import FrontierPoint
from aegis.study.analysis.study_result import StudyResult
from aegis.study.estimates import Estimate, Share
from aegis.study.play.small_tables import SCORES
from tests.report import made

SVG = "{http://www.w3.org/2000/svg}"


def shapes(figure: Figure | None, kind: str) -> list[dict[str, str]]:
    assert figure is not None
    return [found.attrib for found in ElementTree.fromstring(figure.canvas.svg()).iter(SVG + kind)]


def words(figure: Figure | None) -> list[str]:
    assert figure is not None
    root = ElementTree.fromstring(figure.canvas.svg())
    return ["".join(found.itertext()) for found in root.iter(SVG + "text")]


def test_dots_are_where_values_are() -> None:
    values = (0.1, 0.3, 0.2, 0.9)
    dots = tuple(Dot(v, Interval(v - 0.05, v + 0.05), f"{v}") for v in values)
    panel = Panel("t", "l", dots, hundredths, within=(0.0, 1.0))
    root = ElementTree.fromstring(ladder("x", [Rung(str(v)) for v in values], [panel]).svg())
    at = [float(dot.attrib["cx"]) for dot in root.iter(SVG + "circle")]
    per = (at[3] - at[0]) / 0.8
    assert at == pytest.approx([at[0] + per * (v - 0.1) for v in values], abs=0.02)
    spans = [line.attrib for line in root.iter(SVG + "line") if line.attrib["stroke-width"] == "2"]
    reach = [float(line["x2"]) - float(line["x1"]) for line in spans]
    assert reach == pytest.approx([0.1 * per] * 4, abs=0.02)


def test_a_missing_dot_is_a_dash() -> None:
    nan = Dot(float("nan"), Interval(0.0, 1.0), "")
    canvas = ladder("x", [Rung("a"), Rung("b")], [Panel("t", "l", (None, nan), hundredths)])
    assert canvas.svg().count(">–<") == 2
    assert "<circle" not in canvas.svg()


def test_counts_of_the_flow(result: StudyResult) -> None:
    found = words(flow(result))
    arm = next(arm for arm in result.arms if arm.name == result.recommended)
    assert found[0] == result.recommended
    for count in (arm.success.count, arm.recovered.of, arm.disrupted.of):
        assert str(count) in found
    assert f"+{arm.recovered.count}" in found
    assert f"−{arm.disrupted.count}" in found


def test_every_arm_is_drawn(result: StudyResult) -> None:
    names = {arm.name for arm in result.arms}
    assert names - {result.reference} <= set(words(arms(result)))
    labels = " ".join(words(frontier(result)))
    assert all(f"{arm.name}  {100 * arm.success.value:.1f} %" in labels for arm in result.arms)


def test_strong_is_a_line_and_others_are_dots(result: StudyResult) -> None:
    full = [dot for dot in shapes(frontier(result), "circle") if dot["fill"] != "#ffffff"]
    assert len(full) == len(result.arms) - 1
    rings = len(shapes(frontier(result), "circle")) - len(full)
    assert rings == len(result.frontier) - len(result.arms)


def test_a_gate_without_an_arm(result: StudyResult) -> None:
    rate = Share(3, 4, 0.75, Interval(0.3, 0.95))
    point = FrontierPoint("other", "s", Estimate(0.2, Interval(0.1, 0.3)), rate)
    turned = replace(result, frontier=(*result.frontier, point))
    assert "other  75.0 %" in words(frontier(turned))


def test_only_what_the_plan_asked_is_drawn_as_contrast(result: StudyResult, tables: Tables) -> None:
    found = words(contrasts(result))
    assert "advantage − random" in found
    assert "aegis − random" not in found
    loose = replace(result, contrasts=tuple(c for c in result.contrasts if not c.is_primary))
    assert "aegis − random" in words(contrasts(loose))
    assert "7  on the stove" in words(tasks(result, tables))


def test_shading_is_who_drove(result: StudyResult) -> None:
    rows = [made.episodes(per_task=1, tasks=1)[i] for i in (0, 2)]
    alone = replace(rows[0], success=False, steps=200)
    row = replace(
        rows[1], success=True, steps=100, strong_steps=40, weak_steps=60, fires=1,
        first_fire_k=40, handover_k=50,
    )  # fmt: skip
    place = {"task": row.task, "start": row.start, "index": row.index}
    found = [
        {**place, "arm": arm.arm, "k": k, "scores": [("probe", 0.5)],
         "active": "strong" if arm is row and 50 <= k < 90 else "weak"}
        for arm in (alone, row) for k in range(0, arm.steps, 10)
    ]  # fmt: skip
    tables = Tables((alone, row), pa.Table.from_pylist(found, schema=SCORES), None,
                    {"advantage": Rule("probe", 0.4)})  # fmt: skip
    figure = traces(result, tables, {})
    shaded = [box for box in shapes(figure, "rect") if box.get("fill") == STRONG_TINT]
    assert len(shaded) == 1
    per = (690 - 50) / 200
    assert float(shaded[0]["x"]) == pytest.approx(50 + 50 * per)
    assert float(shaded[0]["width"]) == pytest.approx(40 * per)
    assert "threshold 0.40" in words(figure)
    assert "not recovered or disrupted" in (figure.caption if figure else "")


def test_hand_overs_are_counted_on_failures(
    result: StudyResult, tables: Tables, rows: tuple[EpisodeRow, ...]
) -> None:
    failing = sum(not row.success for row in rows if row.arm == "weak")
    found = words(timing(result, tables))
    assert f"weak alone: first mishap ({failing} failures)" in found
    assert any(line.endswith(f"of {failing})") for line in found)
    assert timing(result, Tables(rows)) is None


def test_rings_where_it_does_not_pay(result: StudyResult) -> None:
    rings = [dot for dot in shapes(forks(result), "circle") if dot["fill"] == "#ffffff"]
    assert len(rings) == sum(not point.pays for point in result.forks)
