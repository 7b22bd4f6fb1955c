"""A document is what its numbers give: an edit is found, a library's layout is not one."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aegis.report.comparison import find_differences, nudge_numbers
from aegis.report.tokens import split_markup
from aegis.study.analysis.formatting import format_percent

MARKDOWN = "# Result\n\n| arm | success |\n| :-- | --: |\n| `ours` | 81.8 % [79.8, 83.7] |\n"
SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 314" width="760">
<title>Arms</title>
<defs><path id="arms-m1" d="M 0 0 L 3 4" style="stroke: #595959"/></defs>
<use href="#arms-m1" x="125.75" y="200" clip-path="url(#arms-p2)" fill="#595959"/>
<text style="font-size: 11px; font-family: 'DejaVu Sans'" x="20" y="30">81.8 %</text>
<clipPath id="arms-p2"><rect x="1" y="2" width="30" height="40"/></clipPath>
</svg>
"""


def encode(colour: tuple[int, int, int], level: int = 6) -> str:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, "PNG", compress_level=level)
    return base64.b64encode(file.getvalue()).decode()


def says(name: str, stored: str, *expected: str) -> list[str]:
    return [one.text for one in find_differences(name, stored, expected)]


@pytest.mark.parametrize(
    ("name", "text", "before", "after"),
    [
        ("report.md", MARKDOWN, "81.8 %", "82.8 %"),
        ("report.md", MARKDOWN, "83.7]", "83.8]"),
        ("report.md", MARKDOWN, "success", "failure"),
        ("report.md", MARKDOWN, " | 81.8 %", ""),
        ("report.md", MARKDOWN, "# Result", "# Result: very good"),
        ("arms.svg", SVG, "81.8 %", "91.8 %"),
        ("arms.svg", SVG, 'x="125.75"', 'x="126.75"'),
        ("arms.svg", SVG, "L 3 4", "L 3 4.1"),
        ("arms.svg", SVG, "L 3 4", "L 3 4 L 5 6"),
        ("arms.svg", SVG, 'x="20"', 'x="22"'),
        ("arms.svg", SVG, 'fill="#595959"', 'fill="#cc0000"'),
        ("arms.svg", SVG, "11px", "0px"),
        ("arms.svg", SVG, "<text ", '<text display="none" '),
        ("arms.svg", SVG, "<title>Arms", "<!-- 91.8 --><title>Arms"),
        ("arms.svg", SVG, "url(#arms-p2)", "url(#arms-m1)"),
        ("arms.svg", SVG, "</svg>", '<rect x="1" y="1" width="9" height="9"/></svg>'),
        ("page.html", SVG, "81.8&#160;%", "81.8"),
    ],
)  # fmt: skip
def test_an_edit_is_found(name: str, text: str, before: str, after: str) -> None:
    text = text.replace("81.8 %", before) if before not in text else text
    assert says(name, text.replace(before, after, 1), text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (" font-family: 'DejaVu Sans'", ""),
        ("arms-m1", "other-m9"),
        ("arms-p2", "arms-p3f"),
        ('x="125.75" y="200"', 'y="200.01" x="125.74"'),
        ('y="30"', 'y="30.4"'),
        ("\n", "\n  "),
        ("81.8 %", "81.8&#32;%"),
    ],
)
def test_what_a_drawing_library_decides_is_no_edit(before: str, after: str) -> None:
    assert not says("arms.svg", SVG.replace(before, after), SVG)


def test_a_picture_is_its_pixels() -> None:
    pages = [
        f'<svg><image href="data:image/png;base64,{data}"/></svg>'
        for data in (encode((9, 9, 9)), encode((9, 9, 9), 0), encode((9, 9, 8)), "AAAA")
    ]
    assert pages[0] != pages[1]
    assert not says("a.svg", pages[1], pages[0])
    assert says("a.svg", pages[2], pages[0])
    assert "damaged picture" in says("a.svg", pages[3], pages[0])[0]


def test_a_difference_is_named_with_its_line() -> None:
    (said,) = says("report.md", MARKDOWN.replace("81.8", "82.8"), MARKDOWN)
    assert said == "report.md, line 5: '82.8' instead of '81.8'"
    (said,) = says("report.md", f"{MARKDOWN}more\n", MARKDOWN)
    assert "'more' instead of 'its end'" in said


@dataclass(frozen=True)
class Numbers:
    share: float
    limits: tuple[float, float]
    whole: float
    count: int


def test_a_digit_that_hangs_by_rounding_may_be_either() -> None:
    """0.0725 is a tie: another order of a sum prints 7.2 or 7.3."""
    here = Numbers(0.0725, (0.1, 0.2), 1.0, 3)
    texts = [
        format_percent(nudge_numbers(here, factor).share) for factor in (1.0, 1 + 1e-9, 1 - 1e-9)
    ]
    assert {"7.2 %", "7.3 %"} == {text.replace("\xa0", " ") for text in texts}
    for text in texts:
        assert not says("report.md", text, *texts)
    assert says("report.md", "7.4 %", *texts)
    (one,) = find_differences("report.md", "7.4 %", texts[:1])
    assert one.may_be_rounding
    (one,) = find_differences("report.md", "seven %", texts[:1])
    assert not one.may_be_rounding


def test_whole_numbers_and_counts_stay() -> None:
    nudged = nudge_numbers(Numbers(0.5, (float("nan"), float("inf")), 1.0, 3), 1 + 1e-9)
    assert (nudged.whole, nudged.count, nudged.share) == (1.0, 3, 0.5 * (1 + 1e-9))


@given(st.text(max_size=200) | st.text(alphabet="<![-]>/&;#\"'= asvgx", max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    split_markup(text)
    assert not says("a.html", text, text)


@given(st.integers(0, len(SVG) - 1), st.sampled_from('0a<>" '))
def test_another_sign_is_found_or_shows_the_same(at: int, sign: str) -> None:
    """What is not found is white space, or not seen: a font, an identifier, half a pixel."""
    edited = SVG[:at] + sign + SVG[at + 1 :]
    if not says("arms.svg", edited, SVG):
        # Not by `<[^>]*>`: the value of an attribute may hold a `>`.
        shown = [list(ElementTree.fromstring(text).itertext()) for text in (edited, SVG)]
        words = [" ".join(parts).split() for parts in shown]
        assert words[0] == words[1]
