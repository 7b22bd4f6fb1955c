"""SVG: turns what matplotlib writes into a small, self-contained, themed element."""

from __future__ import annotations

import re
from html import escape

from aegis.report.palette import LIGHT, TOKENS, write_dark_rules

FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
_NAMESPACES = 'xmlns="http://www.w3.org/2000/svg"'
_COLOUR = re.compile(r"\b(fill|stroke): (#[0-9a-f]{6});? ?")
_NUMBER = re.compile(r"-?\d+\.\d{3,}")


def theme_svg(raw: str, name: str, title: str) -> str:
    """Returns one SVG element, in the same bytes for the same drawing.

    Colours become attributes, which any viewer understands, and classes, by which a stylesheet
    replaces them on a dark page. Identifiers are prefixed with the figure's name, so that several
    figures may stand in one page.

    Args:
        raw: A file that matplotlib wrote.
        name: Of the figure.
        title: What it shows, for readers who cannot see it.
    """
    body = raw[raw.index("<svg") :]
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', body).groups()  # type: ignore[union-attr]
    body = body[body.index(">") + 1 : body.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL).replace("xlink:href", "href")
    body = re.sub(r'style="([^"]*)"', lambda found: _split_style(found[1]), body)
    body = re.sub(r'data:[^"]*|' + _NUMBER.pattern, _round, body)
    body = _name_ids(body, name)
    body = re.sub(r"\n\s*", "\n", body).strip()
    size = f'viewBox="0 0 {float(width):g} {float(height):g}"'
    head = f'<svg {_NAMESPACES} class="chart" {size} width="{float(width):g}" role="img"'
    return f'{head} font-family="{FONT}">\n<title>{clean_words(title)}</title>\n{body}\n</svg>\n'


def make_standalone(svg: str) -> str:
    """Returns a themed element as a file of its own: with background, and its dark colours."""
    dark = f"@media (prefers-color-scheme: dark) {{\n{write_dark_rules()}\n}}"
    paper = f'<rect class="f-paper" width="100%" height="100%" fill="{LIGHT["paper"]}"/>'
    head, rest = svg.split("</title>\n", 1)
    return f"{head}</title>\n<style>\n{dark}\n</style>\n{paper}\n{rest}"


def clean_words(words: str) -> str:
    """Returns words that may stand in XML: escaped, without control characters."""
    return escape(strip_controls(words), quote=True)


def strip_controls(words: str) -> str:
    """Returns words on one line, without characters that XML does not know."""
    return "".join(c if c.isprintable() else " " for c in words)


def _split_style(style: str) -> str:
    """Turns the colours of a style into attributes and a class; the rest stays a style."""
    style = re.sub(r"font: (?:(\w+) )?([\d.]+px) [^;]+", _write_font, style)
    pairs = [(kind, value) for kind, value in _COLOUR.findall(style) if value in TOKENS]
    rest = _COLOUR.sub(lambda found: "" if found[2] in TOKENS else found[0], style).strip("; ")
    parts = []
    if pairs:
        names = " ".join(f"{kind[0]}-{TOKENS[value]}" for kind, value in pairs)
        parts = [f'class="{names}"', *(f'{kind}="{value}"' for kind, value in pairs)]
    if rest:
        parts.append(f'style="{rest}"')
    return " ".join(parts)


def _write_font(found: re.Match[str]) -> str:
    weight = f"font-weight: {found[1]}; " if found[1] else ""
    return f"{weight}font-size: {found[2]}"


def _round(found: re.Match[str]) -> str:
    text = found[0]
    # Digits in an embedded picture are data, not coordinates.
    return text if text.startswith("data:") else f"{float(text):.2f}".rstrip("0").rstrip(".")


def _name_ids(body: str, name: str) -> str:
    """Drops identifiers that nothing refers to, and prefixes the others."""
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', body))
    body = re.sub(r' id="([^"]*)"', lambda f: f' id="{name}-{f[1]}"' if f[1] in used else "", body)
    return re.sub(r'(href="|url\()#', rf"\1#{name}-", body)
