"""Policies between: ladders of more than two rungs from a configuration, end to end."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from aegis.app.config.part_builder import list_between
from aegis.app.config.settings import Settings
from aegis.app.main import main
from aegis.core.errors import ConfigError
from aegis.records.store import RunTables
from tests.app.toy import write_configs


@pytest.mark.parametrize("name", ["weak", "strong", "reseed", "operator"])
def test_names_of_other_rungs_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"'between.{name}' has the name of another rung"):
        list_between(Settings({"between": {name: {}}}))


def test_without_the_key_there_are_two_rungs() -> None:
    assert list_between(Settings({})) == list_between(Settings({"between": {}})) == ()


def test_a_hand_over_goes_one_rung_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_configs(tmp_path / "configs") / "run.yaml"
    tree = yaml.safe_load(path.read_text())
    middle = {"_target_": "tests.fakes.ToyPolicy", "name": "middle", "weak": False}
    gate = {"_target_": "aegis.gates.schedule.ScheduleGate", "start_tick": 4, "holds": [2]}
    path.write_text(
        yaml.safe_dump({**tree, "detector": None, "gate": gate, "between": {"middle": middle}})
    )
    assert main(["run", "switch.release=0.5"]) == 0
    rows = RunTables.read_folder(tmp_path / "runs/run").episodes
    assert any(row.strong_steps for row in rows)
    for row in rows:
        assert row.steps_by is not None
        drove = dict(row.steps_by)
        assert set(drove) <= {"weak", "middle"}, "the strong policy is two rungs up"
        assert drove.get("middle", 0) == row.strong_steps
        assert sum(drove.values()) == row.steps


def test_a_simulation_calls_no_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_configs(tmp_path / "configs") / "run.yaml"
    tree = yaml.safe_load(path.read_text())
    person = {"_target_": "policies.person.Person", "name": "human"}
    path.write_text(yaml.safe_dump({**tree, "between": {"human": person}}))
    assert main(["run"]) == 2
    assert "'human' is a person, whom only a robot can call" in " ".join(
        capsys.readouterr().err.split()
    )
