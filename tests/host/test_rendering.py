"""The choice of OpenGL agrees with what MuJoCo and PyOpenGL make of the same variables."""

from __future__ import annotations

import itertools
import os
import sys
import types
from pathlib import Path

import mujoco
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.core.errors import MachineError
from aegis.host.rendering import (
    DEVICE_VARIABLE,
    MUJOCO_VARIABLE,
    PYOPENGL_VARIABLE,
    apply_rendering,
    choose_rendering,
    require_importable,
    suggest_remedy,
)

GL = [None, "", " ", "egl", "EGL", " egl ", "osmesa", "OSMesa", "glfw", "GLX", "glx", "1", "On"]
GL += ["enable", "enabled", "true", "off", "OFF", "disable", "Disabled", "false", "0"]
GL += ["vulkan", "cgl", "wgl", "elg", "none", "egl,osmesa"]
PLATFORM = [None, "", "egl", "EGL", "egl ", "osmesa", "OSMESA", "glx", "linux", "x11", "wayland"]
DISPLAY = [None, "", ":0"]
ENVIRONS = [
    {k: v for k, v in zip((MUJOCO_VARIABLE, PYOPENGL_VARIABLE, "DISPLAY"), values) if v is not None}  # noqa: B905
    for values in itertools.product(GL, PLATFORM, DISPLAY)
]
SOURCE = Path(mujoco.__file__).parent / "rendering/classic/gl_context.py"


def ask_mujoco(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs MuJoCo's own choice, with modules in place of its backends that only have names."""
    for backend in ("egl", "osmesa", "glfw"):
        stand_in = types.ModuleType(f"mujoco.{backend}")
        stand_in.GLContext = backend  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, f"mujoco.{backend}", stand_in)
    for name in (MUJOCO_VARIABLE, PYOPENGL_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    namespace: dict[str, object] = {}
    try:
        exec(compile(SOURCE.read_text(), str(SOURCE), "exec"), namespace)
    except RuntimeError:
        return "refused"
    return str(namespace.get("GLContext", "off"))


@pytest.mark.skipif(sys.platform != "linux", reason="MuJoCo chooses otherwise on other systems")
def test_mujoco_does_what_was_chosen() -> None:
    for environ in ENVIRONS:
        choice = choose_rendering(environ)
        with pytest.MonkeyPatch.context() as monkeypatch:
            chosen = ask_mujoco({**environ, **choice.changes}, monkeypatch)
        assert choice.importable == (chosen != "refused"), environ
        if not choice.problem:
            assert chosen == choice.backend, environ


def test_pyopengl_gets_the_same_in_its_own_spelling() -> None:
    for environ in ENVIRONS:
        choice = choose_rendering(environ, "Linux")
        after = {**environ, **choice.changes}
        if choice.backend in ("egl", "osmesa") and not choice.problem:
            assert after[PYOPENGL_VARIABLE] == choice.backend  # it knows no capitals, no blanks


def test_what_the_user_chose_is_kept() -> None:
    for environ in ENVIRONS:
        for name, value in choose_rendering(environ, "Linux").changes.items():
            given = environ.get(name, "").lower().strip()
            assert given in ("", value), environ


def test_a_second_choice_changes_nothing() -> None:
    for environ in ENVIRONS:
        first = choose_rendering(environ, "Linux")
        second = choose_rendering({**environ, **first.changes}, "Linux")
        assert not second.changes
        assert (second.backend, bool(second.problem)) == (first.backend, bool(first.problem))


def test_without_a_choice_it_is_egl() -> None:
    for display in ({}, {"DISPLAY": ":0"}, {"WAYLAND_DISPLAY": "wayland-0"}):
        choice = choose_rendering(display, "Linux")
        assert choice.changes == {MUJOCO_VARIABLE: "egl", PYOPENGL_VARIABLE: "egl"}
        assert choose_rendering({**display, MUJOCO_VARIABLE: ""}, "Linux").backend == "egl"


@given(st.dictionaries(st.sampled_from([MUJOCO_VARIABLE, PYOPENGL_VARIABLE]), st.text(max_size=8)))
@settings(deadline=None)
def test_any_text_is_read(environ: dict[str, str]) -> None:
    choice = choose_rendering(environ, "Linux")
    if choice.problem:
        assert MUJOCO_VARIABLE in choice.problem
        assert suggest_remedy(environ, choice.backend) == choose_rendering(environ).problem


def test_contradictions_name_both_and_the_cure() -> None:
    environ = {MUJOCO_VARIABLE: "egl", PYOPENGL_VARIABLE: "osmesa"}
    problem = choose_rendering(environ, "Linux").problem
    assert "MUJOCO_GL=egl and PYOPENGL_PLATFORM=osmesa contradict" in problem
    assert "Unset PYOPENGL_PLATFORM" in problem
    left_over = choose_rendering({PYOPENGL_VARIABLE: "glx"}, "Linux").problem
    assert "MUJOCO_GL (not set), PYOPENGL_PLATFORM=glx" in left_over


def test_unknown_values_are_refused_with_the_allowed_ones() -> None:
    choice = choose_rendering({MUJOCO_VARIABLE: "osmsa"}, "Linux")
    assert "Did you mean 'osmesa'" in choice.problem
    with pytest.raises(MachineError, match="Allowed: egl, osmesa, glfw, glx, off"):
        require_importable(choice)
    assert not choose_rendering({MUJOCO_VARIABLE: "egl"}, "Darwin").importable
    assert choose_rendering({}, "Darwin").backend == "cgl"
    assert choose_rendering({}, "Windows").backend == "glfw"


def test_remedies_fit_the_cause() -> None:
    egl = {MUJOCO_VARIABLE: "egl"}
    assert "apt-get install libegl1" in suggest_remedy(egl, "egl")
    assert "sudo apt install libegl1" in suggest_remedy(egl, "egl", "sudo apt install")
    device = suggest_remedy({**egl, DEVICE_VARIABLE: "7"}, "egl")
    assert "Unset MUJOCO_EGL_DEVICE_ID (now '7')" in device
    assert "apt-get" not in device
    osmesa = suggest_remedy({MUJOCO_VARIABLE: "osmesa"}, "osmesa")
    assert "Unset MUJOCO_GL and PYOPENGL_PLATFORM" in osmesa
    assert "libosmesa6" in osmesa


def test_apply_writes_into_the_environment_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MUJOCO_VARIABLE, "EGL")
    monkeypatch.setenv(PYOPENGL_VARIABLE, "")
    apply_rendering()
    assert os.environ[MUJOCO_VARIABLE] == os.environ[PYOPENGL_VARIABLE] == "egl"
