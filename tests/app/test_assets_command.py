"""`aegis assets`: what it prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aegis.app.commands.assets import AssetSet
from aegis.app.main import main
from aegis.core.errors import ConfigError
from envs.assets.resolver import Assets


def test_the_builtin_assets_are_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assets", "assets=builtin", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["name"] == "builtin"
    assert Path(facts["path"]).is_dir()
    assert len(facts["digest"]) >= 16


def test_a_target_that_builds_no_assets_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "assets.yaml").write_text("resolve: {_target_: aegis.gates.constant.NeverGate}\n")
    assert main(["assets", "--config-dir", str(tmp_path)]) == ConfigError.exit_code
    assert "'resolve' builds a NeverGate, which is not a set of assets" in capsys.readouterr().err


def test_resolved_assets_are_an_asset_set() -> None:
    assert isinstance(Assets("folder", Path("x"), "0123"), AssetSet)
    assert not isinstance(Path("x"), AssetSet)
