"""Typed names: two policies may be named first, in any mixture with settings."""

from __future__ import annotations

import argparse

import pytest

from aegis.app.command import load_command, parse_arguments
from aegis.app.comparison.typed_names import name_policy, read_words
from aegis.core.errors import ConfigError


def parse(*typed: str) -> list[str]:
    return read_words(parse_arguments(load_command("compare"), typed), ("a", "b"))


@pytest.mark.parametrize(
    "typed",
    [
        ("one", "other", "units=3", "seed=1"),
        ("units=3", "one", "other", "seed=1"),
        ("one", "units=3", "--json", "other", "seed=1"),
        ("units=3", "seed=1", "one", "other"),
    ],
)
def test_names_may_stand_anywhere(typed: tuple[str, ...]) -> None:
    assert parse(*typed) == ["policy@a=one", "policy@b=other", "units=3", "seed=1"]


def test_no_name_leaves_the_settings_alone() -> None:
    assert parse("policy@a=one", "units=3") == ["policy@a=one", "units=3"]
    assert parse() == []


@pytest.mark.parametrize("typed", [("one",), ("one", "units=3"), ("one", "two", "three")])
def test_one_name_or_three_are_refused(typed: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="Two policies are compared"):
        parse(*typed)


@pytest.mark.parametrize("word", ["policy@b=one", "b=one"])
def test_a_part_that_is_named_twice_is_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="'b' is named twice: 'two' and"):
        parse("one", "two", word)


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ({"_target_": "my.Policy", "name": "mine"}, "mine"),
        ({"_target_": "my.Policy", "name": "a"}, "Policy"),
        ({"_target_": "my.Policy"}, "Policy"),
    ],
)
def test_a_policy_is_called_after_its_option_or_its_class(
    node: dict[str, object], name: str
) -> None:
    assert name_policy("a", node) == name


def test_names_are_in_the_help() -> None:
    assert isinstance(parse_arguments(load_command("pilot"), ["x", "y"]), argparse.Namespace)
