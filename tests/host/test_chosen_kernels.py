"""What libraries chose is read from the libraries, and only from those that are loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

READ = """
import json, sys
for name in sys.argv[1:]:
    __import__(name)
from aegis.host.chosen_kernels import describe_kernels
print(json.dumps(describe_kernels()))
"""


def read_kernels(*modules: str, **environment: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", READ, *modules],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    assert all(isinstance(choice, str) and choice for choice in found.values())
    return found


@pytest.mark.parametrize("core", ["Haswell", "Nehalem"])
def test_the_core_type_is_the_one_that_was_chosen(core: str) -> None:
    found = read_kernels("numpy", OPENBLAS_CORETYPE=core)
    assert found["openblas"] == core
    assert found["numpy"]
    assert not {"aten", "llvm"} & set(found)


def test_torch_and_numba_say_what_they_chose() -> None:
    found = read_kernels("torch", "numba", ATEN_CPU_CAPABILITY="default", NUMBA_CPU_NAME="generic")
    assert (found["aten"], found["llvm"]) == ("DEFAULT", "generic")
