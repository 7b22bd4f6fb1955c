"""Bench of inference: `propose` on full batches against the bare forward of the same network."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch

from aegis.core.protocols import PolicySpec, Query
from aegis.core.types import EpisodeKey, Observation
from policies.bench.bare_forward import BareForward
from policies.nano_vla.config import PROPRIO_SIZE
from policies.nano_vla.engine import ComputeMode
from policies.nano_vla.policy import NanoVLA

INSTRUCTION = "pick up the black bowl on the stove and place it on the plate"


class InferenceContest:
    """Batches of new questions against the same batch without anything around it.

    On a GPU the ratio is one of wall times: the processor waits there, and does not work.

    Args:
        name: Name of the row.
        checkpoint: The network.
        mode: Where and how it is computed.
        batch: Rows per pass.
        passes: Passes per repeat.
        threads: Threads of torch.
    """

    reference = "bare forward"

    def __init__(
        self,
        name: str,
        checkpoint: str,
        mode: ComputeMode,
        batch: int,
        passes: int,
        threads: int = 1,
    ) -> None:
        self.name, self._mode, self._passes, self._threads = name, mode, passes, threads
        self._policy = NanoVLA(
            name,
            checkpoint,
            device=mode.device,
            batch=batch,
            threads=threads,
            precision=mode.precision,
            graph=mode.graph,
        )
        spec = self._policy.spec
        self._batches = [_make_queries(spec, batch, number) for number in range(passes)]
        self._bare = BareForward(checkpoint, mode, self._batches[0])
        self._walls: dict[str, list[float]] = {"ours": [], "theirs": []}
        self._policy.propose(self._batches[0])

    def run_ours(self) -> None:
        """Answers all batches."""
        with self._time_side("ours"):
            for batch in self._batches:
                self._policy.propose(batch)

    def run_reference(self) -> None:
        """Computes as many bare batches."""
        with self._time_side("theirs"):
            for _ in range(self._passes):
                self._bare.run_batch()

    def collect_facts(self) -> dict[str, Any]:
        """Returns the throughput and what the mode promises."""
        ours, theirs = (median(self._walls[side]) for side in ("ours", "theirs"))
        spec, batch = self._policy.spec, len(self._batches[0])
        ratio = {} if self._mode.device == "cpu" else {"ratio": theirs / ours}
        return {
            **ratio,
            "measure": "CPU time" if self._mode.device == "cpu" else "wall",
            "batch_invariant": spec.batch_invariant,
            "rounding": spec.rounding,
            "batch": batch,
            "passes": self._passes,
            "threads": self._threads,
            "chunks_per_second": self._passes * batch / ours,
            "bare_chunks_per_second": self._passes * batch / theirs,
        }

    def close(self) -> None:
        """Frees both networks, and gives torch its one thread back."""
        self._policy.close()
        del self._policy, self._bare
        torch.set_num_threads(1)

    def _time_side(self, side: str) -> _Stopwatch:
        torch.set_num_threads(self._threads)  # other contests are built before this one runs
        return _Stopwatch(self._walls[side].append)


class _Stopwatch:
    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell = tell

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._tell(time.perf_counter() - self._began)


def build_contests(
    checkpoint: str,
    devices: list[str],
    batch: int,
    batches: list[int],
    threads: list[int],
    passes: int,
) -> list[Any]:
    """Returns the contests of `aegis bench inference`; a device that is not there is left out.

    Args:
        checkpoint: The network.
        devices: ``cpu``, ``cuda``.
        batch: Rows per pass of the rows ``cpu`` and ``gpu``.
        batches: Further rows per pass.
        threads: Further numbers of torch's threads, on the CPU.
        passes: Passes per repeat.
    """
    found: list[Any] = []
    if "cpu" in devices:
        mode = ComputeMode("cpu")
        found.append(InferenceContest("cpu", checkpoint, mode, batch, passes))
        found += [InferenceContest(f"cpu_{b}", checkpoint, mode, b, passes) for b in batches]
        found += [
            InferenceContest(f"cpu_threads_{n}", checkpoint, mode, batch, passes, n)
            for n in threads
        ]
    if "cuda" in devices and torch.cuda.is_available():
        graph = ComputeMode("cuda", graph=True)
        found.append(InferenceContest("gpu", checkpoint, graph, batch, passes))
        found += [InferenceContest(f"gpu_{b}", checkpoint, graph, b, passes) for b in batches]
        others = {
            "eager": ComputeMode("cuda"),
            "bfloat16": ComputeMode("cuda", "bfloat16", graph=True),
        }
        for name, mode in others.items():
            found.append(InferenceContest(f"gpu_{name}", checkpoint, mode, batch, passes))
    return found


def _make_queries(spec: PolicySpec, batch: int, number: int) -> list[Query]:
    rng = np.random.default_rng(number)
    return [
        Query(
            EpisodeKey(0, "bench", 0, "bench", row),
            number,
            Observation(
                0,
                rng.standard_normal(PROPRIO_SIZE, np.float32),
                {n: rng.integers(0, 256, (*s, 3), np.uint8) for n, s in spec.cameras.items()},
                INSTRUCTION,
            ),
        )
        for row in range(batch)
    ]
