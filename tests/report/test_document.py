"""A document becomes Markdown and HTML, and no name breaks either."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aegis.report.canvas import Canvas
from aegis.report.document import (
    Bullets,
    Callout,
    Claim,
    Document,
    Figure,
    Heading,
    Paragraph,
    Table,
    Tile,
    Tiles,
    code,
    spans,
)
from aegis.report.markdown import markdown
from aegis.report.page import page

NASTY = "<script>alert('x')</script> | `a` & \"b\" \\ *c* [d](e) \n f\x00"
VOID = {"meta", "wbr", "br", "img"}


class Balanced(HTMLParser):
    """Checks that elements are closed in order, and keeps what was read."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.seen += [f"@{name}" for name, _ in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def parsed(text: str) -> Balanced:
    found = Balanced()
    found.feed(text)
    found.close()
    assert not found.open
    return found


def everything(words: str) -> Document:
    canvas = Canvas(10, 10, words)
    canvas.text((1, 2), words)
    table = Table(words, ("a", words), ((words, f"{words}\n[1, 2]"), ("x", "y")), words, (0,))
    blocks = (
        Claim(words),
        Callout(words, bad=True),
        Tiles((Tile(words, words, words),)),
        Heading(words),
        Paragraph(words),
        Bullets((words, words)),
        table,
        Figure("f", canvas, words, words),
    )
    return Document(words, blocks)


@given(st.text(max_size=40))
@example(NASTY)
@example(f"{code(NASTY)} and {code('')}")
@example("`")
@example("---")
def test_no_words_break_the_page(words: str) -> None:
    found = parsed(page(everything(words)))
    assert "script" not in found.seen
    assert not [name for name in found.seen if name.startswith("@on")]


@given(st.text(max_size=40))
@example(NASTY)
@example(code("a|b"))
def test_no_words_break_a_table(words: str) -> None:
    lines = markdown(everything(words)).split("\n")
    rows = [line for line in lines if line.startswith("| ") and line.endswith(" |")]
    bars = [len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in rows]
    assert {3} == set(bars)


@given(st.text(max_size=30))
@example(NASTY)
def test_figures_are_xml(words: str) -> None:
    canvas = Canvas(10, 10, words)
    canvas.text((1, 2), words)
    canvas.title_line((1, 2), words, words)
    canvas.image((0, 0), 1, 1, b"png", words)
    ElementTree.fromstring(canvas.svg())


@given(st.text(max_size=30))
def test_names_stay_names(name: str) -> None:
    parts = spans(f"a {code(name)} b")
    assert [named for _, named in parts] == [False, True, False]


def test_markup_is_not_words() -> None:
    text = markdown(Document("t", (Paragraph("a*b <i> [x](y) `n_n` `"),)))
    assert text == "# t\n\na\\*b &lt;i&gt; [x]\\(y) `n_n` '\n"


def test_places_that_are_none() -> None:
    canvas = Canvas(10, 10, "t")
    canvas.span((0, float("nan")), (1, 1), "#000000")
    assert "<line" not in canvas.svg()
    with pytest.raises(ValueError, match="nan"):
        canvas.line((0, float("nan")), (1, 1))
