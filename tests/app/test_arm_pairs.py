"""Arms compose with each other, whichever detectors they share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from aegis.app.config.composition import compose_config
from aegis.app.config.settings import Settings

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
ARMS = sorted(path.stem for path in (CONFIGS / "arm").glob("*.yaml"))
DETECTORS = {
    "gain": ["foresight"],
    "rescue": ["foresight", "rescue", "keep"],
    "advantage": ["advantage"],
}
"""Arm to the detectors that it brings along; other arms bring none."""


def compose_arms(*arms: str) -> Settings:
    return Settings(compose_config("study", [f"arm=[{','.join(arms)}]"], CONFIGS).tree)


def read_detectors(study: Settings) -> Mapping[str, object]:
    return study.node("detectors") if "detectors" in study.names() else {}


@pytest.fixture(scope="module")
def alone() -> Mapping[str, Settings]:
    """Studies with one arm each."""
    return {arm: compose_arms(arm) for arm in ARMS}


def test_only_known_arms_bring_detectors(alone: Mapping[str, Settings]) -> None:
    brought = {arm: list(read_detectors(study)) for arm, study in alone.items()}
    assert {arm: names for arm, names in brought.items() if names} == DETECTORS


@pytest.mark.parametrize("first", ARMS)
def test_every_pair_composes_as_each_arm_does_alone(
    first: str, alone: Mapping[str, Settings]
) -> None:
    for second in (arm for arm in ARMS if arm != first):
        pair = compose_arms(first, second)
        arms = pair.level("arms")
        assert arms.names() == [first, second]
        for arm in (first, second):
            assert arms.node(arm) == alone[arm].level("arms").node(arm)
        brought = [read_detectors(alone[arm]) for arm in (first, second)]
        assert read_detectors(pair) == {**brought[0], **brought[1]}


def test_all_arms_compose_at_once() -> None:
    study = compose_arms(*ARMS)
    assert study.level("arms").names() == ARMS
    names = {name for names in DETECTORS.values() for name in names}
    assert set(read_detectors(study)) == names
