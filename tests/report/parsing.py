"""Reading what a report wrote: balanced HTML, words of an SVG, rows of tables."""

from __future__ import annotations

from html.parser import HTMLParser
from xml.etree import ElementTree

from aegis.report.figures.drawing import Chart

SVG = "{http://www.w3.org/2000/svg}"
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
        self.seen += [f"@{name}" for name, _ in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def parse_html(text: str) -> Balanced:
    found = Balanced()
    found.feed(text)
    found.close()
    assert not found.open
    return found


def list_words(chart: Chart) -> list[str]:
    """Returns all that is written in a figure."""
    root = ElementTree.fromstring(chart.svg)
    return [" ".join("".join(found.itertext()).split()) for found in root.iter(SVG + "text")]


def list_shapes(chart: Chart, kind: str) -> list[dict[str, str]]:
    root = ElementTree.fromstring(chart.svg)
    return [dict(found.attrib) for found in root.iter(SVG + kind)]
