"""A policy that computes with threads refuses in a forked child; one without them goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.policies.nano_vla_fixtures import save_tiny

SCRIPT = """
import os, sys
from aegis.core.errors import MachineError
from policies.nano_vla.policy import NanoVLA
from tests.policies.nano_vla_fixtures import make_query
policy = NanoVLA("weak", sys.argv[1], threads=int(sys.argv[2]))
wanted = policy.propose([make_query(i) for i in range(8)])
child = os.fork()
if not child:
    try:
        again = policy.propose([make_query(i) for i in range(8)])
        print(all((a.actions == b.actions).all() for a, b in zip(wanted, again)))
    except MachineError as error:
        print(error)
    sys.stdout.flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.parametrize(("threads", "says"), [(1, "True"), (2, "torch was in use")])
def test_a_fork_never_hangs(threads: int, says: str, tmp_path: Path) -> None:
    checkpoint = save_tiny(tmp_path / "tiny.safetensors")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, checkpoint, str(threads)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    assert ("spawn" in done.stdout) == (threads > 1)
