"""A run whose strong policy is behind a wire: the same tables, also after its server died."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from aegis.core.protocols import Query
from aegis.core.types import F32
from aegis.records.store import RunTables
from aegis.serve.access import Access
from policies.adapter import Inference
from tests.app.typed import type_in
from tests.serve.toys import KEYS, SIDE, SeeingPolicy, serve_policy

TABLES = ("episodes.parquet", "steps.parquet")
UNITS = 12
RUN = f"""
env: {{_target_: tests.fakes.ToyWorld, horizon: 24}}
start: {{family: wide, split: test, offset: 0}}
weak: {{_target_: tests.serve.toys.SeeingPolicy, name: weak}}
strong: STRONG
gate: {{_target_: aegis.gates.schedule.ScheduleGate, start_tick: 4, holds: [2]}}
switch: {{_target_: aegis.gates.switch.HysteresisSwitch, release: -.inf, hold_chunks: 1}}
first: weak
name: NAME
seed: 0
tasks: [0, 1, 2]
units: {UNITS}
patience: 3
workers: 1
slots: 4
batch_dependent: false
absent: refuse
trusted: [tests]
"""
LOCAL = "{_target_: tests.serve.toys.SeeingPolicy, name: strong}"
VIEWS = ", ".join(
    f"{{_target_: policies.views.View, camera: {camera}, key: {key}, "
    f"size: [{SIDE}, {SIDE}], mirror: true}}"
    for camera, key in KEYS.items()
)
REMOTE = (
    "{_target_: policies.openpi.policy.OpenpiPolicy, name: strong, url: URL, sockets: SOCKETS, "
    f"horizon: 8, execute: 4, dimensions: 3, views: [{VIEWS}]}}"
)


def write_run(place: Path, name: str, strong: str) -> None:
    (place / "configs").mkdir(exist_ok=True)
    text = RUN.replace("STRONG", strong).replace("NAME", name)
    (place / "configs" / "run.yaml").write_text(text)


def run(place: Path, name: str, strong: str, code: int = 0) -> str:
    write_run(place, name, strong)
    return str(type_in(place, "run", code=code)["said"])


def read_tables(place: Path, name: str) -> list[bytes]:
    return [(place / "runs" / name / table).read_bytes() for table in TABLES]


class Mortal(SeeingPolicy):
    """Tells somebody when it has answered a number of questions."""

    def __init__(self, questions: int) -> None:
        super().__init__()
        self.left, self.dead = questions, threading.Event()

    def infer(self, rows: Sequence[Query], noise: F32) -> Inference:
        self.left -= len(rows)
        if self.left <= 0:
            self.dead.set()
        return super().infer(rows, noise)


def serve_until_dead(policy: Mortal, ready: threading.Event, ports: list[int]) -> None:
    with serve_policy(policy, wait=0.001) as (url, _):
        ports.append(int(url.rpartition(":")[2]))
        ready.set()
        policy.dead.wait(60)


def test_tables_are_those_of_a_local_run_also_after_the_server_died(tmp_path: Path) -> None:
    run(tmp_path, "local", LOCAL)
    local = read_tables(tmp_path, "local")
    ready, ports = threading.Event(), list[int]()
    thread = threading.Thread(target=serve_until_dead, args=(Mortal(9), ready, ports))
    thread.start()
    assert ready.wait(20)
    strong = REMOTE.replace("URL", f"ws://127.0.0.1:{ports[0]}").replace("SOCKETS", "16")
    said = run(tmp_path, "killed", strong, code=3)
    thread.join(20)
    assert f"Policy 'strong' at ws://127.0.0.1:{ports[0]}" in said
    assert "run the same command" in said
    with serve_policy(access=Access("127.0.0.1", ports[0]), wait=0.001) as (_, server):
        run(tmp_path, "killed", strong)
        assert server.counts["answered"]
    assert read_tables(tmp_path, "killed") == local


def start_nano(place: Path, port: int) -> tuple[subprocess.Popen[str], int]:
    """Starts `aegis serve`; returns the process and its port."""
    words = [sys.executable, "-m", "aegis", "serve", "policy=nano_strong", f"port={port}"]
    process = subprocess.Popen(words, cwd=place, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("serving policy "), line
    return process, int(line.partition("127.0.0.1:")[2].partition(";")[0])


@pytest.mark.slow
def test_real_policies_over_the_wire_have_the_rows_that_they_have_here(tmp_path: Path) -> None:
    """With as many sockets as questions; the server is killed in the middle, and started again."""
    few = ["units=4", "tasks=[0,3]", "gate=blind", "gate.start_tick=10", "workers=1"]
    few += ["env.horizon=60", "env.assets=builtin", "gate.holds=[1000]", "slots=1"]
    type_in(tmp_path, "run", "name=local", *few)
    local = RunTables.read_folder(tmp_path / "runs" / "local")
    process, port = start_nano(tmp_path, 0)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
        assert answer.read() == b"OK\n"
    far = ["strong=openpi", f"strong.url=ws://127.0.0.1:{port}", "strong.sockets=16"]
    killer = threading.Thread(target=kill_after_episode, args=(tmp_path, process))
    killer.start()
    said = type_in(tmp_path, "run", "name=far", *few, *far, code=3)["said"]
    killer.join(60)
    assert "is not there any more" in said
    kept = count_episodes(tmp_path)
    assert 0 < kept < 4
    process, _ = start_nano(tmp_path, port)
    try:
        type_in(tmp_path, "run", "name=far", *few, *far)
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    for table in TABLES:
        here, there = (tmp_path / "runs" / name / table for name in ("local", "far"))
        assert here.read_bytes() == there.read_bytes()
    assert np.mean([row.strong_steps for row in local.episodes]) > 0


def count_episodes(place: Path) -> int:
    return len(list((place / "runs" / "far" / "parts").rglob("*.parquet")))


def kill_after_episode(place: Path, process: subprocess.Popen[str]) -> None:
    for _ in range(3000):
        if count_episodes(place):
            break
        threading.Event().wait(0.02)
    process.kill()
    process.wait(30)
