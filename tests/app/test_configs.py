"""Every configuration composes, names targets that exist, and passes arguments that they take."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from aegis.app.command import COMMAND_SUMMARIES, load_command
from aegis.app.config.composition import (
    ComposedConfig,
    build_target,
    compose_config,
    make_target_factory,
)
from aegis.app.config.settings import Settings
from aegis.app.config.targets import check_arguments, walk_targets
from aegis.core.errors import ConfigError, UnknownNameError

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
ROOTS = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
OPTIONS = sorted(str(path.relative_to(CONFIGS)) for path in CONFIGS.glob("*/*.yaml"))


@pytest.mark.parametrize("name", ROOTS)
def test_root_composes(name: str) -> None:
    composed = compose_config(name, [], CONFIGS)
    assert composed.tree
    assert "???" not in composed.text


@pytest.mark.parametrize("option", OPTIONS)
def test_option_names_a_target_that_takes_its_arguments(option: str) -> None:
    tree = OmegaConf.to_container(OmegaConf.load(CONFIGS / option), resolve=False)
    assert isinstance(tree, dict)
    nodes = [node for node in walk_targets(tree) if "_target_" in node[1]]
    assert nodes or option.split("/")[0] in ("arm", "start", "bench", "regime")
    for where, node in nodes:
        check_arguments(where, node)


@pytest.mark.parametrize("path", [*(f"{name}.yaml" for name in ROOTS), *OPTIONS])
def test_every_key_is_explained_where_it_stands(path: str) -> None:
    lines = (CONFIGS / path).read_text().splitlines()
    first = next(line for line in lines if not line.startswith("# @package"))
    assert first.startswith("# "), "the first line says what the file is"


def describe_arm(name: str) -> str:
    """Returns the first sentence of an arm's file, as it stands in a list."""
    first = (CONFIGS / "arm" / f"{name}.yaml").read_text().splitlines()[1]
    sentence = first.removeprefix("# ").partition(". ")[0].removesuffix(".")
    return sentence[0].lower() + sentence[1:]


def test_an_arm_is_described_alike_wherever_it_is_described() -> None:
    arms = sorted(path.stem for path in (CONFIGS / "arm").glob("*.yaml"))
    readme = (CONFIGS / "arm" / "README.md").read_text()
    study = Settings(compose_config("study", [], CONFIGS).tree)
    roles = study.level("plan").level("roles")
    assert set(roles.names()) == set(study.level("arms").names())
    for arm in arms:
        assert f"| `{arm}` | {describe_arm(arm)}" in readme
        if arm in roles.names():
            assert roles.text(arm) == describe_arm(arm)


def test_every_configured_command_has_a_root() -> None:
    commands = [load_command(name) for name in COMMAND_SUMMARIES]
    configured = {command.root or command.name for command in commands if command.configured}
    of_verbs = {verb.root for command in commands for verb in command.verbs if verb.root}
    assert configured | of_verbs == set(ROOTS)


def test_every_group_is_documented() -> None:
    text = (CONFIGS / "README.md").read_text()
    for group in {Path(option).parent.name for option in OPTIONS}:
        assert f"`{group}/`" in text
        readme = (CONFIGS / group / "README.md").read_text()
        for option in (CONFIGS / group).glob("*.yaml"):
            assert f"`{option.stem}`" in readme


@pytest.mark.parametrize(
    "gate", ["aegis", "gain", "rescue", "blind", "random", "stint", "never", "always"]
)
def test_every_gate_can_be_chosen(gate: str) -> None:
    assert compose_config("run", [f"gate={gate}"], CONFIGS).tree["gate"]


def test_arms_bring_the_detectors_that_they_read() -> None:
    words = ["arm=[weak,aegis,gain,advantage]", "detectors.foresight.path=runs/fit/one"]
    tree = compose_config("study", [*words, "detector=probe_mlp"], CONFIGS).tree
    study = Settings(tree)
    assert study.level("detectors").names() == ["foresight", "advantage"]
    scores = {"aegis": "probe_mlp", "gain": "foresight", "advantage": "advantage"}
    for arm, score in scores.items():
        level = study.level("arms").level(arm)
        assert level.node("gate")["score"] == level.node("switch")["score"] == score
        assert level.node("switch")["_target_"] == "aegis.gates.switch.HysteresisSwitch"
    assert "detectors" not in compose_config("study", ["arm=[weak,aegis]"], CONFIGS).tree
    rescue = Settings(compose_config("study", ["arm=[weak,rescue]"], CONFIGS).tree)
    assert rescue.level("detectors").names() == ["foresight", "rescue", "keep"]
    gate = rescue.level("arms").level("rescue").node("gate")
    assert [gate[name] for name in ("risk", "rescue", "keep")] == ["foresight", "rescue", "keep"]
    tenth = Settings(compose_config("study", ["regime=tenth"], CONFIGS).tree)
    assert tenth.level("detectors").value("keep") is None
    assert tenth.level("arms").level("rescue").node("gate")["keep"] is None


def _write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: {_target_: os.system, command: ls}", "must lie in aegis, envs, policies"),
        ("a: [{b: {_target_: subprocess.run}}]", "a[0].b"),
        ("a: {_target_: aegis.app.diagnosis.os.system, command: ls}", "not in ours"),
        ("a: {_target_: aegis.app.diagnosis.subprocess.run, args: ls}", "not in ours"),
        ("a: {_partial_: true, _target_: aegis.gates.constant.NeverGate}", "_partial_"),
        ("a: {_args_: [1], _target_: aegis.gates.constant.NeverGate}", "_args_"),
        ("a: {_target_: aegis.gates.constant.NeverGat}", "Did you mean 'NeverGate'"),
        ("a: {_target_: aegis.gates.constnt.NeverGate}", "Did you mean 'constant'"),
        ("a: {_target_: aegis.gates.constant.NeverGate, cap: 3}", "Unknown option 'cap' in 'a'"),
        ("a: {_target_: aegis.gates.conformal.ConformalGate}", "missing a required argument"),
        ("a: {_target_: my_robot.Policy}", "trusted=[my_package]"),
        ("a: ${oc.env:HOME}", "calls a resolver"),
        ("a: ${b}", "does not resolve"),
        ("a: ???", "does not resolve"),
        ("a: [", "x.yaml"),
    ],
)
def test_what_may_not_be_configured(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises((ConfigError, UnknownNameError)) as caught:
        compose_config("x", [], _write(tmp_path, x=text))
    assert says in str(caught.value)


def test_a_package_of_the_users_own_must_be_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_robot_package.py").write_text("class Gate:\n    needs_scores = False\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    node = "gate: {_target_: my_robot_package.Gate}"
    folder = _write(tmp_path, a=node, b=f"trusted: [my_robot_package]\n{node}")
    with pytest.raises(ConfigError, match="trusted"):
        compose_config("a", [], folder)
    composed = compose_config("b", [], folder)
    gate = build_target(composed, "gate", Settings(composed.tree).node("gate"))
    assert type(gate).__name__ == "Gate"


def test_a_world_factory_can_be_pickled_and_builds_nothing() -> None:
    composed = compose_config("run", ["env.assets=/no/such/folder"], CONFIGS)
    factory = make_target_factory(composed, "env", Settings(composed.tree).node("env"))
    assert pickle.loads(pickle.dumps(factory)).keywords["horizon"] == 220  # noqa: S301


def test_errors_of_a_target_come_through() -> None:
    composed = compose_config("run", ["gate.threshold=nan"], CONFIGS)
    with pytest.raises(ConfigError, match="threshold must be finite"):
        build_target(composed, "gate", Settings(composed.tree).node("gate"))


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("gate.threshold=high", "'gate.threshold' must be a number. Got: 'high'."),
        ("gate.fires_fraction=true", "'gate.fires_fraction' must be a number. Got: True."),
        ("switch.hold_chunks=2.5", "'switch.hold_chunks' must be an integer. Got: 2.5."),
        ("switch.max_chunks=x", "'switch.max_chunks' must be an integer or null. Got: 'x'."),
        ("env.horizon=long", "'env.horizon' must be an integer. Got: 'long'."),
    ],
)
def test_types_are_checked_before_anything_is_built(override: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose_config("run", [override], CONFIGS)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("n", 0, "'n' must be an integer of at least 1. Got: 0."),
        ("n", True, "'n' must be an integer of at least 1. Got: True."),
        ("n", "3", "'n' must be an integer of at least 1. Got: '3'."),
    ],
)
def test_settings_name_the_key(key: str, value: object, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings({key: value}).integer(key, 1)
    assert str(caught.value) == says


def test_settings_below_know_their_path() -> None:
    with pytest.raises(ConfigError, match=r"'matching\.units' is missing"):
        Settings({"matching": {}}).level("matching").integer("units", 1)


def test_walk_finds_targets_in_lists() -> None:
    found = list(walk_targets({"a": [{"b": {"_target_": "x"}}]}))
    assert found == [("a[0].b", {"_target_": "x"})]


def test_composed_is_plain() -> None:
    composed = compose_config("study", [], CONFIGS)
    assert isinstance(composed, ComposedConfig)
    assert type(composed.tree) is dict
    assert type(composed.tree["tasks"]) is list
