"""Action width: laws of the check that a policy's actions are those of the robot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.answers import check_dimensions, check_proposal_width
from aegis.core.errors import EmbodimentError
from aegis.core.protocols import PolicySpec
from aegis.core.types import Proposal
from tests.serve.toys import toy_robot

_WIDTHS = st.integers(1, 7)


@given(_WIDTHS, _WIDTHS)
def test_a_policy_is_taken_if_and_only_if_its_width_is_the_robot_s(said: int, robot: int) -> None:
    spec = PolicySpec("mine", "v1", {}, 4, 2, {}, dimensions=said)
    proposal = Proposal("mine", 0, np.zeros((4, said), np.float32))
    if said == robot:
        check_dimensions(spec, toy_robot(robot), "weak")
        check_proposal_width(proposal, toy_robot(robot), "weak")
        return
    words = f"'weak' gives actions of {said} numbers; this robot takes {robot}: .*gripper"
    with pytest.raises(EmbodimentError, match=words):
        check_dimensions(spec, toy_robot(robot), "weak")
    with pytest.raises(EmbodimentError, match=words):
        check_proposal_width(proposal, toy_robot(robot), "weak")


@given(_WIDTHS)
def test_who_says_nothing_is_taken(robot: int) -> None:
    check_dimensions(PolicySpec("mine", "v1", {}, 4, 2, {}), toy_robot(robot), "weak")


def test_other_faults_of_a_proposal_are_not_its_width() -> None:
    """The controller holds for those; they may pass."""
    check_proposal_width(Proposal("mine", 0, np.zeros(0, np.float32)), toy_robot(3), "weak")
