"""The setting `portable`: what it means, also on machines below the level and in old plans."""

from __future__ import annotations

import pytest

from aegis.app.config import part_builder
from aegis.app.config.part_builder import is_portable
from aegis.app.config.settings import Settings
from aegis.core.errors import ConfigError


@pytest.mark.parametrize(
    ("tree", "shortcoming", "expected"),
    [
        ({"portable": True}, "", True),
        ({"portable": True}, "aarch64", True),
        ({"portable": False}, "", False),
        ({"portable": "auto"}, "", True),
        ({"portable": "auto"}, "aarch64", False),
        ({}, "", False),
    ],
)
def test_it_is_asked_for_chosen_or_older_than_the_setting(
    tree: dict[str, object], shortcoming: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_builder, "find_shortcoming", lambda: shortcoming)
    assert is_portable(Settings(tree)) is expected


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="portable"):
        is_portable(Settings({"portable": value}))
