"""Tokens: what a reader of a document sees, apart from how a library laid it out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from dataclasses import dataclass
from html.parser import HTMLParser

from PIL import Image, UnidentifiedImageError

MARK_TOLERANCE = 0.02
"""How far a mark of a figure may lie elsewhere [px]; coordinates are written to 0.01."""
LABEL_TOLERANCE = 1.0
"""How far words of a figure may lie elsewhere [px]; the drawing library places their base line."""

_GEOMETRY = {
    "d", "points", "transform", "viewbox", "x", "y", "width", "height", "cx", "cy", "r", "x1", "x2",
    "y1", "y2", "dx", "dy", "refx", "refy",
}  # fmt: skip
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
_REFERENCE = re.compile(r"(?<=url\(#)[^)]+|(?<=^#).+")
_PICTURE = re.compile(r"data:image/png;base64,(.*)", re.DOTALL)
_SVG_END = "svg"


@dataclass(frozen=True, slots=True)
class Token:
    """A part of a document.

    Attributes:
        words: What must be equal to the letter.
        numbers: Coordinates [px]; they may differ by ``tolerance``.
        tolerance: See ``numbers`` [px].
        line: Line of the document that it begins in, counted from 1.
    """

    words: str
    numbers: tuple[float, ...] = ()
    tolerance: float = 0.0
    line: int = 0

    def agrees_with(self, other: Token) -> bool:
        """Says whether both show the same."""
        return (
            self.words == other.words
            and len(self.numbers) == len(other.numbers)
            and all(
                abs(a - b) <= self.tolerance + 1e-9
                for a, b in zip(self.numbers, other.numbers, strict=True)
            )
        )

    def shorten_text(self) -> str:
        """Returns the token for a message, cut to a line."""
        numbers = " ".join(f"{number:g}" for number in self.numbers)
        text = f"{self.words} {numbers}".strip()
        return text if len(text) <= 120 else f"{text[:117]}..."


def split_markdown(text: str) -> tuple[Token, ...]:
    """Returns the words of a Markdown file; how they are broken into lines does not count."""
    return tuple(
        Token(word, line=number)
        for number, line in enumerate(text.splitlines(), 1)
        for word in line.split()
    )


def split_markup(text: str) -> tuple[Token, ...]:
    """Returns the elements and words of an HTML page or an SVG file.

    Coordinates become numbers, embedded pictures their pixels; identifiers are numbered in the
    order in which they appear, and the family of a font does not count.
    """
    parser = _MarkupParser()
    try:
        parser.feed(text)
        parser.close()
    except AssertionError as error:  # Python's way to refuse a section such as `<![x`.
        return (*parser.tokens, Token(f"damaged: {error}", line=parser.getpos()[0]))
    return tuple(parser.tokens)


class _MarkupParser(HTMLParser):
    """Collects tokens. It expands no entity but characters, so no file can blow it up."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tokens: list[Token] = []
        self._names: dict[str, int] = {}
        self._drawn = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Takes the beginning of an element."""
        self._drawn += tag == _SVG_END
        numbers: list[float] = []
        parts = [tag]
        for name, value in sorted((name, value or "") for name, value in attrs):
            if self._drawn and name in _GEOMETRY:
                numbers += map(float, _NUMBER.findall(value))
                value = _NUMBER.sub("_", " ".join(value.split()))
            parts.append(f"{name}={self._simplify(name, value)}")
        tolerance = LABEL_TOLERANCE if tag == "text" else MARK_TOLERANCE
        self._add(f"<{' '.join(parts)}>", tuple(numbers), tolerance)

    def handle_endtag(self, tag: str) -> None:
        """Takes the end of an element."""
        self._drawn -= tag == _SVG_END
        self._add(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Takes words."""
        for word in data.split():
            self._add(word)

    def handle_comment(self, data: str) -> None:
        """Takes a comment."""
        self._add(f"<!--{' '.join(data.split())}-->")

    def handle_decl(self, decl: str) -> None:
        """Takes a declaration."""
        self._add(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        """Takes a processing instruction."""
        self._add(f"<?{data}>")

    def unknown_decl(self, data: str) -> None:
        """Takes a section that HTML does not know."""
        self._add(f"<![{data}]>")

    def _simplify(self, name: str, value: str) -> str:
        """Returns an attribute without what a drawing library decides."""
        if not self._drawn:
            return " ".join(value.split())
        picture = _PICTURE.fullmatch(value)
        if picture is not None:
            return _describe_picture(picture[1])
        if name == "id":
            return f"#{self._count_name(value)}"
        if name == "style":
            kept = sorted(part.strip() for part in value.split(";") if "font-family" not in part)
            value = "; ".join(part for part in kept if part)
        if name == "href" or "url(#" in value:
            value = _REFERENCE.sub(lambda found: str(self._count_name(found[0])), value)
        return " ".join(value.split())

    def _count_name(self, name: str) -> int:
        return self._names.setdefault(name, len(self._names))

    def _add(self, words: str, numbers: tuple[float, ...] = (), tolerance: float = 0.0) -> None:
        self.tokens.append(Token(words, numbers, tolerance, self.getpos()[0]))


def _describe_picture(data: str) -> str:
    """Returns size and pixels of a PNG; two encodings of one picture are the same."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(data, validate=False))) as opened:
            picture = opened.convert("RGBA")
    except (binascii.Error, OSError, ValueError, UnidentifiedImageError, SyntaxError) as error:
        return f"damaged picture ({error})"
    pixels = hashlib.sha256(picture.tobytes()).hexdigest()[:16]
    return f"picture {picture.width} x {picture.height} {pixels}"
