"""Identity of parts: equal words everywhere, others for another part, or help for the author."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.core.capabilities import ADDED_LATER
from aegis.core.errors import PluginError
from aegis.records.part_identity import PartOrigins, describe_part, describe_value

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.tuples(inner, inner) | st.lists(inner),
    max_leaves=8,
)


class Plain:
    """As in the README: no dataclass, no digest."""

    def __init__(self, limit: float = 1.0, names: tuple[str, ...] = ()) -> None:
        self.limit, self.names = limit, {*names}
        self.table = {name: i for i, name in enumerate(names)}


class Slotted:
    __slots__ = ("weights",)

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights


class Holder:
    def __init__(self) -> None:
        self.inner = object()


class Digested(Holder):
    digest = "mine-1"


@dataclass(frozen=True)
class Option:
    price: float
    later: int | None = field(default=None, metadata=ADDED_LATER)


@given(PLAIN)
@settings(deadline=None)
def test_plain_values_are_told_as_python_writes_them(value: object) -> None:
    assert describe_value(value) == repr(value)


@given(st.lists(st.text(), unique=True), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_no_order_of_sets_and_mappings_is_told(names: list[str], shuffle: object) -> None:
    other = list(names)
    shuffle.shuffle(other)  # type: ignore[attr-defined]
    assert describe_value(set(names)) == describe_value(set(other))
    assert describe_value(dict.fromkeys(names, 1)) == describe_value(dict.fromkeys(other, 1))


def test_a_part_without_words_of_its_own_is_told_by_class_and_attributes() -> None:
    assert describe_part(Plain()) == describe_part(Plain())
    assert "0x" not in describe_part(Plain())
    assert describe_part(Plain(2.0)) != describe_part(Plain())
    ones = np.ones(3)
    assert describe_part(Slotted(ones)) == describe_part(Slotted(ones.copy()))
    assert describe_part(Slotted(ones)) != describe_part(Slotted(ones * 2))


def test_configured_arguments_come_before_attributes() -> None:
    origins, part, other = PartOrigins(), Holder(), Holder()
    with pytest.raises(PluginError, match=r"attributes of Holder.*'digest'"):
        describe_part(part, origins)
    origins.add_part(part, '{"path": "file 12"}')
    origins.add_part(other, '{"path": "file 13"}')
    assert describe_part(part, origins) != describe_part(other, origins)
    assert "file 12" in describe_part(part, origins)
    assert describe_part(Digested()) == "mine-1"


def test_a_class_without_source_is_told_how_to_help() -> None:
    made = type("Made", (), {})
    with pytest.raises(PluginError, match="Write it into a module"):
        describe_part(made())


@pytest.mark.parametrize("value", [object(), lambda: None, np.random.default_rng(0), open])
def test_words_with_an_address_are_refused(value: object) -> None:
    with pytest.raises(PluginError, match="so that no resume mixes two experiments"):
        describe_value({"inner": [value]}, "attributes of X")


def test_a_later_option_counts_once_it_is_set() -> None:
    assert describe_part(Option(0.5)) == "Option(price=0.5)"
    assert describe_part(Option(0.5, later=1)) == "(Option(price=0.5), [('later', 1)])"


def test_words_are_equal_in_processes_with_other_hashes() -> None:
    code = (
        "from tests.records.test_part_identity import *; "
        "print(describe_part(Plain(0.5, ('a', 'b', 'c', 'd'))))"
    )
    root = Path(__file__).resolve().parents[2]
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
