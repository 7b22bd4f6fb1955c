"""Machine of a run: what draws its pictures is written down, and two machines are not mixed."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from aegis.core.errors import ConfigError, InterruptedRunError, MachineError
from aegis.records.manifest import MACHINE_KEY, read_manifest
from tests.fakes import ToyPolicy, ToyWorld
from tests.fleet.toyrun import HORIZON, Interrupter, toy_plan, toy_run


class DrawnWorld(ToyWorld):
    """Says what draws its pictures."""

    def __init__(self, renderer: str) -> None:
        super().__init__(HORIZON)
        self._renderer = renderer

    def describe_renderer(self) -> str:
        return self._renderer


class UndrawableWorld(ToyWorld):
    """Dies of the question."""

    def describe_renderer(self) -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return ""


def _play_half(out: Path, machine: dict[str, str], renderer: str) -> None:
    with pytest.raises(InterruptedRunError):
        toy_run(
            out,
            toy_plan(machine=machine),
            world=partial(DrawnWorld, renderer),
            slots=1,
            sink=Interrupter(after=2),
        )


def test_the_machine_stands_in_the_manifest(tmp_path: Path) -> None:
    toy_run(tmp_path, toy_plan(1, machine={"cpu": "toy"}), world=partial(DrawnWorld, "pencil 2"))
    assert read_manifest(tmp_path)[MACHINE_KEY] == {"cpu": "toy", "renderer": "pencil 2"}


def test_without_pictures_nobody_asks_for_a_driver(tmp_path: Path) -> None:
    blind = {name: ToyPolicy(name, weak=name == "weak", cameras={}) for name in ("weak", "strong")}
    toy_run(tmp_path, toy_plan(1), world=partial(UndrawableWorld, HORIZON), policies=blind)
    assert read_manifest(tmp_path)[MACHINE_KEY] == {}


def test_rows_of_two_machines_are_not_mixed(tmp_path: Path) -> None:
    _play_half(tmp_path, {"cpu": "toy"}, "pencil 2")
    for machine, renderer, says in (
        ({"cpu": "toy"}, "pencil 3", "renderer: pencil 2 there, pencil 3 here"),
        ({"cpu": "other"}, "pencil 2", "cpu: toy there, other here"),
        ({}, "pencil 2", "cpu: toy there, nothing here"),
    ):
        with pytest.raises(ConfigError, match=f"{says}.*name=ANOTHER"):
            toy_run(tmp_path, toy_plan(machine=machine), world=partial(DrawnWorld, renderer))
    plan = toy_plan(machine={"cpu": "toy"})
    done = toy_run(tmp_path, plan, world=partial(DrawnWorld, "pencil 2"))
    assert len(done.episodes) == len(plan.units) * len(plan.arms)


def test_a_finished_run_may_be_read_anywhere(tmp_path: Path) -> None:
    before = toy_run(tmp_path, toy_plan(1, machine={"cpu": "toy"}))
    again = toy_run(tmp_path, toy_plan(1, machine={"cpu": "other"}))
    assert again.episodes == before.episodes


def test_a_driver_that_kills_every_worker_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="aegis doctor"):
        toy_run(tmp_path, toy_plan(1, retries=1), world=partial(UndrawableWorld, HORIZON))
