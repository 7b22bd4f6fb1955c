"""The panel and the lines: what they say, how often they draw, and what they cost in width."""

from __future__ import annotations

import io
import math
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

from aegis.monitor.drawing import (
    choose_value_style,
)
from aegis.monitor.panel import MAX_WIDTH, MIN_WIDTH
from aegis.monitor.sinks import LineSink, PanelSink, choose_sink, write_panel_svg
from tests.monitor.story import ARMS, Clock, make_key, make_progress, make_row, tell_story


def make_terminal(width: int = 100, height: int = 40, **options: object) -> Console:
    return Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, **options  # type: ignore[arg-type]
    )  # fmt: skip


def render_lines(sink: PanelSink, width: int = 100, height: int = 40) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, no_color=True)
    console.print(sink.build_panel())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def make_panel(units: int = 6, close: bool = False) -> PanelSink:
    clock = Clock()
    sink = PanelSink(make_terminal(), "study", clock)
    tell_story(sink, units, clock, close=close)
    return sink


@pytest.mark.parametrize("width", [40, 72, 80, 100, 132, 200])
def test_every_line_is_as_wide_as_the_frame(width: int) -> None:
    sink = make_panel()
    lines = render_lines(sink, max(width, MIN_WIDTH))
    assert {len(line) for line in lines} == {min(MAX_WIDTH, max(width, MIN_WIDTH))}
    sink.on_run_closed()


def test_panel_says_who_drives_and_what_it_was_worth() -> None:
    sink = make_panel()
    text = "\n".join(render_lines(sink, 120))
    sink.on_run_closed()
    flights, arms = text.split(" arms ")
    assert "▲ strong" in flights
    assert "· weak" in flights
    watched = [line for line in flights.splitlines() if line.startswith("│ aegis")]
    assert all(" probe " in line and " 0.61 " in line for line in watched), "value and bar"
    others = [line for line in flights.splitlines() if line.startswith(("│ weak", "│ random"))]
    assert others
    assert not any("0.61" in line for line in others), "a rule without a bar is drawn without one"
    assert all(arm in arms for arm in ARMS)
    assert "25/30 episodes, 5 in flight" in arms
    assert "steps/s  left" in arms
    assert "over the first 5 of 6 units" in arms


def test_each_rule_is_drawn_against_its_own_bar() -> None:
    sink = PanelSink(make_terminal(), "t", Clock())
    sink.board.open_run(6, 0, ("aegis",))
    event = make_progress(make_key(0), "aegis", 40, -0.12, quantity="advantage", bar=0.03)
    sink.board.add_progress(event)
    line = next(line for line in render_lines(sink, 120) if line.startswith("│ aegis"))
    assert " advantage -0.12  0.03 " in line
    assert "0.90" not in line, "the first detector's score is another quantity"
    assert choose_value_style(-0.12, 0.03, (-1, 1)) != choose_value_style(0.9, 0.03, (-1, 1))


def test_what_ends_first_is_not_all_that_is_played() -> None:
    """Eight successes are over while twelve failures still run: no share is shown of that."""
    sink = PanelSink(make_terminal(), "t", Clock())
    sink.board.open_run(40, 0, ("weak", "aegis"))
    for i in range(20):
        for arm in ("weak", "aegis"):
            sink.board.add_progress(make_progress(make_key(i), arm, 0, 0.1))
    for i in range(12, 20):
        sink.board.add_episode(make_row(make_key(i), "weak", True, 80))
        sink.board.add_episode(make_row(make_key(i), "aegis", True, 80))
    text = "\n".join(render_lines(sink))
    assert "no unit is complete in every arm yet" in text
    assert "100.0 %" not in text
    for i in range(12):
        sink.board.add_episode(make_row(make_key(i), "weak", False, 220))
        sink.board.add_episode(make_row(make_key(i), "aegis", True, 120))
    assert (sink.board.tallies["weak"].successes, sink.board.complete_units) == (8, 20)
    assert "all 20 units" in "\n".join(render_lines(sink))


def test_ten_hertz_at_most() -> None:
    clock = Clock()
    console = make_terminal()
    sink = PanelSink(console, "t", clock)
    drawn = []
    sink.on_run_opened(10, 0, ARMS)
    sink._live.refresh = lambda: drawn.append(clock.now)  # type: ignore[method-assign]
    for i in range(1000):
        clock.now += 0.003
        sink.on_progress(make_progress(make_key(0), "aegis", i % 220, 0.5))
    gaps = [b - a for a, b in pairwise(drawn)]
    sink.on_run_closed()
    assert min(gaps) >= 0.1 - 1e-9
    assert len(gaps) >= 25


def test_a_slow_terminal_is_drawn_less_often() -> None:
    clock = Clock()
    sink = PanelSink(make_terminal(), "t", clock)
    drawn = []
    sink.on_run_opened(10, 0, ARMS)

    def refresh_slowly() -> None:
        drawn.append(clock.now)
        clock.now += 0.05

    sink._live.refresh = refresh_slowly  # type: ignore[method-assign]
    while clock.now < 130:
        clock.now += 0.01
        sink.on_progress(make_progress(make_key(0), "aegis", 10, 0.5))
    sink.on_run_closed()
    share = 0.05 * len(drawn) / 30
    assert share < 0.015, "drawing takes about a hundredth of the time, however dear it is"


def test_a_sink_can_be_opened_again() -> None:
    clock = Clock()
    sink = PanelSink(make_terminal(), "t", clock)
    tell_story(sink, 3, clock)
    tell_story(sink, 2, clock)
    assert sink.board.total == 10
    assert sink.board.finished == 5


def test_episodes_from_before_do_not_count_for_the_rate() -> None:
    clock = Clock()
    sink = PanelSink(make_terminal(), "t", clock)
    sink.on_run_opened(100, 50, ("weak",))
    for i in range(50):
        sink.on_episode_finished(make_row(make_key(i), "weak", True))
    assert "(50 from before)" in "\n".join(render_lines(sink))
    for i in range(50, 54):
        clock.now += 2.0
        sink.on_episode_finished(make_row(make_key(i), "weak", True))
    text = "\n".join(render_lines(sink))
    sink.on_run_closed()
    assert "(50 from before)" in text
    assert "60 steps/s" in text, "four episodes of 120 steps in 8 s, not 54"


def test_more_flights_than_lines() -> None:
    sink = PanelSink(make_terminal(), "t", Clock())
    sink.board.open_run(50, 0, ("aegis",))
    for i in range(20):
        sink.board.add_progress(make_progress(make_key(i), "aegis", 0, 0.1))
    lines = render_lines(sink, 100, 16)
    assert any("more" in line for line in lines)
    assert len(lines) <= 16


def test_unknown_risk_is_marked_and_hot() -> None:
    sink = PanelSink(make_terminal(), "t", Clock())
    sink.board.open_run(1, 0, ("aegis",))
    for k in (0, 10, 20):
        sink.board.add_progress(make_progress(make_key(0), "aegis", k, math.nan))
    text = "\n".join(render_lines(sink))
    assert "??" in text
    unit = (0.0, 1.0)
    assert choose_value_style(math.nan, 0.5, unit) == choose_value_style(0.9, 0.5, unit)


def test_without_colour_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = make_terminal()
    sink = PanelSink(console, "t", Clock())
    tell_story(sink, 3, Clock(), close=False)
    console.print(sink.build_panel())
    sink.on_run_closed()
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "\x1b[38" not in text
    assert "\x1b[48" not in text
    assert "▲ strong" in text


def test_lines_where_there_is_no_terminal() -> None:
    console = Console(file=io.StringIO(), width=80)
    clock = Clock()
    sink = choose_sink(console, "study", clock)
    assert isinstance(sink, LineSink)
    tell_story(sink, 3, clock)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "\x1b" not in text
    lines = text.splitlines()
    assert lines[0] == "15 episodes; arms: weak, strong, blind, random, aegis"
    assert sum(line.startswith("[") for line in lines) == 10
    assert "[10/15] aegis" in text
    assert lines[-1].startswith("aegis")
    assert "2/2 successes (100.0 %)" in lines[-1]


def test_a_terminal_gets_the_panel() -> None:
    assert isinstance(choose_sink(make_terminal(), "t", Clock()), PanelSink)


def test_picture_is_svg(tmp_path: Path) -> None:
    sink = make_panel(close=True)
    write_panel_svg(sink, tmp_path / "deep" / "panel.svg")
    assert (tmp_path / "deep" / "panel.svg").read_text().startswith("<svg")
