"""Conventions: what differs is refused by name; what nobody says fits everything."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.conventions import Conventions, check_conventions, read_conventions
from aegis.core.errors import ConventionError

NAMES = st.sampled_from(["", "a", "b"])
ANY = st.builds(Conventions, NAMES, NAMES, NAMES, NAMES)


@given(policy=ANY, robot=ANY)
def test_it_refuses_where_two_names_differ_and_only_there(
    policy: Conventions, robot: Conventions
) -> None:
    pairs = [(getattr(policy, f.name), getattr(robot, f.name)) for f in fields(Conventions)]
    if any(read and given and read != given for read, given in pairs):
        with pytest.raises(ConventionError, match="Policy 'mine' means"):
            check_conventions(policy, robot, "mine")
    else:
        check_conventions(policy, robot, "mine")


def test_the_message_says_what_to_write() -> None:
    robot = Conventions(gripper="close_positive")
    with pytest.raises(ConventionError, match=r"ConvertedPolicy with gripper: open_positive"):
        check_conventions(replace(robot, gripper="open_positive"), robot, "weak")


def test_who_names_none_fits_everything() -> None:
    class Silent:
        pass

    assert read_conventions(Silent()) == Conventions()
