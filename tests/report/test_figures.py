"""Figures show all that was planned, put things where the numbers are, and follow the theme."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib
import pyarrow as pa
import pytest

from aegis.records.rows import EpisodeRow
from aegis.report.figures.auroc import is_other_label
from aegis.report.figures.charts import draw_charts
from aegis.report.figures.drawing import Chart, Drawing, set_scale, use_style, write_whole
from aegis.report.figures.flow import count_outcomes
from aegis.report.figures.svg import make_standalone
from aegis.report.palette import DARK, LIGHT
from aegis.report.tables import Rule, Tables
from aegis.report.view import StudyView
from aegis.study.play.small_tables import SCORES
from tests.report import made
from tests.report.parsing import SVG, list_shapes, list_words

NAMES = {
    "arms", "auroc", "contrasts", "flow", "forks", "frontier", "reliability", "tasks", "timing",
    "traces",
}  # fmt: skip


def test_equal_studies_give_equal_bytes(view: StudyView, charts: dict[str, Chart]) -> None:
    assert set(charts) == NAMES
    with matplotlib.rc_context({"axes.grid": True, "font.size": 30, "lines.linewidth": 9}):
        assert draw_charts(view) == charts, "a user's settings do not matter"


def test_figures_need_nothing_else(charts: dict[str, Chart]) -> None:
    for name, chart in charts.items():
        bare = chart.svg.replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|@import|<script|<metadata", bare), name
        assert all(h.startswith(("#", "data:")) for h in re.findall(r'href="([^"]*)"', bare))
        root = ElementTree.fromstring(chart.svg)
        assert root.find(SVG + "title") is not None
        ids = re.findall(r' id="([^"]*)"', chart.svg)
        assert len(set(ids)) == len(ids)
        assert all(one.startswith(f"{name}-") for one in ids)


def test_every_colour_has_a_dark_twin(charts: dict[str, Chart]) -> None:
    assert LIGHT.keys() == DARK.keys()
    for name, chart in charts.items():
        style = " ".join(re.findall(r'style="([^"]*)"', chart.svg))
        assert not re.search(r"(fill|stroke): #", style), f"{name}: a colour without a name"
        for kind, value in re.findall(r'\b(fill|stroke)="(#[0-9a-f]+)"', chart.svg):
            assert value in LIGHT.values(), (name, kind)
        text = [found for found in list_shapes(chart, "text") if "fill" not in found]
        assert not text, f"{name}: words in a colour that a dark page hides"
        assert DARK["ink"] in make_standalone(chart.svg)


def test_names_are_words_not_formulas() -> None:
    with use_style():
        drawing = Drawing(60.0)
        axes = drawing.add_panel(10, 10, 100, 20)
        set_scale(axes, "x", (0, 1), write_whole, "$x$ <&> \x00")
        drawing.write(5, 5, "$a_b$ & <b>")
        chart = drawing.finish("one", "t < $x$", "s")
    assert {"$a_b$ & <b>", "$x$ <&>"} <= set(list_words(chart))


def test_every_planned_contrast_is_drawn(view: StudyView, charts: dict[str, Chart]) -> None:
    planned = [*view.plan.contrasts, *view.plan.secondary]
    rows, panels = list_words(charts["contrasts"]), list_words(charts["tasks"])
    for one in planned:
        assert f"{one.arm} − {one.against}" in rows
        mine = one.arm == view.plan.recommended
        title = f"− {one.against}" if mine else f"{one.arm} − {one.against}"
        assert any(words.startswith(title) for words in panels), title
    for arm in {name for one in planned for name in (one.arm, one.against)}:
        assert arm in list_words(charts["flow"])
        assert arm in list_words(charts["arms"])


def test_the_hardest_come_first(view: StudyView, charts: dict[str, Chart]) -> None:
    names = [f"{c.arm} − {c.against}" for c in view.drawn_contrasts]
    assert [words for words in list_words(charts["contrasts"]) if words in names] == names
    primary = [c for c in view.primary if c.alternative == "greater"]
    values = [c.difference.value for c in primary]
    assert values == sorted(values)
    assert view.rival == primary[0]
    assert view.primary[-1].alternative == "noninferior"
    assert view.ordered_arms[1].name == view.rival.against


def test_bars_are_all_units(view: StudyView, charts: dict[str, Chart]) -> None:
    words = list_words(charts["flow"])
    for arm in view.ordered_arms:
        kept, recovered, disrupted, failed = count_outcomes(arm)
        assert kept + recovered == arm.success.count
        assert kept + recovered + disrupted + failed == arm.n
        assert str(kept) in words or kept < 30


def test_points_of_the_frontier_have_labels(view: StudyView, charts: dict[str, Chart]) -> None:
    words = list_words(charts["frontier"])
    for arm in view.result.arms:
        assert (
            f"{arm.name} {100 * arm.success.value:.1f}\u00a0%".split()
            == next(w for w in words if w.split()[0] == arm.name and w.endswith("%")).split()
        )
    tried = [p for p in view.result.frontier if p.setting.endswith("on calibration units")]
    assert tried == [], "the made-up study has tried nothing"
    point = replace(
        view.result.frontier[2], gate="random", setting="gate.rate 0.1, on calibration units"
    )
    turned = replace(view.result, frontier=(*view.result.frontier, point))
    again = list_words(draw_charts(replace(view, result=turned))["frontier"])
    assert any(w.startswith("random: rate 0.1") for w in again)
    assert "Settings tried, on calibration units" in again


def test_scores_of_another_label_are_left_out(view: StudyView, charts: dict[str, Chart]) -> None:
    detector = view.result.detector
    assert detector is not None
    assert [s.name for s in detector.scores if is_other_label(detector, s)] == ["keep"]
    words = list_words(charts["auroc"])
    assert "keep" not in words
    assert {"probe", "time", "proprio", "task"} <= set(words)
    assert charts["auroc"].facts["apart"] == ["keep"]
    worse = replace(detector, name="keep")
    assert not any(s.name == "keep" and is_other_label(worse, s) for s in worse.scores)


def test_colours_follow_roles(rows: Sequence[EpisodeRow]) -> None:
    result = made.result(rows)
    view = StudyView(result, made.plan())
    assert view.colour_of("advantage") == LIGHT["blue"]
    assert view.colour_of("aegis") == LIGHT["vermillion"]
    assert view.colour_of("strong") == LIGHT["green"]
    assert view.colour_of("oracle") == LIGHT["pink"]
    assert view.colour_of("blind_late") == LIGHT["soft"]
    names = {"aegis": "conformal", "strong": "teacher", "oracle": "best", "advantage": "mine"}
    arms = tuple(replace(arm, name=names.get(arm.name, arm.name)) for arm in result.arms)
    plan = replace(made.plan(), published="conformal", recommended="mine", oracle="best")
    other = StudyView(replace(result, arms=arms, recommended="mine"), plan)
    for old, new in names.items():
        assert other.colour_of(new) == view.colour_of(old)
        assert other.colour_of(old) == LIGHT["soft"]
    blue = f'fill="{LIGHT["blue"]}"'
    assert blue in draw_charts(other)["arms"].svg


def test_pictures_are_embedded_as_they_are(view: StudyView, charts: dict[str, Chart]) -> None:
    images = list_shapes(charts["traces"], "image")
    assert len(images) >= 5
    bare = draw_charts(replace(view, pictures={}))["traces"]
    broken = {"recovered": {0: b"no picture", 5: b""}}
    assert list_shapes(bare, "image") == []
    assert draw_charts(replace(view, pictures=broken))["traces"] == bare


def test_shading_is_who_drove(view: StudyView, rows: Sequence[EpisodeRow]) -> None:
    alone = replace(made.episodes(per_task=1, tasks=1)[0], success=False, steps=200)
    row = replace(
        made.episodes(per_task=1, tasks=1)[2], success=True, steps=100, strong_steps=40,
        weak_steps=60, fires=1, first_fire_k=40, handover_k=50,
    )  # fmt: skip
    place = {"task": row.task, "start": row.start, "index": row.index}
    found = [
        {**place, "arm": arm.arm, "k": k, "scores": [("probe", 0.5)],
         "active": "strong" if arm is row and 50 <= k < 90 else "weak"}
        for arm in (alone, row) for k in range(0, arm.steps, 10)
    ]  # fmt: skip
    table = pa.Table.from_pylist(found, schema=SCORES)
    tables = Tables((alone, row), table, None, {"advantage": Rule("probe", 0.4)})
    chart = draw_charts(replace(view, tables=tables, pictures={}))["traces"]
    tinted = [p for p in list_shapes(chart, "path") if p.get("fill") == LIGHT["tint"]]
    assert len(tinted) == 1
    xs = [float(x) for x in re.findall(r"[ML] ([\d.]+) ", tinted[0]["d"])]
    assert min(xs) == pytest.approx(46 + 700 * 50 / 200, abs=0.1)
    assert max(xs) == pytest.approx(46 + 700 * 90 / 200, abs=0.1)
    assert "threshold 0.40" in list_words(chart)
    assert chart.facts["absent"] == ["not recovered", "disrupted"]


def test_timing_names_its_population(
    view: StudyView, charts: dict[str, Chart], rows: Sequence[EpisodeRow]
) -> None:
    failing = sum(not row.success for row in rows if row.arm == "weak")
    words = list_words(charts["timing"])
    assert f"weak alone: first mishap in {failing} failures" in words
    assert any(line.endswith(f"of {failing} failures") for line in words)
    assert "timing" not in draw_charts(replace(view, tables=Tables(tuple(rows))))


def test_rings_where_it_does_not_pay(view: StudyView, charts: dict[str, Chart]) -> None:
    rings = [u for u in list_shapes(charts["forks"], "use") if u.get("fill") == LIGHT["paper"]]
    assert len(rings) == sum(not point.pays for point in view.result.forks)
