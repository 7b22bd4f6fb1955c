"""Page: a document as one HTML file that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from html import escape

from aegis.report.document import (
    Block,
    Bullets,
    Callout,
    Claim,
    Document,
    Figure,
    Heading,
    Paragraph,
    Table,
    Tiles,
    anchor,
    origin,
    spans,
)

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 47rem; padding: 1.2rem 1rem 4rem; background: #fff;
  color: #1a1a1a; font: 16px/1.55 system-ui, Helvetica, Arial, sans-serif;
  overflow-wrap: break-word; -webkit-text-size-adjust: 100%; }
h1 { font-size: 1.15rem; margin: 0 0 .6rem; color: #5a5a5a; font-weight: 600; }
h2 { font-size: 1.35rem; margin: 2.8rem 0 .6rem; line-height: 1.25; }
h3 { font-size: 1.05rem; margin: 1.9rem 0 .4rem; }
p, ul { margin: .6rem 0; }
ul { padding-left: 1.2rem; }
.claim { font-size: 1.32rem; line-height: 1.38; font-weight: 650; margin: .2rem 0 1rem; }
.callout { border-left: 5px solid #0072B2; background: #eef5fa; padding: .6rem .9rem; }
.callout.bad { border-color: #D55E00; background: #fdeee4; font-weight: 600; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.1rem, 1fr)); gap: .8rem;
  margin: 1.2rem 0; }
.tiles div { border-top: 2px solid #1a1a1a; padding-top: .4rem; font-size: .85rem;
  line-height: 1.35; color: #444; }
.tiles b { display: block; font-size: 1.5rem; line-height: 1.2; color: #1a1a1a; }
nav { font-size: .9rem; border-top: 1px solid #ddd; border-bottom: 1px solid #ddd;
  padding: .5rem 0; margin: 1.4rem 0; }
nav a { margin-right: 1rem; white-space: nowrap; display: inline-block; padding: .15rem 0; }
a { color: #00568a; }
figure { margin: 1.4rem 0 2rem; }
.wide { overflow-x: auto; }
.wide svg { display: block; width: 100%; height: auto; min-width: 36rem; }
figcaption { font-size: .88rem; color: #444; line-height: 1.45; margin-top: .4rem; }
.source { color: #6b6b6b; font-size: .8rem; }
table { border-collapse: collapse; width: 100%; font-size: .84rem; line-height: 1.35;
  font-variant-numeric: tabular-nums; margin: .3rem 0 0; }
th, td { padding: .35rem .5rem; text-align: right; vertical-align: top;
  border-bottom: 1px solid #e2e2e2; white-space: nowrap; }
th { border-bottom: 1.5px solid #1a1a1a; font-weight: 600; vertical-align: bottom;
  white-space: normal; }
th.w, td.w { text-align: left; white-space: normal; }
td.w { min-width: 6rem; }
th:first-child, td:first-child { position: sticky; left: 0; background: #fff; padding-left: 0; }
td:first-child { min-width: 7rem; }
tr.b td, tr.x td { font-weight: 650; background: #eef5fa; }
tr.x td { background: #fdeee4; }
td span { display: block; color: #5a5a5a; font-weight: 400; font-size: .92em; }
code { font: .92em ui-monospace, Menlo, Consolas, monospace; background: #f3f3f3;
  padding: .05em .25em; border-radius: 3px; }
tr.b code, tr.x code { background: transparent; font-weight: 650; }
@media (max-width: 38rem) {
  .drawn::before { content: "scroll sideways →"; font-size: .75rem; color: #6b6b6b; }
}
@media print {
  body { max-width: none; font-size: 10.5pt; padding: 0; }
  nav { display: none; }
  .wide { overflow: visible; }
  .drawn::before { content: none; }
  .wide svg { min-width: 0; }
  .tiles { grid-template-columns: repeat(5, 1fr); }
  figure, table, .callout, .tiles { break-inside: avoid; }
  table { font-size: 8pt; }
  h2, h3 { break-after: avoid; }
  th:first-child, td:first-child { position: static; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
""".strip()


def page(document: Document) -> str:
    """Returns the document as one HTML file."""
    blocks = list(document.blocks)
    first = next((i for i, b in enumerate(blocks) if isinstance(b, Heading)), len(blocks))
    body = [_block(block) for block in blocks]
    body.insert(first, _contents(blocks))
    title = _plain(document.title.replace("`", ""))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n"
        f"<h1>{_inline(document.title)}</h1>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def _contents(blocks: list[Block]) -> str:
    links = [
        f'<a href="#{anchor(b.words)}">{_inline(b.words)}</a>'
        for b in blocks
        if isinstance(b, Heading) and b.level == 2
    ]
    return f'<nav aria-label="Contents">{" ".join(links)}</nav>' if links else ""


def _block(block: Block) -> str:
    match block:
        case Heading(words, level):
            return f'<h{level} id="{anchor(words)}">{_inline(words)}</h{level}>'
        case Paragraph(words):
            return f"<p>{_inline(words)}</p>"
        case Claim(words):
            return f'<p class="claim">{_inline(words)}</p>'
        case Callout(words, bad):
            return f'<p class="callout{" bad" if bad else ""}">{_inline(words)}</p>'
        case Bullets(items):
            return "<ul>\n" + "\n".join(f"<li>{_inline(item)}</li>" for item in items) + "\n</ul>"
        case Tiles(tiles):
            cells = "\n".join(
                f"<div><b>{_inline(tile.value)}</b>{_inline(tile.ci)} {_inline(tile.words)}</div>"
                for tile in tiles
            )
            return f'<div class="tiles">\n{cells}\n</div>'
        case Table():
            return _table(block)
        case Figure():
            return _figure(block)


def _table(table: Table) -> str:
    kinds = [' class="w"' if i == 0 or i in table.words else "" for i in range(len(table.head))]
    head = "".join(
        f'<th scope="col"{kind}>{_inline(words)}</th>'
        for words, kind in zip(table.head, kinds, strict=True)
    )
    rows = []
    for i, row in enumerate(table.rows):
        cells = "".join(
            f"<td{kind}>{_cell(cell)}</td>" for cell, kind in zip(row, kinds, strict=True)
        )
        kind = ' class="x"' if i in table.bad else ' class="b"' if i in table.bold else ""
        rows.append(f"<tr{kind}>{cells}</tr>")
    return (
        f"<figure>\n<figcaption>{_inline(table.caption)}{_source(table.source)}</figcaption>\n"
        f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n'
        + "\n".join(rows)
        + "\n</tbody>\n"
        "</table></div>\n</figure>"
    )


def _figure(figure: Figure) -> str:
    return (
        f'<figure id="{figure.name}">\n<div class="wide drawn">\n{figure.canvas.svg()}</div>\n'
        f"<figcaption>{_inline(figure.caption)}{_source(figure.source)}</figcaption>\n</figure>"
    )


def _source(words: str) -> str:
    return f' <span class="source">{_inline(origin(words))}</span>' if words else ""


def _cell(cell: str) -> str:
    first, *rest = cell.split("\n")
    return _inline(first) + "".join(f"<span>{_inline(line)}</span>" for line in rest)


def _inline(words: str) -> str:
    return "".join(
        f"<code>{_breakable(part)}</code>" if named else _plain(part)
        for part, named in spans(words)
    )


def _breakable(name: str) -> str:
    """Returns a name that may go on in the next line after each of its parts."""
    out, run = "", 0
    for c in name:
        run = 0 if c in " _.-/[]:" else run + 1
        out += escape(c, quote=True) + ("<wbr>" if c in "_./]:" or run == 16 else "")
        run %= 16
    return out


def _plain(words: str) -> str:
    """Returns words for HTML; a number and its unit stay in one line."""
    text = escape(words, quote=True)
    return text.replace(" %", "&nbsp;%").replace(" pp", "&nbsp;pp")
