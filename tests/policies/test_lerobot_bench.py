"""The bench of LeRobot's policies reads the clock when the device is done, and says which clock."""

from __future__ import annotations

import pytest
import torch

from aegis.core.errors import MachineError
from policies.lerobot.bench import VlaContest, build_contests

CHUNK = torch.zeros(1, 2, 3)


def test_a_gpu_is_waited_for_on_both_sides_of_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    times = iter(range(100))

    def read_clock() -> float:
        done.append("clock")
        return float(next(times))

    def compute() -> torch.Tensor:
        done.append("work")
        return CHUNK

    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: done.append(str(device)))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3 * 1024**2)
    monkeypatch.setattr("policies.lerobot.bench.time.perf_counter", read_clock)
    contest = VlaContest("chunk", "theirs", compute, compute, "cuda:1", {})
    contest.run_ours()
    assert done == ["cuda:1", "clock", "work", "cuda:1", "clock"]
    contest.run_reference()
    facts = contest.collect_facts()
    assert (facts["measure"], facts["ratio"], facts["peak_gpu_memory_mb"]) == ("wall", 1.0, 3.0)


def test_on_a_cpu_the_ratio_is_left_to_cpu_time() -> None:
    contest = VlaContest("chunk", "theirs", lambda: CHUNK, lambda: CHUNK, "cpu", {})
    contest.run_ours()
    contest.run_reference()
    facts = contest.collect_facts()
    assert facts["measure"] == "CPU time"
    assert "ratio" not in facts
    assert facts["equal"]


def test_without_lerobot_the_bench_says_how_it_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MachineError, match=r"\.venv-lerobot/bin/aegis bench vla") as caught:
        build_contests(None, "tiny", [], 1, 1, "cpu", 1)
    assert "openpi" not in str(caught.value)
