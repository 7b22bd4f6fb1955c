"""A user without home and passwd entry, who can read everything and write almost nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aegis.host.folders import find_cache_folder

ROOT = Path(__file__).parents[2]
CHECKPOINTS = ROOT / "policies/nano_vla/checkpoints"
UID = 54321
# Reading is allowed everywhere, so that the interpreter may lie in root's home; writing is not.
_READS = "-all,+dac_read_search"
_SETPRIV = ["setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups"]
_SETPRIV += [f"--inh-caps={_READS}", f"--ambient-caps={_READS}", f"--bounding-set={_READS}"]

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
    pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv (util-linux) is missing"),
]


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """A folder for temporary files, with compiled functions in it: compiling takes a minute."""
    for parent in (tmp_path, *list(tmp_path.parents)[:3]):
        parent.chmod(0o755)
    folder = tmp_path / "temporary"
    folder.mkdir()
    folder.chmod(0o777)
    ours = folder / f"aegis-{UID}"
    compiled = find_cache_folder() / "numba"
    if compiled.is_dir():
        shutil.copytree(compiled, ours / "numba")
        ours.chmod(0o700)
        for path in (ours, *ours.rglob("*")):
            os.chown(path, UID, UID)
    return folder


def run_as_other(
    temporary: Path, folder: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    environ |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", **variables}
    return subprocess.run(
        [*_SETPRIV, sys.executable, "-m", "aegis.app.main", *arguments],
        env=environ,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


RUN = (
    "run",
    "name=other",
    "units=1",
    "tasks=[0]",
    "env.horizon=10",
    "workers=1",
    f"weak.checkpoint={CHECKPOINTS}/weak.safetensors",
    f"strong.checkpoint={CHECKPOINTS}/strong.safetensors",
    f"detector.path={CHECKPOINTS}/probe.safetensors",
)


def test_a_run_needs_no_home_and_no_writable_source(temporary: Path, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    os.chown(folder, UID, UID)
    done = run_as_other(temporary, folder, *RUN)
    assert done.returncode == 0, done.stderr
    assert (folder / "runs/other/episodes.parquet").is_file()
    assert done.stderr.count("note: ") == 1, done.stderr
    assert "HOME" in done.stderr
    assert "AEGIS_CACHE" in done.stderr


@pytest.mark.parametrize("variables", [{}, {"HOME": "/"}, {"AEGIS_CACHE": "/proc/none"}])
def test_a_folder_that_is_read_only_is_named(
    temporary: Path, tmp_path: Path, variables: dict[str, str]
) -> None:
    folder = tmp_path / "read_only"
    folder.mkdir(mode=0o555)
    done = run_as_other(temporary, folder, "assets", **variables)
    assert done.returncode == 0, done.stderr
    assert "builtin assets" in done.stdout
    if variables:
        return
    done = run_as_other(temporary, folder, *RUN)
    assert done.returncode == 3, done.stderr
    assert "Could not write" in done.stderr
    assert "bug in AEGIS" not in done.stderr
