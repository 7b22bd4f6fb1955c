"""Serving: what policies mean is merged, and compared field by field."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from aegis.app.config.shared_conventions import merge_conventions
from aegis.core.conventions import MIRRORED, UPRIGHT, Conventions
from aegis.core.errors import ConventionError
from tests.serve.toys import SeeingPolicy


class Meaning(SeeingPolicy):
    """A policy that names conventions."""

    def __init__(self, **names: str) -> None:
        super().__init__()
        self.conventions = Conventions(**names)


def test_what_one_policy_does_not_name_another_one_does() -> None:
    policies: dict[str, Any] = {
        "first": Meaning(),
        "second": Meaning(proprio="p", pictures=UPRIGHT),
        "third": Meaning(proprio="p", gripper="g"),
    }
    assert merge_conventions(policies) == Conventions("p", "", "g", UPRIGHT)


@pytest.mark.parametrize("field", [field.name for field in fields(Conventions)])
def test_two_meanings_are_refused_also_where_the_first_policy_names_none(field: str) -> None:
    one = UPRIGHT if field == "pictures" else "one"
    for first in ({}, {field: one}):
        policies: dict[str, Any] = {
            "first": Meaning(**first),
            "second": Meaning(**{field: one}),
            "third": Meaning(**{field: "two"}),
        }
        with pytest.raises(ConventionError, match=rf"'third' means 'two' by {field}, (policy|all)"):
            merge_conventions(policies)


def test_a_policy_that_wants_mirrored_pictures_is_refused() -> None:
    """The server turns what clients send upright, whichever way round they send it."""
    with pytest.raises(ConventionError, match="means 'upright_mirrored' by pictures"):
        merge_conventions({"policy": Meaning(pictures=MIRRORED)})
    assert merge_conventions({"policy": Meaning()}).pictures == UPRIGHT
    assert replace(Conventions(), pictures=UPRIGHT) == merge_conventions({"policy": Meaning()})


def test_a_clash_of_two_policies_names_both() -> None:
    policies: dict[str, Any] = {"weak": Meaning(gripper="one"), "strong": Meaning(gripper="two")}
    with pytest.raises(ConventionError, match=r"'strong' means 'two' by gripper, policy 'weak'"):
        merge_conventions(policies)
