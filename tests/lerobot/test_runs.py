"""Both roles in the real world: tiny policies of LeRobot drive LIBERO's robot, here and served."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aegis.records.store import RunTables
from tests.app.typed import type_in
from tests.lerobot.conftest import MakePolicy

pytestmark = pytest.mark.lerobot
TAPS = ("expert:mean", "expert.2:mean@steps")
SHORT = ("portable=false", "env.horizon=12", "tasks=[0]", "units=1", "workers=1", "weak.batch=2")


def name_weak(checkpoints: dict[str, Path]) -> list[str]:
    taps = ",".join(f'"{tap}"' for tap in TAPS)
    folder = f"weak.folder={checkpoints['smolvla']}"
    return ["weak=lerobot", folder, f"weak.taps=[{taps}]", "weak.mirror=true"]


def test_weak_and_strong_take_turns(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    strong = [
        "strong=lerobot",
        f"strong.folder={checkpoints['act']}",
        "strong.batch=2",
        "strong.mirror=true",
    ]
    # What is decided at one boundary drives from the next one on.
    gate = ["detector=null", "gate=blind", "gate.start_tick=0", "gate.holds=[1]", "switch=stay"]
    words = [*SHORT, *name_weak(checkpoints), *strong, *gate]
    type_in(tmp_path, "run", "name=both", *words)
    steps = RunTables.read_folder(tmp_path / "runs" / "both").read_steps()
    assert steps.column("active").to_pylist() == ["weak"] * 8 + ["strong"] * 4


def test_activations_and_history(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """The same folder in the collecting role; and a policy that looks back, at the real robot."""
    collected = type_in(tmp_path, "collect", "name=mine", *SHORT, *name_weak(checkpoints))
    assert collected["layers"] == list(TAPS)
    features = RunTables.read_folder(tmp_path / "runs" / "mine").read_features().to_pylist()
    widths = {row["layer"]: len(row["vector"]) for row in features}
    assert widths == {"expert:mean": 48, "expert.2:mean@steps": 3 * 48}
    back = [
        "weak=lerobot",
        f"weak.folder={checkpoints['diffusion2']}",
        "weak.execute=4",
        "weak.mirror=true",
    ]
    type_in(tmp_path, "collect", "name=back", *SHORT, *back)
    steps = RunTables.read_folder(tmp_path / "runs" / "back").read_steps()
    assert len(steps) == 12


@contextmanager
def serve(place: Path, *words: str) -> Iterator[str]:
    """Serves a policy in a process of its own; yields its address."""
    command = [sys.executable, "-m", "aegis", "serve", "port=0", *words]
    process = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("serving "), line
        yield "ws://127.0.0.1:" + line.partition("127.0.0.1:")[2].partition(";")[0]
    finally:
        process.terminate()
        process.wait(60)


def test_a_served_policy_answers_as_it_does_here(
    checkpoints: dict[str, Path], make_policy: MakePolicy, tmp_path: Path
) -> None:
    from policies.openpi.policy import OpenpiPolicy
    from policies.views import View

    keys = {"agentview": "observation/image", "wrist": "observation/wrist_image"}
    views = [View(camera, key, (64, 64), True) for camera, key in keys.items()]
    local = make_policy("smolvla", batch=2, taps=["expert:mean"])
    query = local.make_example(3)
    (want,) = local.propose([query])
    words = ["policy=lerobot", f"policy.folder={checkpoints['smolvla']}", "policy.batch=2"]
    words.append("policy.mirror=true")
    with serve(tmp_path, *words, 'policy.taps=["expert:mean"]') as url:
        remote = OpenpiPolicy("weak", url, views=views, horizon=16, execute=8, dimensions=7)
        assert remote.spec.horizon == local.spec.horizon
        (got,) = remote.propose([query])
        remote.close()
    assert got is not None
    assert got.actions.tobytes() == want.actions.tobytes()
    assert got.features["expert:mean"].tobytes() == want.features["expert:mean"].tobytes()
