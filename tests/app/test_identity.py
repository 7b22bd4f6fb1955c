"""Identity of a configuration: every leaf counts but the named exceptions."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.app.config.composition import ComposedConfig, compose_config
from aegis.app.config.identity import EXEMPT_SETTINGS, collect_identity, flatten_config
from aegis.core.errors import ConfigError
from aegis.study.plan.digests import EXEMPT_ROOMS, compute_code_digests, compute_row_code_digests

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
KEYS = st.sampled_from(["a", "b", "limit", "name", "units", "workers", "path"])
LEAVES = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(0, 1) | st.text("xyz", max_size=3)
)
TREES = st.dictionaries(
    KEYS | st.sampled_from(["env", "weak", "gate", "start", "plan", "film"]),
    st.recursive(
        LEAVES | st.lists(LEAVES, max_size=2),
        lambda inner: st.dictionaries(KEYS | st.sampled_from(["split"]), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=5,
)


def identify(tree: Mapping[str, object], *arms: str) -> dict[str, str]:
    return collect_identity(ComposedConfig("run", tree, (), ""), arms)


def put(tree: Mapping[str, object], path: list[str], value: object) -> dict[str, object]:
    """Returns a tree with another leaf."""
    first, *rest = path
    inner = tree[first]
    assert not rest or isinstance(inner, Mapping)
    return {**tree, first: put(inner, rest, value) if rest else value}  # type: ignore[arg-type]


def is_exempt(path: str) -> bool:
    return any(f"{path}.".startswith(f"{name}.") for name in EXEMPT_SETTINGS)


@given(TREES, st.data())
@settings(max_examples=25)
def test_any_leaf_counts_unless_it_is_exempt(tree: dict[str, object], data: st.DataObject) -> None:
    leaves = sorted(flatten_config(tree))
    if not leaves:
        return
    path = data.draw(st.sampled_from(leaves))
    other = put(tree, path.split("."), "quite another value")
    before, after = identify(tree), identify(other)
    assert (before == after) == is_exempt(path)
    changed = {k for k, v in after.items() if before.get(k) != v}
    assert changed == (set() if is_exempt(path) else {f"config.{path}"})


@pytest.mark.parametrize("command", ["run", "collect", "demo", "study", "train"])
def test_every_leaf_of_our_own_configurations_counts_unless_it_is_exempt(command: str) -> None:
    tree = compose_config(command, [], CONFIGS).tree
    given = tree.get("arms", {})
    assert isinstance(given, Mapping)
    found = identify(tree, *given)
    for path in flatten_config(tree):
        skipped = is_exempt(path) or path.split(".")[0::2][:2] in (
            ["arms", "dial"],
            ["arms", "like"],
        )
        assert (f"config.{path}" in found) != skipped, path
    assert not any(str(CONFIGS.parent) in value for value in found.values()), "no path of here"


def test_order_of_keys_does_not_count_and_arms_that_are_not_played_neither() -> None:
    one = {"env": {"a": 1, "b": {"x": 1, "y": [1, 2]}}, "arms": {"p": {"g": 1}, "q": {"g": 2}}}
    two = {
        "arms": {"q": {"g": 3}, "p": {"g": 1, "dial": 4}},
        "env": {"b": {"y": [1, 2], "x": 1}, "a": 1},
    }
    assert identify(one, "p") == identify(two, "p")
    assert identify(one, "q") != identify(two, "q")


def test_a_file_is_told_by_what_it_holds(tmp_path: Path) -> None:
    a, b = tmp_path / "a.bin", tmp_path / "elsewhere" / "b.bin"
    b.parent.mkdir()
    a.write_bytes(b"weights")
    b.write_bytes(b"weights")
    assert identify({"weak": {"c": str(a)}}) == identify({"weak": {"c": str(b)}})
    assert identify({"weak": {"c": [str(a)]}}) == identify({"weak": {"c": [str(b)]}})
    before = identify({"weak": {"c": str(a)}})
    a.write_bytes(b"Weights")
    assert identify({"weak": {"c": str(a)}}) != before
    whole = identify({"weak": {"c": str(tmp_path)}})
    (tmp_path / "more").touch()
    assert identify({"weak": {"c": str(tmp_path)}}) != whole


def test_a_word_that_is_also_a_file_stays_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = identify({"first": "weak"})
    (tmp_path / "weak").touch()
    monkeypatch.chdir(tmp_path)
    assert identify({"first": "weak"}) == before


def test_versions_count_and_python_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    before, real = identify({}), importlib.metadata.version
    assert "version.numpy" in before
    assert "version.python" not in before
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: "0.1" if name == "numpy" else real(name)
    )
    after = identify({})
    assert {k for k in before if before[k] != after[k]} == {"version.numpy"}


def test_a_plug_in_counts_with_what_it_imports_from_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outer_plug.py").write_text("import hypothesis\nfrom near_plug.deep import x\n")
    (tmp_path / "near_plug").mkdir()
    (tmp_path / "near_plug/deep.py").write_text("import third_plug\nx = 1\n")
    (tmp_path / "third_plug.py").write_text("import outer_plug\n")
    (tmp_path / "stranger.py").write_text("y = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    names = {"code.outer_plug.py", "code.near_plug", "code.third_plug.py"}
    for found in (compute_row_code_digests(["outer_plug"]), compute_code_digests(["outer_plug"])):
        assert names <= set(found)
        assert "code.stranger.py" not in found
    composed = ComposedConfig("run", {}, ("outer_plug",), "")
    before = collect_identity(composed, ())
    assert before["version.hypothesis"] == importlib.metadata.version("hypothesis")
    (tmp_path / "third_plug.py").write_text("import outer_plug  # x\n")
    after = collect_identity(composed, ())
    assert {k for k in before if before[k] != after[k]} == {"code.third_plug.py"}


@pytest.mark.parametrize(("name", "says"), [("sys", "has no file"), ("nosuch_plug", "PYTHONPATH")])
def test_code_that_cannot_be_found_is_explained(name: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        collect_identity(ComposedConfig("run", {}, (name,), ""), ())


def test_rooms_count_unless_they_are_exempt() -> None:
    found = compute_row_code_digests([])
    assert {
        "code.aegis.core",
        "code.aegis.gates",
        "code.aegis.fleet",
        "code.aegis.study.play",
    } <= set(found)
    assert not {f"code.{room}" for room in EXEMPT_ROOMS} & set(found)
    assert not any(name.startswith("code.aegis.app") for name in found)
