"""`tasks=all`: written out from what the world lists, before anything reads it."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from aegis.app.config.composition import ComposedConfig, compose_config
from aegis.app.config.folders import find_config_folders
from aegis.app.config.settings import Settings
from aegis.app.config.task_list import expand_tasks
from aegis.core.errors import AssetError, ConfigError
from tests.fakes import ToyWorld


class ListingWorld(ToyWorld):
    """A world of three tasks."""

    def list_tasks(self) -> Sequence[int]:
        return (0, 2, 5)


def compose_run(*words: str) -> ComposedConfig:
    return compose_config("run", list(words), *find_config_folders("run", None))


def test_all_tasks_of_a_suite_are_written_out() -> None:
    composed = expand_tasks(compose_run("tasks=all", "env.assets=builtin"))
    assert composed.tree["tasks"] == list(range(10))
    assert yaml.safe_load(composed.text) == composed.tree
    assert composed.overrides == ("tasks=all", "env.assets=builtin")


def test_named_tasks_are_left_alone() -> None:
    composed = compose_run("tasks=[3]")
    assert expand_tasks(composed) is composed


def test_other_worlds_list_their_own(tmp_path: Path) -> None:
    env = "env: {_target_: tests.app.test_task_list.ListingWorld}\ntasks: all\ntrusted: [tests]\n"
    (tmp_path / "made.yaml").write_text(env)
    composed = expand_tasks(compose_config("made", [], tmp_path))
    assert Settings(composed.tree).integers("tasks") == (0, 2, 5)
    (tmp_path / "made.yaml").write_text(env.replace("app.test_task_list.Listing", "fakes.Toy"))
    with pytest.raises(ConfigError, match="ToyWorld does not"):
        expand_tasks(compose_config("made", [], tmp_path))


def test_a_suite_that_cannot_be_built_says_why() -> None:
    with pytest.raises(AssetError, match="builtin assets are for libero_spatial"):
        expand_tasks(compose_run("tasks=all", "env=libero_90", "env.assets=builtin"))


def test_another_word_is_refused() -> None:
    composed = expand_tasks(compose_run("tasks=every"))
    with pytest.raises(ConfigError, match=r"for example \[0,3\], or all"):
        Settings(composed.tree).integers("tasks")
