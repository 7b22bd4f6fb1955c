"""Looks at the machine: what is there, what is missing, and how to mend it."""

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

EGL_PACKAGES = "libegl1 libopengl0 libgl1 libgl1-mesa-dri"
LEAST_DISK = 5  # [GB]
LEAST_MEMORY = 4  # [GB]

# Runs in a process of its own: a broken driver may crash it.
_RENDER = """
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


class State(Enum):
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
    state: State
    found: str
    mend: str = ""


def examine(extra: Sequence[Callable[[], Finding]] = ()) -> Iterator[Finding]:
    """Yields findings about the machine, then those of ``extra``."""
    yield _python()
    yield _torch()
    yield _mujoco()
    yield render(os.environ.get("MUJOCO_GL", "egl"))
    yield _libero()
    yield _cores()
    yield _memory()
    yield _disk()
    for look in extra:
        yield look()


def render(backend: str, timeout: float = 120) -> Finding:
    """Renders a picture in another process.

    Args:
        backend: ``egl``, ``osmesa`` or ``glfw``.
        timeout: After which the driver counts as hung [s].
    """
    name = f"rendering ({backend})"
    environment = {**os.environ, "MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}
    try:
        run = subprocess.run(
            [sys.executable, "-c", _RENDER],
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Finding(name, State.FAIL, f"no picture after {timeout:.0f} s", _mend_gl(backend))
    if run.returncode != 0:
        return Finding(name, State.FAIL, _why(run.returncode, run.stderr), _mend_gl(backend))
    answer = json.loads(run.stdout.splitlines()[-1])
    if not answer["bright"]:
        return Finding(name, State.FAIL, f"{answer['renderer']}: black picture", _mend_gl(backend))
    return Finding(name, State.OK, answer["renderer"])


def _why(code: int, stderr: str) -> str:
    if code < 0:
        return f"crashed (signal {-code})"
    lines = [line for line in stderr.splitlines() if line.strip()]
    return lines[-1].strip()[:160] if lines else f"exit code {code}"


def _mend_gl(backend: str) -> str:
    if backend != "egl":
        return "unset MUJOCO_GL to use EGL, which needs no display"
    root = "" if os.geteuid() == 0 else "sudo "
    return f"{root}apt-get update && {root}apt-get install -y {EGL_PACKAGES}"


def _python() -> Finding:
    # An older one could not have imported this file.
    found = f"{platform.python_version()} in {sys.prefix}"
    return Finding("Python", State.OK, found)


def _torch() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("torch", State.FAIL, "missing", "make setup")
    import torch

    device = "cpu"
    if torch.cuda.is_available():
        device = f"cuda ({torch.cuda.get_device_name(0)})"
    return Finding("torch", State.OK, f"{torch.__version__}, {device}")


def _mujoco() -> Finding:
    return _packages("MuJoCo", ("mujoco",))


def _libero() -> Finding:
    finding = _packages("LIBERO", ("hf-libero", "robosuite", "bddl"))
    if finding.state is not State.OK:
        return finding
    spec = importlib.util.find_spec("libero")  # Located only: importing it asks questions.
    folders = [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
    tasks = [file for place in folders for file in place.glob("libero/bddl_files/*/*.bddl")]
    if not tasks:
        return Finding("LIBERO", State.FAIL, f"{finding.found}; no task files", "make setup")
    return Finding("LIBERO", State.OK, f"{finding.found}; {len(tasks)} tasks")


def _packages(name: str, packages: Sequence[str]) -> Finding:
    found, missing = [], []
    for package in packages:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        return Finding(name, State.FAIL, f"missing: {', '.join(missing)}", "make setup")
    return Finding(name, State.OK, ", ".join(found))


def _cores() -> Finding:
    cores = len(os.sched_getaffinity(0))
    if cores < 2:
        return Finding("cores", State.WARN, str(cores), "it works, slowly; 2 or more are better")
    return Finding("cores", State.OK, str(cores))


def _memory() -> Finding:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    mend = "" if size >= LEAST_MEMORY else "run with workers=1 slots=2"
    return Finding("memory", State.WARN if mend else State.OK, f"{size:.0f} GB", mend)


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    mend = "" if free >= LEAST_DISK else f"free {LEAST_DISK} GB; runs/ may hold old runs"
    return Finding("disk", State.WARN if mend else State.OK, f"{free:.0f} GB free here", mend)
