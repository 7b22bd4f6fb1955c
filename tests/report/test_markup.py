"""No words break a page or a table, whatever characters they hold."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from aegis.report.markup import (
    mark_html,
    mark_html_cell,
    mark_markdown,
    mark_markdown_cell,
    split_items,
    split_names,
    split_paragraphs,
    write_row,
)
from aegis.report.tabulation.table import Column, make_table, mark_code
from tests.report.parsing import parse_html

NASTY = "<script>alert('x')</script> | `a` & \"b\" \\ *c* [d](e) \n f\x00"
WORDS = st.text(max_size=40)


@given(WORDS)
@example(NASTY)
@example(f"{mark_code(NASTY)} and {mark_code('')}")
@example("`")
def test_no_words_break_html(words: str) -> None:
    for text in (mark_html(words), mark_html_cell(words)):
        seen = set(parse_html(f"<p>{text}</p>").seen)
        assert seen <= {"p", "code", "wbr", "div", "span"}


@given(WORDS, WORDS)
@example(NASTY, mark_code("a|b"))
def test_no_words_break_a_row_of_a_table(one: str, other: str) -> None:
    row = write_row([mark_markdown_cell(one), mark_markdown_cell(other)])
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 3
    assert "\n" not in row


@given(st.text(max_size=30))
def test_names_stay_names(name: str) -> None:
    assert [named for _, named in split_names(f"a {mark_code(name)} b")] == [False, True, False]


def test_markup_is_not_words() -> None:
    assert mark_markdown("a*b <i> [x](y) `n_n` `") == "a\\*b &lt;i&gt; [x]\\(y) `n_n` '"
    assert mark_html("`a_b` is 3 %") == "<code>a_<wbr>b</code> is 3&nbsp;%"
    assert mark_html_cell("1\n[0, 2]") == "<div>1<span>[0, 2]</span></div>"


def test_texts_have_paragraphs_and_items() -> None:
    assert split_paragraphs("a\nb\n\n  c\u00a0%\n") == ["a b", "c\u00a0%"]
    assert split_items("- a\n  b - c\n- d\n") == ["a b - c", "d"]
    assert split_items("") == []


def test_columns_without_anything_are_left_out() -> None:
    names = Column("name", ("a", "b"))
    empty = Column("x", ("–", "–"), optional=True)
    full = Column("y", ("–", "1"), "group", optional=True)
    table = make_table("t", (names, empty, None, full), "")
    assert table is not None
    assert [column.head for column in table.columns] == ["name", "y"]
    assert table.groups == (("", 1), ("group", 1))
    assert table.rows == (("a", "–"), ("b", "1"))
    assert make_table("t", (Column("name", ()),), "") is None
