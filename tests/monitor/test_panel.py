"""The panel and the lines: what they say, how often they draw, and what they cost in width."""

from __future__ import annotations

import io
import math
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from aegis.monitor.drawing import (
    GOOD,
    choose_risk_style,
    draw_bar,
    format_duration,
    shorten_phrases,
)
from aegis.monitor.panel import MAX_WIDTH, MIN_WIDTH
from aegis.monitor.sinks import LineSink, PanelSink, choose_sink, write_panel_svg
from aegis.monitor.sparkline import BARS, Sparkline, choose_glyph
from tests.monitor.story import ARMS, Clock, instruction, key, progress, row, tell


def terminal(width: int = 100, height: int = 40, **options: object) -> Console:
    return Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, **options  # type: ignore[arg-type]
    )  # fmt: skip


def shown(sink: PanelSink, width: int = 100, height: int = 40) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, no_color=True)
    console.print(sink.build_panel())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def told(units: int = 6, close: bool = False) -> PanelSink:
    clock = Clock()
    sink = PanelSink(terminal(), "study", clock)
    tell(sink, units, clock, close=close)
    return sink


@pytest.mark.parametrize("width", [40, 72, 80, 100, 132, 200])
def test_every_line_is_as_wide_as_the_frame(width: int) -> None:
    sink = told()
    lines = shown(sink, max(width, MIN_WIDTH))
    assert {len(line) for line in lines} == {min(MAX_WIDTH, max(width, MIN_WIDTH))}
    sink.on_run_closed()


def test_panel_says_who_drives_and_what_it_was_worth() -> None:
    sink = told()
    text = "\n".join(shown(sink, 120))
    sink.on_run_closed()
    flights, arms = text.split(" arms ")
    assert "▲ strong" in flights
    assert "· weak" in flights
    assert "0.61" in flights, "the threshold stands beside the risk"
    assert all(arm in arms for arm in ARMS)
    assert "25/30 episodes" in arms
    assert "left" in arms


def test_tallies_pair_units_in_any_order() -> None:
    sink = PanelSink(terminal(), "t", Clock())
    sink.board.open_run(6, 0, ("weak", "aegis"))
    for unit, weak, aegis in ((0, False, True), (1, True, False), (2, True, True)):
        pair = [row(key(unit), "weak", weak), row(key(unit), "aegis", aegis)]
        for one in pair if unit % 2 else reversed(pair):
            sink.board.add_episode(one)
    tally = sink.board.tallies["aegis"]
    assert (tally.paired, tally.recovered, tally.disrupted) == (3, 1, 1)
    assert sink.board.tallies["weak"].recovered == 0


def test_ten_hertz_at_most() -> None:
    clock = Clock()
    console = terminal()
    sink = PanelSink(console, "t", clock)
    drawn = []
    sink.on_run_opened(10, 0, ARMS)
    sink._live.refresh = lambda: drawn.append(clock.now)  # type: ignore[method-assign]
    for i in range(1000):
        clock.now += 0.003
        sink.on_progress(progress(key(0), "aegis", i % 220, 0.5))
    gaps = [b - a for a, b in pairwise(drawn)]
    sink.on_run_closed()
    assert min(gaps) >= 0.1 - 1e-9
    assert len(gaps) >= 25


def test_a_slow_terminal_is_drawn_less_often() -> None:
    clock = Clock()
    sink = PanelSink(terminal(), "t", clock)
    drawn = []
    sink.on_run_opened(10, 0, ARMS)

    def slow() -> None:
        drawn.append(clock.now)
        clock.now += 0.05

    sink._live.refresh = slow  # type: ignore[method-assign]
    while clock.now < 130:
        clock.now += 0.01
        sink.on_progress(progress(key(0), "aegis", 10, 0.5))
    sink.on_run_closed()
    share = 0.05 * len(drawn) / 30
    assert share < 0.015, "drawing takes about a hundredth of the time, however dear it is"


def test_a_sink_can_be_opened_again() -> None:
    clock = Clock()
    sink = PanelSink(terminal(), "t", clock)
    tell(sink, 3, clock)
    tell(sink, 2, clock)
    assert sink.board.total == 10
    assert sink.board.finished == 5


def test_episodes_from_before_do_not_count_for_the_rate() -> None:
    clock = Clock()
    sink = PanelSink(terminal(), "t", clock)
    sink.on_run_opened(100, 50, ("weak",))
    for i in range(50):
        sink.on_episode_finished(row(key(i), "weak", True))
    assert "(50 from before)" in "\n".join(shown(sink))
    for i in range(50, 54):
        clock.now += 2.0
        sink.on_episode_finished(row(key(i), "weak", True))
    text = "\n".join(shown(sink))
    sink.on_run_closed()
    assert "0.50/s  left 1 min 32 s" in text


def test_more_flights_than_lines() -> None:
    sink = PanelSink(terminal(), "t", Clock())
    sink.board.open_run(50, 0, ("aegis",))
    for i in range(20):
        sink.board.add_progress(progress(key(i), "aegis", 0, 0.1))
    lines = shown(sink, 100, 16)
    assert any("more" in line for line in lines)
    assert len(lines) <= 16


def test_unknown_risk_is_marked_and_hot() -> None:
    sink = PanelSink(terminal(), "t", Clock())
    sink.board.open_run(1, 0, ("aegis",))
    for k in (0, 10, 20):
        sink.board.add_progress(progress(key(0), "aegis", k, math.nan))
    text = "\n".join(shown(sink))
    assert "??" in text
    assert choose_risk_style(math.nan, 0.5) == choose_risk_style(0.9, 0.5)


def test_without_colour_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = terminal()
    sink = PanelSink(console, "t", Clock())
    tell(sink, 3, Clock(), close=False)
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
    tell(sink, 3, clock)
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
    assert isinstance(choose_sink(terminal(), "t", Clock()), PanelSink)


def test_picture_is_svg(tmp_path: Path) -> None:
    sink = told(close=True)
    write_panel_svg(sink, tmp_path / "deep" / "panel.svg")
    assert (tmp_path / "deep" / "panel.svg").read_text().startswith("<svg")


@given(st.floats(), st.floats(-10, 10), st.floats(0, 10))
def test_a_glyph_never_fails_and_grows_with_risk(risk: float, low: float, span: float) -> None:
    one = choose_glyph(risk, low, low + span)
    assert len(one) == 1
    if not math.isnan(risk):
        assert BARS.index(choose_glyph(risk + 1, low, low + span)) >= BARS.index(one)


@given(st.integers(1, 300), st.integers(1, 60), st.data())
def test_a_track_holds_every_tick(horizon: int, width: int, data: st.DataObject) -> None:
    track = Sparkline(horizon, width)
    ticks = data.draw(st.lists(st.integers(0, horizon), min_size=1))
    for k in ticks:
        track.add_risk(k, 0.5, strong=False)
    assert len(track.cells) == width
    assert sum(cell is not None for cell in track.cells) <= len(set(ticks))


@given(st.floats(0, 1), st.integers(1, 50))
def test_a_bar_is_as_wide_as_asked(share: float, width: int) -> None:
    assert sum(len(part.text) for part in draw_bar(share, width, GOOD)) == width


def test_instructions_are_told_apart() -> None:
    words = shorten_phrases({instruction(0), instruction(1)})
    assert words[instruction(1)] == "… on the stove …"
    assert shorten_phrases({"stay"}) == {"stay": "stay"}
    assert shorten_phrases({"go", "go on"}) == {"go": "… ", "go on": "… on"}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.6, "1 min 00 s"), (3700, "1 h 01 min"), (math.nan, "?")],
)
def test_durations(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words
