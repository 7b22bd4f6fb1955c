"""Diagnosis: what this machine has and lacks, and how to fix it."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from aegis.app.extras import find_install_command
from aegis.core.errors import MachineError
from aegis.host.folders import CACHE_VARIABLE, find_cache_folder, make_writable, name_cache_folder
from aegis.host.rendering import choose_rendering, suggest_remedy
from aegis.records.provenance import MISSING, count_cores, read_memory, read_version

EGL_PACKAGES = "libegl1 libopengl0 libgl1 libgl1-mesa-dri"
MIN_DISK_GB = 5  # [GB]
MIN_MEMORY_GB = 4  # [GB]

# Runs in a process of its own: a broken driver may crash it. It imports the backend by name,
# because MuJoCo itself swallows errors there.
_RENDER_SCRIPT = """
import importlib, json, sys
def draw():
    import mujoco
    importlib.import_module("mujoco." + sys.argv[1])
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><light pos="0 0 3"/><geom size=".3" rgba="1 0 0 1"/></worldbody>'
        '</mujoco>')
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    with mujoco.Renderer(model, 16, 16) as renderer:
        renderer.update_scene(data)
        picture = renderer.render()
        from OpenGL import GL
        name = GL.glGetString(GL.GL_RENDERER).decode()
    return {"renderer": name, "bright": int(picture.max())}
try:
    answer = draw()
except Exception as error:
    answer = {"error": f"{type(error).__name__}: {error}"}
print(json.dumps(answer))
"""


class FindingState(Enum):
    """Severity of a finding."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        name: Subject of the finding.
        state: Severity; ``FAIL`` where AEGIS cannot work without it.
        found: What the machine has.
        fix: Remedy; empty where none is needed.
    """

    name: str
    state: FindingState
    found: str
    fix: str = ""


def examine_machine(further_checks: Sequence[Callable[[], Finding]] = ()) -> Iterator[Finding]:
    """Yields findings about the machine, then those of ``extra``."""
    yield _check_python()
    yield _check_torch()
    yield _check_mujoco()
    yield check_rendering()
    yield _check_libero()
    yield _check_cores()
    yield _check_memory()
    yield _check_disk()
    yield _check_cache()
    for check in further_checks:
        yield check()


def check_rendering(environ: Mapping[str, str] | None = None, timeout: float = 120) -> Finding:
    """Renders a picture in another process, in the environment that runs get.

    Args:
        environ: Environment variables; by default, those of this process.
        timeout: Time after which the driver counts as hung [s].
    """
    environ = os.environ if environ is None else environ
    choice = choose_rendering(environ)
    name = f"rendering ({choice.backend})"
    if choice.problem:
        return Finding(name, FindingState.FAIL, "no pictures can be drawn", choice.problem)
    try:
        run = subprocess.run(
            [sys.executable, "-c", _RENDER_SCRIPT, choice.backend],
            env={**environ, **choice.changes},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        found, drawn = _read_answer(run)
    except subprocess.TimeoutExpired:
        found, drawn = f"no picture after {timeout:.0f} s", False
    if drawn:
        return Finding(name, FindingState.OK, found)
    root = "" if os.geteuid() == 0 else "sudo "
    install = f"{root}apt-get update && {root}apt-get install -y"
    remedy = suggest_remedy(environ, choice.backend, install)
    return Finding(name, FindingState.FAIL, found, remedy)


def _read_answer(run: subprocess.CompletedProcess[str]) -> tuple[str, bool]:
    """Returns the answer of the process in words, and whether it drew a picture."""
    if run.returncode < 0:
        return f"crashed (signal {-run.returncode})", False
    if run.returncode:
        lines = [line for line in run.stderr.splitlines() if line.strip()]
        return lines[-1].strip()[:160] if lines else f"exit code {run.returncode}", False
    answer = json.loads(run.stdout.splitlines()[-1])
    if "error" in answer:
        return " ".join(answer["error"].split())[:160], False
    if not answer["bright"]:
        return f"{answer['renderer']}: black picture", False
    return answer["renderer"], True


def _check_python() -> Finding:
    # An older one could not have imported this file.
    found = f"{platform.python_version()} in {sys.prefix}"
    return Finding("Python", FindingState.OK, found)


def _check_torch() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("torch", FindingState.FAIL, "missing", _describe_fix("torch"))
    import torch

    device = "cpu"
    if torch.cuda.is_available():
        device = f"cuda ({torch.cuda.get_device_name(0)})"
    return Finding("torch", FindingState.OK, f"{torch.__version__}, {device}")


def _check_mujoco() -> Finding:
    return _check_packages("MuJoCo", ("mujoco",), "mujoco")


def _check_libero() -> Finding:
    finding = _check_packages("LIBERO", ("hf-libero", "robosuite", "bddl"), "libero")
    if finding.state is not FindingState.OK:
        return finding
    spec = importlib.util.find_spec("libero")  # Located only: importing it asks questions.
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()] if spec else []
    tasks = [file for folder in folders for file in folder.glob("libero/bddl_files/*/*.bddl")]
    if not tasks:
        return Finding(
            "LIBERO", FindingState.FAIL, f"{finding.found}; no task files", _describe_fix("libero")
        )
    return Finding("LIBERO", FindingState.OK, f"{finding.found}; {len(tasks)} tasks")


def _check_packages(name: str, packages: Sequence[str], module: str) -> Finding:
    versions = {package: read_version(package) for package in packages}
    missing = [package for package, version in versions.items() if version == MISSING]
    if missing:
        return Finding(
            name, FindingState.FAIL, f"missing: {', '.join(missing)}", _describe_fix(module)
        )
    found = ", ".join(f"{package} {version}" for package, version in versions.items())
    return Finding(name, FindingState.OK, found)


def _describe_fix(module: str) -> str:
    return f"make setup; without a clone: {find_install_command(module)}"


def _check_cores() -> Finding:
    cores = count_cores()
    if cores < 2:
        return Finding(
            "cores", FindingState.WARN, str(cores), "AEGIS works, but slowly; 2 or more are better"
        )
    return Finding("cores", FindingState.OK, str(cores))


def _check_memory() -> Finding:
    size = read_memory() / 1e9
    fix = "" if size >= MIN_MEMORY_GB else "run with workers=1 slots=2"
    return Finding("memory", FindingState.WARN if fix else FindingState.OK, f"{size:.0f} GB", fix)


def _check_disk() -> Finding:
    try:
        folder = Path.cwd()
        free = shutil.disk_usage(folder).free / 1e9
    except OSError as error:
        return Finding("disk", FindingState.WARN, str(error), "change to a folder that exists")
    if not make_writable(folder):
        fix = "results go to runs/ in the working folder: change to a writable folder"
        return Finding("disk", FindingState.WARN, f"{folder} cannot be written to", fix)
    fix = "" if free >= MIN_DISK_GB else f"free {MIN_DISK_GB} GB; runs/ may hold old runs"
    return Finding(
        "disk", FindingState.WARN if fix else FindingState.OK, f"{free:.0f} GB free here", fix
    )


def _check_cache() -> Finding:
    wanted = name_cache_folder()
    try:
        used = find_cache_folder()
    except MachineError as error:
        return Finding("cache", FindingState.FAIL, "no folder can be written to", str(error))
    if used == wanted:
        return Finding("cache", FindingState.OK, str(used))
    found = f"{used}, because {wanted or 'the home folder (HOME is not set)'} cannot be written to"
    fix = f"set HOME, or {CACHE_VARIABLE}=/some/folder, to keep scenes and compiled code"
    return Finding("cache", FindingState.WARN, found, fix)
