"""Diagnosis: what this machine has and lacks, and how to fix it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from aegis.app.extras import find_cure

EGL_PACKAGES = "libegl1 libopengl0 libgl1 libgl1-mesa-dri"
MIN_DISK_GB = 5  # [GB]
MIN_MEMORY_GB = 4  # [GB]

# Runs in a process of its own: a broken driver may crash it.
_RENDER_SCRIPT = """
import json, mujoco
model = mujoco.MjModel.from_xml_string(
    '<mujoco><worldbody><light pos="0 0 3"/><geom size=".3" rgba="1 0 0 1"/></worldbody></mujoco>')
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
with mujoco.Renderer(model, 16, 16) as renderer:
    renderer.update_scene(data)
    picture = renderer.render()
    from OpenGL import GL
    name = GL.glGetString(GL.GL_RENDERER).decode()
print(json.dumps({"renderer": name, "bright": int(picture.max())}))
"""


class FindingState(Enum):
    """How a finding is to be taken."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        name: What was looked at.
        state: ``FAIL`` when AEGIS cannot work without it.
        found: What is there.
        mend: What to do; empty if all is well.
    """

    name: str
    state: FindingState
    found: str
    mend: str = ""


def examine_machine(extra: Sequence[Callable[[], Finding]] = ()) -> Iterator[Finding]:
    """Yields findings about the machine, then those of ``extra``."""
    yield _check_python()
    yield _check_torch()
    yield _check_mujoco()
    yield check_rendering(os.environ.get("MUJOCO_GL", "egl"))
    yield _check_libero()
    yield _check_cores()
    yield _check_memory()
    yield _check_disk()
    for look in extra:
        yield look()


def check_rendering(backend: str, timeout: float = 120) -> Finding:
    """Renders a picture in another process.

    Args:
        backend: ``egl``, ``osmesa`` or ``glfw``.
        timeout: After which the driver counts as hung [s].
    """
    name = f"rendering ({backend})"
    environment = {**os.environ, "MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}
    try:
        run = subprocess.run(
            [sys.executable, "-c", _RENDER_SCRIPT],
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Finding(
            name, FindingState.FAIL, f"no picture after {timeout:.0f} s", _suggest_gl_fix(backend)
        )
    if run.returncode != 0:
        return Finding(
            name,
            FindingState.FAIL,
            _explain_exit(run.returncode, run.stderr),
            _suggest_gl_fix(backend),
        )
    answer = json.loads(run.stdout.splitlines()[-1])
    if not answer["bright"]:
        return Finding(
            name,
            FindingState.FAIL,
            f"{answer['renderer']}: black picture",
            _suggest_gl_fix(backend),
        )
    return Finding(name, FindingState.OK, answer["renderer"])


def _explain_exit(code: int, stderr: str) -> str:
    if code < 0:
        return f"crashed (signal {-code})"
    lines = [line for line in stderr.splitlines() if line.strip()]
    return lines[-1].strip()[:160] if lines else f"exit code {code}"


def _suggest_gl_fix(backend: str) -> str:
    if backend != "egl":
        return "unset MUJOCO_GL to use EGL, which needs no display"
    root = "" if os.geteuid() == 0 else "sudo "
    return f"{root}apt-get update && {root}apt-get install -y {EGL_PACKAGES}"


def _check_python() -> Finding:
    # An older one could not have imported this file.
    found = f"{platform.python_version()} in {sys.prefix}"
    return Finding("Python", FindingState.OK, found)


def _check_torch() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("torch", FindingState.FAIL, "missing", _describe_cure("torch"))
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
    folders = [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
    tasks = [file for place in folders for file in place.glob("libero/bddl_files/*/*.bddl")]
    if not tasks:
        return Finding(
            "LIBERO", FindingState.FAIL, f"{finding.found}; no task files", _describe_cure("libero")
        )
    return Finding("LIBERO", FindingState.OK, f"{finding.found}; {len(tasks)} tasks")


def _check_packages(name: str, packages: Sequence[str], module: str) -> Finding:
    found, missing = [], []
    for package in packages:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        return Finding(
            name, FindingState.FAIL, f"missing: {', '.join(missing)}", _describe_cure(module)
        )
    return Finding(name, FindingState.OK, ", ".join(found))


def _describe_cure(module: str) -> str:
    return f"make setup; without a clone: {find_cure(module)}"


def _check_cores() -> Finding:
    cores = len(os.sched_getaffinity(0))
    if cores < 2:
        return Finding(
            "cores", FindingState.WARN, str(cores), "it works, slowly; 2 or more are better"
        )
    return Finding("cores", FindingState.OK, str(cores))


def _check_memory() -> Finding:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    mend = "" if size >= MIN_MEMORY_GB else "run with workers=1 slots=2"
    return Finding("memory", FindingState.WARN if mend else FindingState.OK, f"{size:.0f} GB", mend)


def _check_disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    mend = "" if free >= MIN_DISK_GB else f"free {MIN_DISK_GB} GB; runs/ may hold old runs"
    return Finding(
        "disk", FindingState.WARN if mend else FindingState.OK, f"{free:.0f} GB free here", mend
    )
