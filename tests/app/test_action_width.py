"""A policy of another robot: refused wherever it could be started, before anything is played."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aegis.app.config.composition import compose_config
from aegis.app.config.folders import find_config_folders
from aegis.app.robot.planning import build_controller, read_contract_node
from aegis.core.errors import EmbodimentError
from aegis.core.protocols import PolicySpec, Query
from aegis.core.types import Proposal
from policies.best_of import BestOfPolicy
from policies.converted import ConvertedPolicy
from policies.expert import ScriptedExpert
from policies.replay import ReplayPolicy
from tests.app.comparison.toy_pair import write_pair_configs
from tests.app.toy import write_configs
from tests.app.typed import type_in
from tests.fakes import ToyPolicy
from tests.serve.toys import SeeingPolicy, toy_robot

_REFUSAL = "gives actions of 5 numbers; this robot takes 3"


class Secretive(ToyPolicy):
    """Acts for a robot of five dimensions, and does not say so."""

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        return [
            replace(one, actions=np.pad(one.actions, ((0, 0), (0, 2))))
            for one in super().propose(queries)
        ]


class Broad(Secretive):
    """Says that it is for a robot of five dimensions."""

    @property
    def spec(self) -> PolicySpec:
        return replace(super().spec, dimensions=5)

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        raise AssertionError("it was to be refused before it was asked")


def put_policy(folder: Path, kind: type, name: str) -> None:
    """Puts a policy of this file in the place of the toys of a name."""
    for path in folder.rglob("*.yaml"):
        for mark in (", ", "\n"):
            before = f"_target_: tests.fakes.ToyPolicy{mark}name: {name}"
            after = f"_target_: {__name__}.{kind.__name__}{mark}name: {name}"
            path.write_text(path.read_text().replace(before, after))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Broad, "collect"),
        (Secretive, "collect"),
        (Broad, "run detector=null"),
        (Broad, "study lock"),
    ],
)
def test_no_run_begins(kind: type, words: str, tmp_path: Path) -> None:
    put_policy(write_configs(tmp_path / "configs"), kind, "weak")
    assert _REFUSAL in " ".join(type_in(tmp_path, *words.split(), code=2)["said"].split())
    assert not list(tmp_path.rglob("episodes.parquet")), "nothing is sealed"


@pytest.mark.parametrize("kind", [Broad, Secretive])
@pytest.mark.parametrize("command", ["compare", "pilot"])
def test_no_comparison_begins(command: str, kind: type, tmp_path: Path) -> None:
    folder = write_pair_configs(tmp_path / "configs")
    put_policy(folder, kind, "toy_strong")
    said = type_in(tmp_path, command, "--config-dir", "configs", code=2)["said"]
    assert _REFUSAL in " ".join(said.split())
    assert not list(tmp_path.rglob("episodes.parquet")), "nothing is sealed"


@pytest.mark.parametrize(
    "words", [("policy=nano_weak",), ("what=gated",), ("vla-eval", "policy=nano_weak")]
)
def test_no_server_starts(words: tuple[str, ...], tmp_path: Path) -> None:
    robot = ["embodiment={_target_: tests.app.test_action_width.make_robot}", "trusted=[tests]"]
    said = type_in(tmp_path, "serve", *words, *robot, "port=0", code=2)["said"]
    assert "gives actions of 7 numbers; this robot takes 6: a, b, c, d, e, f" in " ".join(
        said.split()
    )


def make_robot() -> Any:
    """Returns a robot of six dimensions."""
    return replace(toy_robot(6), names=tuple("abcdef"))


def test_no_robot_is_driven() -> None:
    composed = compose_config("drive", [], *find_config_folders("drive", None))
    contract = read_contract_node(composed)
    width = len(contract.build_embodiment().names)
    spec = PolicySpec("strong", "v1", {}, 10, 5, {}, dimensions=width + 1)
    specs: Mapping[str, PolicySpec] = {"weak": replace(spec, dimensions=width), "strong": spec}
    with pytest.raises(EmbodimentError, match=f"'strong' gives actions of {width + 1} numbers"):
        build_controller(composed, contract, specs)


def test_our_policies_say_their_width(tmp_path: Path) -> None:
    np.savez(tmp_path / "trace.npz", a=np.zeros((3, 6)), b=np.zeros((2, 6)))
    np.savez(tmp_path / "mixed.npz", a=np.zeros((3, 6)), b=np.zeros((2, 5)))
    policies: dict[int | None, list[Any]] = {
        3: [SeeingPolicy(), BestOfPolicy("best", SeeingPolicy(), 3)],
        4: [ConvertedPolicy("other", SeeingPolicy(action=4))],
        6: [ReplayPolicy("again", str(tmp_path / "trace.npz"))],
        7: [ScriptedExpert("expert")],
        None: [ReplayPolicy("again", str(tmp_path / "mixed.npz")), ToyPolicy("toy", weak=True)],
    }
    for width, group in policies.items():
        assert {policy.spec.dimensions for policy in group} == {width}
