"""What is written as JSON can be read by every reader of JSON."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from aegis.records.json_values import replace_non_finite

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@given(TREES)
def test_every_tree_is_strict_json_and_finite_values_stay(tree: object) -> None:
    plain = replace_non_finite(tree)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert replace_non_finite(plain) == plain


def test_what_is_no_number_is_null() -> None:
    nan, inf = float("nan"), float("inf")
    assert replace_non_finite({"a": (nan, [-inf, 1.5]), 3: "nan"}) == {
        "a": [None, [None, 1.5]],
        "3": "nan",
    }
