"""The real thing, small: shipped policies in MuJoCo, compared and piloted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.typed import type_in

COMMON = ("tasks=[3]", "workers=1", "env.assets=builtin")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pair")


def test_a_real_policy_is_equal_to_itself(place: Path) -> None:
    words = ("nano_weak", "nano_weak", "units=1", "env.horizon=12", "name=same", *COMMON)
    found = type_in(place, "compare", *words)
    assert (found["parting"]["never"], found["difference"], found["p"]) == (1, 0.0, 1.0)
    assert found["a"]["digest"] == found["b"]["digest"]
    assert type_in(place, "compare", "--check", "same")["verified"]


@pytest.mark.slow
def test_real_policies_are_piloted(place: Path) -> None:
    found = type_in(place, "pilot", "nano_weak", "nano_strong", "units=2", *COMMON)
    assert found["n"] == 2
    assert [arm["success_of"] for arm in found["arms"]] == [2, 2, 2, 2]
    assert found["costs"]["weak"]["seconds_per_chunk"] > 0
    assert type_in(place, "pilot", "--check", "pilot")["verified"]
