"""Shipped things are found from where they are shipped, whatever folder one stands in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aegis.app.config.folders import find_config_folders, find_home, find_shipped_configs
from aegis.app.config.paths import resolve_paths
from aegis.core.errors import ConfigError
from tests.app.typed import type_in

CHECKPOINT = "policies/nano_vla/checkpoints/weak.safetensors"


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a user's own, with a name that is no plain word."""
    place = tmp_path / "my robot's = ü"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def test_without_own_configurations_ours_are_used(away: Path) -> None:
    assert find_config_folders("run") == (find_shipped_configs(),)
    assert "env.horizon" not in type_in(away, "run", "--show")["said"]


@pytest.mark.parametrize("others", ["train.yaml", "app/run.yaml", "run.yml"])
def test_configurations_of_others_do_not_concern_us(away: Path, others: str) -> None:
    path = away / "configs" / others
    path.parent.mkdir(parents=True)
    path.write_text("lr: 0.1\n")
    assert find_config_folders("run") == (find_shipped_configs(),)
    assert "aegis.gates.conformal" in type_in(away, "run", "--show")["said"]


def test_an_option_of_ones_own_is_found_without_being_asked_for(away: Path) -> None:
    text = (find_shipped_configs() / "policy/nano_weak.yaml").read_text()
    (away / "configs/policy").mkdir(parents=True)
    (away / "configs/policy/mine.yaml").write_text(text.replace("batch: 16", "batch: 3"))
    said = type_in(away, "run", "weak=mine", "--show")["said"]
    assert "batch: 3" in said
    assert "aegis.gates.conformal" in said, "ours fill what one has not"


def test_a_folder_above_ones_own_is_refused(away: Path) -> None:
    (away / "inner/policy").mkdir(parents=True)
    (away / "inner/policy/mine.yaml").write_text("name: mine\n")
    assert find_config_folders("run", "inner")[0] == away / "inner"
    with pytest.raises(ConfigError, match=r"neither a \*.yaml nor a group"):
        find_config_folders("run", ".")


def test_ones_own_file_comes_first_and_says_so(away: Path) -> None:
    (away / "configs").mkdir()
    (away / "configs/run.yaml").write_text("defaults: [{gate: blind}, _self_]\nname: mine\n")
    said = type_in(away, "run", "--show")["said"]
    assert f"configuration: {away / 'configs/run.yaml'}" in said
    assert str(find_shipped_configs()) in said
    assert "name: mine" in said
    assert "ScheduleGate" in said, "options of ours fill the groups that one has not"
    assert "configuration:" not in type_in(away, "fit", "--show")["said"]


def test_a_folder_needs_to_hold_only_what_is_ones_own(away: Path) -> None:
    (away / "my own/policy").mkdir(parents=True)
    text = (find_shipped_configs() / "policy/nano_strong.yaml").read_text().replace("0.3", "0.25")
    (away / "my own/policy/careful.yaml").write_text(text)
    (away / "my own/policy/nano_weak.yaml").write_text(text)
    said = type_in(away, "run", "strong=careful", "--config-dir", "my own", "--show")["said"]
    assert said.count("temperature: 0.25") == 2, "an option of one's own hides ours of that name"
    answer = type_in(away, "run", "strong=carful", "--config-dir", "my own", code=2)
    message = answer["error"]["message"]
    assert "Did you mean 'careful'" in message
    assert "expert" in message, "ours are there, too"


def test_an_empty_folder_is_refused(away: Path) -> None:
    (away / "empty").mkdir()
    with pytest.raises(ConfigError, match="No configurations"):
        find_config_folders("run", "empty")


def test_paths_of_packages_are_found_anywhere(away: Path) -> None:
    ours = str(find_home() / CHECKPOINT)
    given = {"a": [CHECKPOINT, {"b": CHECKPOINT}], "n": 3, "t": "policies", "none": None}
    assert resolve_paths(given) == {**given, "a": [ours, {"b": ours}]}


@pytest.mark.parametrize(
    "path",
    ["runs/fit/probe.safetensors", "policies/mine.safetensors", f"./{CHECKPOINT}", f"/{CHECKPOINT}",
     f"policies/../{CHECKPOINT}", "policies/", "tests/fakes.py", ""],
)  # fmt: skip
def test_other_paths_begin_where_one_stands(away: Path, path: str) -> None:
    (away / "policies").mkdir()
    (away / "policies/mine.safetensors").write_text("mine")
    assert resolve_paths(path) == path


def test_a_trusted_package_brings_files_too(away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = away / "carried_robot"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "weights.bin").write_text("w")
    monkeypatch.syspath_prepend(str(away))
    monkeypatch.chdir("/")
    assert resolve_paths("carried_robot/weights.bin") == "carried_robot/weights.bin"
    found = resolve_paths("carried_robot/weights.bin", ("carried_robot",))
    assert found == str(package / "weights.bin")


@pytest.mark.slow
def test_a_locked_study_is_verified_from_anywhere(away: Path) -> None:
    study = find_home() / "runs/reference-tenth"
    answer = type_in(away, "study", "verify", str(study), "sample=0")
    assert answer["verified"]
    assert list(away.iterdir()) == []


def test_a_path_with_an_equals_sign_is_a_place(away: Path) -> None:
    (away / "a=b").mkdir()
    (away / "a=b/plan.yaml").symlink_to(find_home() / "runs/reference/plan.yaml")
    assert "question: Does" in type_in(away, "study", "run", "a=b", "--show")["said"]


@pytest.mark.parametrize("hiding", ["envs/__init__.py", "policies/__init__.py", "envs.py"])
@pytest.mark.parametrize("how", ["path", "module"])
def test_a_folder_that_hides_ours_is_named(away: Path, hiding: str, how: str) -> None:
    (away / hiding).parent.mkdir(exist_ok=True)
    (away / hiding).write_text("")
    path = f"{away}:{find_home()}" if how == "path" else str(find_home())
    run = subprocess.run(
        [sys.executable, "-m", "aegis.app.main", "run", "--show"],
        cwd=away if how == "module" else "/",
        env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin", "HOME": str(away)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2, run.stderr
    assert f"from {away / hiding}, which hides AEGIS's own {find_home()}" in run.stderr
    assert "trusted=[my_" in run.stderr


def test_a_folder_without_modules_hides_nothing(away: Path) -> None:
    (away / "envs/data").mkdir(parents=True)
    run = subprocess.run(
        [sys.executable, "-m", "aegis.app.main", "run", "--show"],
        cwd=away,
        env={"PYTHONPATH": str(find_home()), "PATH": "/usr/bin:/bin", "HOME": str(away)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
