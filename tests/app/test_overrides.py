"""What cannot be read comes back quoted, so that it can be typed as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from aegis.app.config.composition import compose_config
from aegis.app.config.folders import find_shipped_configs
from aegis.app.config.quoting import quote_override
from aegis.app.config.settings import Settings
from aegis.core.errors import ConfigError, UnknownNameError

SHIPPED = find_shipped_configs()
# Reads as text, and so does what is quoted; control characters end a line or a shell's word.
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" "))


def cure(message: str) -> str:
    """Returns the word of the shell that a message says to type."""
    found = re.search(r""": ("[^"]*"|'.*')[.;]""", message)
    assert found is not None, message
    (word,) = shlex.split(found[1])
    return word


@given(TEXTS)
def test_a_quoted_text_is_read_as_itself(text: str) -> None:
    (word,) = shlex.split(quote_override("name", text))
    assert OverridesParser.create().parse_override(word).value() == text


@pytest.mark.parametrize(
    "value", ["läuft", "x=1", "a:b=c", "日本", "a;b", "it's", 'a"b', "$HOME=", "é'\\"]
)
def test_what_cannot_be_read_is_quoted(value: str) -> None:
    key = "detector.path"
    with pytest.raises(ConfigError, match="Quote a text") as caught:
        compose_config("run", [f"{key}=/tmp/a b/{value}.x=1"], SHIPPED)
    tree = compose_config("run", [cure(str(caught.value))], SHIPPED).tree
    assert tree["detector"]["path"] == f"/tmp/a b/{value}.x=1"  # type: ignore[index]


@pytest.mark.parametrize("value", ["1", "2026.10", "1e5", "true", "null", "[a]", "a,b"])
def test_a_name_is_a_text(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose_config("run", [f"name={value}"], SHIPPED)
    assert compose_config("run", [cure(str(caught.value))], SHIPPED).tree["name"] == value


@pytest.mark.parametrize("word", ["weak.checkpoint=3", "detector.path=2.5", "start.family=true"])
def test_other_texts_say_so_too(word: str) -> None:
    key, _, value = word.partition("=")
    with pytest.raises(ConfigError, match="must be a text") as caught:
        Settings(compose_config("run", [word], SHIPPED).tree).level("start").text("family")
    assert cure(str(caught.value)) == f"{key}='{value}'"


@pytest.mark.parametrize("word", ["läuft", "name", "tasks=[", "a b=1", "ü=1"])
def test_what_quotes_do_not_cure_is_told_otherwise(word: str) -> None:
    with pytest.raises(ConfigError, match="Write key=value"):
        compose_config("run", [word], SHIPPED)


def test_a_setting_may_be_called_like_a_group() -> None:
    assert compose_config("fit", ["arm=other", "arms=[a,b]"], SHIPPED).tree["arm"] == "other"


def test_a_list_of_mappings_can_be_given(tmp_path: Path) -> None:
    contrasts = "plan.contrasts=[{arm: rescue, against: weak, alternative: greater}]"
    plan = compose_config("study", [contrasts], SHIPPED).tree["plan"]
    assert len(plan["contrasts"]) == 1  # type: ignore[index]


def test_a_run_may_do_without_a_detector() -> None:
    composed = compose_config("run", ["detector=null", "gate=never", "switch=stay"], SHIPPED)
    assert "detector" not in composed.tree
    with pytest.raises(UnknownNameError, match="Unknown gate 'null'"):
        compose_config("run", ["gate=null"], SHIPPED)


def test_an_unknown_key_of_a_mapping_is_named_with_those_that_there_are() -> None:
    said = "Unknown setting 'front' in 'cameras'. Allowed: agentview, wrist."
    with pytest.raises(UnknownNameError, match=re.escape(said)):
        compose_config("export", ["cameras={front:128}"], SHIPPED)
