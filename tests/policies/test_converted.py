"""Converted policies: the policy behind sees its own conventions, the robot sees its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from aegis.core.conventions import Conventions
from aegis.core.errors import ConfigError, ConventionError, UnknownNameError
from aegis.core.protocols import PolicySpec, Query
from aegis.core.types import F32, EpisodeKey, Observation, Proposal
from policies.converted import ConvertedPolicy, fold_rotation

KEY = EpisodeKey(1, "s", 0, "wide", 0)
PICTURE = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


class Inner:
    """Keeps what it was asked, and answers with one action per row."""

    def __init__(self, action: Sequence[float], conventions: Conventions | None = None) -> None:
        self.action = np.array([action], np.float32)
        self.asked: list[Query] = []
        self.conventions = conventions or Conventions()
        self.closed = False

    spec = PolicySpec("inner", "v1", {"agentview": (2, 3)}, 1, 1, {}, history=(1, 0))

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        self.asked += queries
        samples = np.stack([self.action] * 2)
        return [Proposal("inner", q.k, self.action, samples=samples) for q in queries]

    def close(self) -> None:
        self.closed = True


def make_query(turn: Sequence[float] = (0, 0, 0)) -> Query:
    proprio = np.array([0.1, 0.2, 0.3, *turn, 0.04, -0.04], np.float32)
    obs = Observation(0, proprio, {"agentview": PICTURE}, "lift it")
    return Query(KEY, 3, obs, past=(obs,))


@pytest.mark.parametrize(
    ("pictures", "corner"),
    [
        ("upright", (0, 0)),
        ("upright_mirrored", (0, 2)),
        ("upside_down", (1, 0)),
        ("turned_180", (1, 2)),
    ],
)
def test_pictures_are_turned_now_and_in_the_past(pictures: str, corner: tuple[int, int]) -> None:
    inner = Inner([0] * 7)
    ConvertedPolicy("mine", inner, pictures=pictures).propose([make_query()])
    for obs in (inner.asked[0].obs, *inner.asked[0].past):
        assert np.array_equal(obs.images["agentview"][corner], PICTURE[0, 0])
        assert obs.images["agentview"].flags.c_contiguous


@pytest.mark.parametrize(
    ("gripper", "said", "meant"),
    [
        ("close_positive", 1, 1), ("close_positive", -1, -1),
        ("open_positive", 1, -1), ("open_positive", -1, 1),
        ("close_zero_open_one", 0, 1), ("close_zero_open_one", 1, -1),
    ],
)  # fmt: skip
def test_the_gripper_closes_when_it_was_meant_to(gripper: str, said: float, meant: float) -> None:
    policy = ConvertedPolicy("mine", Inner([0.1, 0, 0, 0, 0, 0.5, said]), gripper=gripper)
    (found,) = policy.propose([make_query()])
    assert found is not None
    expected = np.array([[0.1, 0, 0, 0, 0, 0.5, meant]], np.float32)
    assert np.array_equal(found.actions, expected)
    assert found.samples is not None
    assert np.array_equal(found.samples, np.stack([expected] * 2))
    assert found.policy == "mine"


@given(
    axis=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1),
    angle=st.floats(0.01, 2 * np.pi - 0.01),
)
def test_folding_keeps_the_rotation(axis: tuple[float, float, float], angle: float) -> None:
    turn = np.array(axis) / np.linalg.norm(axis) * angle
    proprio: F32 = make_query(turn.tolist()).obs.proprio
    folded = fold_rotation(proprio)
    assert np.linalg.norm(folded[3:6]) <= np.pi + 1e-5
    before, after = (Rotation.from_rotvec(p[3:6].astype(np.float64)) for p in (proprio, folded))
    assert (before.inv() * after).magnitude() < 1e-5
    assert np.array_equal(np.delete(folded, [3, 4, 5]), np.delete(proprio, [3, 4, 5]))


def test_a_folded_policy_sees_folded_angles() -> None:
    inner = Inner([0] * 7)
    policy = ConvertedPolicy("mine", inner, proprio="eef_pos3_axisangle3folded_gripper2")
    policy.propose([make_query((0, 0, 4.0))])
    assert inner.asked[0].obs.proprio[5] == pytest.approx(4.0 - 2 * np.pi)


def test_settings_are_part_of_who_it_is() -> None:
    ways = [{}, {"pictures": "upright_mirrored"}, {"gripper": "open_positive"}]
    digests = {ConvertedPolicy("mine", Inner([0] * 7), **way).spec.digest for way in ways}
    assert len(digests) == 3


def test_it_refuses_what_it_cannot_convert_and_what_contradicts_the_policy() -> None:
    with pytest.raises(UnknownNameError, match=r"convention of pictures 'sideways'.*upright"):
        ConvertedPolicy("mine", Inner([0] * 7), pictures="sideways")
    inner = Inner([0] * 7, Conventions(gripper="open_positive"))
    with pytest.raises(ConventionError, match=r"'mine\.policy' means 'open_positive' by gripper"):
        ConvertedPolicy("mine", inner)
    ConvertedPolicy("mine", inner, gripper="open_positive").close()
    assert inner.closed
    assert replace(inner.spec, name="mine").history == (1, 0)


def test_a_missing_answer_stays_missing() -> None:
    class Deaf(Inner):
        def propose(self, queries: Sequence[Query]) -> list[Proposal | None]:  # type: ignore[override]
            return [None, *super().propose(queries[1:])]

    found = ConvertedPolicy("mine", Deaf([0] * 7)).propose([make_query(), make_query()])
    assert found[0] is None
    assert found[1] is not None


def test_rows_that_are_executed_meanwhile_mean_what_the_robot_means() -> None:
    inner = Inner([0] * 7)
    inner.spec = replace(inner.spec, from_due=True)
    with pytest.raises(ConfigError, match="gripper is the robot's"):
        ConvertedPolicy("mine", inner, gripper="open_positive")
    ConvertedPolicy("mine", inner, pictures="upright_mirrored")
