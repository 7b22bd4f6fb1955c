"""LIBERO-PRO's suites: their tasks are found, built and stepped like LIBERO's own."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from aegis.core.errors import AssetError, UnknownNameError
from aegis.core.types import Act, EpisodeKey
from envs.assets.installation import TASK_LISTS, TASKS
from envs.assets.resolver import PACK, resolve_assets
from envs.assets.suite_files import SUITE_CATEGORIES, list_model_files
from envs.libero.library import PRO_SUITES, SUITES, import_libero_envs, list_task_names
from envs.libero.scene_builder import build_scene
from envs.libero.suites.pro_objects import LIKE
from envs.libero.suites.task_files import find_task_files
from envs.libero.world import LiberoWorld
from tests.envs.near_goal import put_near_goal
from tests.envs.reference import Reference
from tests.envs.suites import require_official_assets
from tests.envs.test_stepper import draw_pressing_actions

SUITE, TASK = "libero_pro_spatial_object", 1
CHANGED = {"akita_black_bowl": "black_bowl", "plate": "yellow_plate"}
SCANNED = "stable_scanned_objects"
KINDS = ("bddl_files", "init_files")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite of other looks, made of the builtin pack and LIBERO's own task files."""
    folder = tmp_path_factory.mktemp("pro") / "assets"
    shutil.copytree(PACK, folder)
    for old, new in CHANGED.items():
        shutil.copytree(PACK / SCANNED / old, folder / SCANNED / new)
        (folder / SCANNED / new / f"{old}.xml").rename(folder / SCANNED / new / f"{new}.xml")
    names = list_task_names("libero_spatial")[:2]
    own = find_task_files("libero_spatial", PACK)
    problems, states = (folder / TASKS / kind / "libero_spatial_object" for kind in KINDS)
    for place in (problems, states):
        place.mkdir(parents=True)
    for name in names:
        text = own.find_problem(name).read_text("utf-8")
        for old, new in CHANGED.items():
            assert f"- {old}\n" in text
            text = text.replace(f"- {old}\n", f"- {new}\n")
        (problems / f"{name}.bddl").write_text(text, "utf-8")
        official = own.read_official_states(name)
        np.savez_compressed(states / f"{name}.pruned_init.npz", states=official)
    (folder / TASK_LISTS).write_text(json.dumps({"libero_spatial_object": names}))
    return folder


def test_equal_to_libero(folder: Path) -> None:
    both = Reference(TASK, str(folder), SUITE)
    rng = np.random.default_rng(3)
    both.begin(index=7)
    for k, action in enumerate(draw_pressing_actions(rng)):
        assert both.step(action), f"tick {k}"
    both.show()
    answers = set()
    for _ in range(60):
        put_near_goal(both, rng)
        answers.add(both.goal.is_reached(both.theirs))
        assert both.goal.is_reached(both.theirs) == both.problem._check_success()
    assert answers == {True, False}
    both.close()


def test_a_world_plays_it(folder: Path) -> None:
    world = LiberoWorld(SUITE, str(folder), horizon=20)
    assert list(world.list_tasks()) == [0, 1]
    key = EpisodeKey(3, SUITE, TASK, "wide", 0)
    world.begin(key)
    observed = world.observe({"agentview": (32, 32)})
    assert observed.instruction == list_task_names("libero_spatial")[TASK].replace("_", " ")
    world.apply(Act(world.embodiment.hold))
    world.close()
    with pytest.raises(
        UnknownNameError, match="Unknown task '2' in suite libero_pro_spatial_object"
    ):
        world.get_scene(2)


def test_its_task_files_are_part_of_what_is_in_use(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    assert resolve_assets(str(other), SUITE).digest == resolve_assets(str(folder), SUITE).digest
    problem, _ = sorted((other / TASKS).rglob("*.bddl"))
    problem.write_text(problem.read_text("utf-8") + " ", "utf-8")
    assert resolve_assets(str(other), SUITE).digest != resolve_assets(str(folder), SUITE).digest
    problem.unlink()
    with pytest.raises(AssetError, match=r"lack tasks/bddl_files/libero_spatial_object/"):
        resolve_assets(str(other), SUITE)
    with pytest.raises(AssetError, match="does not list the tasks of libero_pro_spatial_swap"):
        resolve_assets(str(other), "libero_pro_spatial_swap")
    shutil.rmtree(other / TASKS)
    with pytest.raises(AssetError, match=r"lack tasks/suites\.json"):
        resolve_assets(str(other), SUITE)


@pytest.mark.parametrize("suite", ["libero_pro_goal_lan", "libero_pro_goal_task"])
def test_words_that_were_changed_stand_in_the_file(suite: str, tmp_path: Path) -> None:
    folder = suite.replace("_pro", "")
    place = tmp_path / TASKS / "bddl_files" / folder
    place.mkdir(parents=True)
    (tmp_path / TASK_LISTS).write_text(json.dumps({folder: ["open_it", "shut_it"]}))
    (place / "open_it.bddl").write_text("(define (:language Pull the drawer’s bar ))", "utf-8")
    (place / "shut_it.bddl").write_text("(define)", "utf-8")
    files = find_task_files(suite, tmp_path)
    assert files.read_instruction("open_it") == "Pull the drawer’s bar"
    with pytest.raises(AssetError, match="has no \\(:language"):
        files.read_instruction("shut_it")


def test_every_object_of_other_looks_behaves_like_one_of_libero() -> None:
    import_libero_envs(PACK)
    known = {category for suite in SUITES for category in SUITE_CATEGORIES[suite]}
    changed = {one for suite in PRO_SUITES for one in SUITE_CATEGORIES[suite]} - known
    assert changed == set(LIKE)
    assert set(LIKE.values()) <= known
    from libero.libero.envs.objects import OBJECTS_DICT

    for category, model in LIKE.items():
        assert issubclass(OBJECTS_DICT[category], OBJECTS_DICT[model])


@pytest.mark.slow
@pytest.mark.parametrize("suite", PRO_SUITES)
def test_all_tasks_build(suite: str) -> None:
    require_official_assets(suite)
    assets = resolve_assets("official", suite)
    files = find_task_files(suite, assets.path)
    assert len(files.names) == 10
    for name in files.names:
        built = build_scene(suite, name, assets.path, "light")
        assert built.official.shape == (50, 1 + built.model.nq + built.model.nv)
        assert built.meta.instruction
    assert list_model_files(suite)


@pytest.mark.slow
@pytest.mark.parametrize("suite", PRO_SUITES)
def test_two_tasks_are_equal_to_libero(suite: str) -> None:
    require_official_assets(suite)
    for task in (0, 5):
        both = Reference(task, "official", suite)
        both.begin(index=task)
        for k, action in enumerate(draw_pressing_actions(np.random.default_rng(task))):
            assert both.step(action), f"tick {k}"
            assert both.goal.check_terms(both.data) == both.check_their_terms(), f"tick {k}"
        both.close()
