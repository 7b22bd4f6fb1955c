"""Dispatch: what holds libraries still reaches them, and a machine below the level is told so."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from aegis.core.errors import MachineError
from aegis.host import dispatch
from aegis.host.dispatch import build_dispatch

FOUND = """
import json, os
from numpy._core._multiarray_umath import __cpu_features__
from threadpoolctl import threadpool_info
import torch
cores = [one["architecture"] for one in threadpool_info() if one["internal_api"] == "openblas"]
wide = [name for name in ("AVX512F", "X86_V4", "AVX512_SKX") if __cpu_features__.get(name)]
level = __cpu_features__.get("X86_V3", __cpu_features__["AVX2"])
lowered = [name for name in ("GALLIUM_OVERRIDE_CPU_CAPS", "GLIBC_TUNABLES") if os.environ[name]]
print(json.dumps([cores, torch.backends.cpu.get_cpu_capability(), wide, level, lowered]))
"""


def test_nothing_is_held_where_it_is_not_asked_for() -> None:
    assert build_dispatch(False) == {}


HELD = """
import os, subprocess, sys
from aegis.host.dispatch import build_dispatch
words = [sys.executable, "-W", "error::RuntimeWarning", "-c", sys.argv[1]]
subprocess.run(words, env={**os.environ, **build_dispatch(True)}, check=True)
"""
SUPPORTED = [name for name in dispatch.__cpu_dispatch__ if dispatch.__cpu_features__[name]]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"NPY_DISABLE_CPU_FEATURES": ",".join(SUPPORTED)},
        {"NPY_ENABLE_CPU_FEATURES": ",".join(SUPPORTED)},
        {"OPENBLAS_CORETYPE": "Nehalem", "ATEN_CPU_CAPABILITY": "default"},
        {"GALLIUM_OVERRIDE_CPU_CAPS": "sse2", "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA"},
    ],
    ids=lambda environment: "+".join(environment) or "none",
)
def test_libraries_are_held_at_the_level_whatever_the_user_wished(
    environment: dict[str, str],
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HELD, FOUND],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    cores, capability, wide, level, lowered = json.loads(done.stdout)
    assert level
    assert not lowered
    assert cores
    assert set(cores) == {"Haswell"}
    assert capability == "AVX2"
    assert "AVX512_SKX" not in wide
    assert "X86_V4" not in wide


@pytest.mark.parametrize(
    ("machine", "missing", "says"),
    [
        ("x86_64", "AVX2", "This machine is x86_64 without AVX2"),
        ("x86_64", "FMA3", "This machine is x86_64 without FMA3"),
        ("aarch64", "", "This machine is aarch64"),
    ],
)
def test_a_machine_below_the_level_is_told_so(
    machine: str, missing: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = {**dispatch.__cpu_features__, **({missing: False} if missing else {})}
    monkeypatch.setattr(dispatch, "__cpu_features__", features)
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(MachineError, match=f"{says}.*Set portable=false"):
        build_dispatch(True)
    assert build_dispatch(False) == {}


def test_only_loops_that_numpy_has_are_named() -> None:
    names = build_dispatch(True)["NPY_ENABLE_CPU_FEATURES"].split(",")
    assert set(names) <= {*dispatch.__cpu_dispatch__, ""}


def test_tunables_that_change_no_bit_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.arena_max=2:glibc.cpu.hwcaps=-FMA")
    assert build_dispatch(True)["GLIBC_TUNABLES"] == "glibc.malloc.arena_max=2"


def test_wishes_of_the_user_are_part_of_a_machines_class() -> None:
    plain = dispatch.describe_cpu({})
    assert dispatch.describe_cpu({"OPENBLAS_CORETYPE": "Zen"}) == f"{plain}, OPENBLAS_CORETYPE=Zen"
    assert dispatch.describe_cpu({"OPENBLAS_CORETYPE": "", "HOME": "/"}) == plain
