"""Drawing: sparklines, bars, shortened phrases and durations."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.fleet.progress import Judgement
from aegis.monitor.drawing import (
    GOOD,
    draw_bar,
    format_duration,
    shorten_phrases,
)
from aegis.monitor.sparkline import BARS, Sparkline, choose_glyph
from tests.monitor.story import make_instruction


@given(st.floats(), st.floats(-10, 10), st.floats(0, 10))
def test_a_glyph_never_fails_and_grows_with_the_value(risk: float, low: float, span: float) -> None:
    glyph = choose_glyph(risk, low, low + span)
    assert len(glyph) == 1
    if not math.isnan(risk):
        assert BARS.index(choose_glyph(risk + 1, low, low + span)) >= BARS.index(glyph)


@given(st.integers(1, 300), st.integers(1, 60), st.data())
def test_a_track_holds_every_tick(horizon: int, width: int, data: st.DataObject) -> None:
    track = Sparkline(horizon, width)
    ticks = data.draw(st.lists(st.integers(0, horizon), min_size=1))
    for k in ticks:
        track.add_judgement(Judgement(k, 0.5, math.nan, False))
    assert len(track.cells) == width
    assert sum(cell is not None for cell in track.cells) <= len(set(ticks))
    for narrow in range(1, width + 2):
        assert len(track.narrow_cells(narrow)) == min(narrow, width)
        assert any(track.narrow_cells(narrow)), "nothing seen is lost"


@given(st.floats(0, 1), st.integers(1, 50))
def test_a_bar_is_as_wide_as_asked(share: float, width: int) -> None:
    assert sum(len(part.text) for part in draw_bar(share, width, GOOD)) == width


def test_instructions_are_told_apart() -> None:
    words = shorten_phrases({make_instruction(0), make_instruction(1)})
    assert words[make_instruction(1)] == "… on the stove …"
    assert shorten_phrases({"stay"}) == {"stay": "stay"}
    assert shorten_phrases({"go", "go on"}) == {"go": "… ", "go on": "… on"}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.6, "1 min 00 s"), (3700, "1 h 01 min"), (math.nan, "?")],
)
def test_durations(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words
