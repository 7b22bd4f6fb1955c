"""The doctor finds what is there, survives what crashes, and says how to fix the rest."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
from pathlib import Path

import pytest

from aegis.app import diagnosis
from aegis.app.diagnosis import Finding, FindingState, check_rendering
from aegis.app.main import main
from aegis.host.rendering import EGL_PACKAGES

EGL = {"MUJOCO_GL": "egl"}


class Run:
    """A finished process."""

    def __init__(self, code: int, stdout: str = "", stderr: str = "") -> None:
        self.returncode, self.stdout, self.stderr = code, stdout, stderr


@pytest.mark.parametrize(
    ("run", "state", "found"),
    [
        (Run(0, '{"renderer": "llvmpipe", "bright": 255}\n'), FindingState.OK, "llvmpipe"),
        (Run(0, 'noise\n{"renderer": "x", "bright": 0}\n'), FindingState.FAIL, "x: black picture"),
        (
            Run(0, '{"error": "ImportError: Unable to load\\n EGL library"}'),
            FindingState.FAIL,
            "ImportError: Unable to load EGL library",
        ),
        (Run(-11), FindingState.FAIL, "crashed (signal 11)"),
        (
            Run(1, "", "Trace\nImportError: Cannot initialize EGL\n"),
            FindingState.FAIL,
            "ImportError: Cannot initialize EGL",
        ),
        (Run(1), FindingState.FAIL, "exit code 1"),
    ],
)
def test_rendering_is_tried_in_another_process(
    run: Run, state: FindingState, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: run)
    finding = check_rendering(EGL)
    assert (finding.state, finding.found) == (state, found)
    assert (EGL_PACKAGES in finding.fix) == (state is FindingState.FAIL)


def test_a_hung_driver_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("python", 1)

    monkeypatch.setattr(subprocess, "run", hang)
    assert check_rendering(EGL, timeout=1).found == "no picture after 1 s"


def test_the_remedy_fits_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: Run(1))
    osmesa = check_rendering({"MUJOCO_GL": "OSMesa"})
    assert osmesa.name == "rendering (osmesa)"
    assert "Unset MUJOCO_GL and PYOPENGL_PLATFORM" in osmesa.fix
    device = check_rendering({"MUJOCO_EGL_DEVICE_ID": "3"})
    assert "Unset MUJOCO_EGL_DEVICE_ID (now '3')" in device.fix


@pytest.mark.parametrize(
    "environ",
    [
        {"MUJOCO_GL": "egl", "PYOPENGL_PLATFORM": "osmesa"},
        {"MUJOCO_GL": "vulkan"},
        {"MUJOCO_GL": "off"},
        {"PYOPENGL_PLATFORM": "glx"},
    ],
)
def test_what_runs_refuse_is_not_even_tried(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("tried"))
    finding = check_rendering(environ)
    assert finding.state is FindingState.FAIL
    assert "MUJOCO_GL" in finding.fix


def test_it_tries_the_environment_that_runs_get(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    def run(*_: object, env: dict[str, str], **__: object) -> Run:
        seen.update(env)
        return Run(0, '{"renderer": "x", "bright": 9}')

    monkeypatch.setattr(subprocess, "run", run)
    check_rendering({"PYOPENGL_PLATFORM": "osmesa", "MUJOCO_EGL_DEVICE_ID": "0", "MINE": "1"})
    assert seen == {
        "MUJOCO_GL": "osmesa",
        "PYOPENGL_PLATFORM": "osmesa",
        "MUJOCO_EGL_DEVICE_ID": "0",
        "MINE": "1",
    }


def test_folders_that_cannot_be_written_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert diagnosis._check_cache().state is FindingState.OK
    monkeypatch.setenv("AEGIS_CACHE", "/proc/none")
    monkeypatch.setenv("AEGIS_CACHE_FALLBACK", str(tmp_path))
    tmp_path.chmod(0o700)
    finding = diagnosis._check_cache()
    assert finding.state is FindingState.WARN
    assert "/proc/none cannot be written to" in finding.found
    assert "AEGIS_CACHE" in finding.fix
    monkeypatch.chdir("/proc/self")
    assert "cannot be written to" in diagnosis._check_disk().found


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package == "bddl":
            raise importlib.metadata.PackageNotFoundError(package)
        return "1"

    monkeypatch.setattr(importlib.metadata, "version", version)
    finding = diagnosis._check_libero()
    assert (finding.state, finding.found) == (FindingState.FAIL, "missing: bddl")
    assert finding.fix.startswith("make setup; without a clone: pip install")
    assert "bddl==" in finding.fix


def test_json_and_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def examine(extra: object) -> list[Finding]:
        assert extra
        return [
            Finding("Python", FindingState.OK, "3"),
            Finding("assets", FindingState.FAIL, "[none]", "get [some]"),
            Finding("disk", FindingState.WARN, "1 GB", "free some"),
        ]

    monkeypatch.setattr(diagnosis, "examine_machine", examine)
    assert main(["doctor", "--json"]) == 3
    text = capsys.readouterr()
    answer = json.loads(text.out)
    assert not answer["ok"]
    assert [finding["state"] for finding in answer["findings"]] == ["ok", "fail", "warn"]
    assert "-> get [some]" in text.err
    assert "1 to fix: assets" in text.err


def test_this_machine_is_described() -> None:
    names = []
    for look in (
        diagnosis._check_python,
        diagnosis._check_mujoco,
        diagnosis._check_libero,
        diagnosis._check_cores,
        diagnosis._check_disk,
    ):
        finding = look()
        names.append(finding.name)
        assert finding.state is not FindingState.FAIL
        assert finding.found
    assert names == ["Python", "MuJoCo", "LIBERO", "cores", "disk"]
