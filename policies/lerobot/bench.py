"""Bench of LeRobot's flow policies: a chunk, its taps and further samples, in one process."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.seeds import root_stream
from policies.lerobot.backends import BACKENDS, check_settings
from policies.lerobot.backends.flow import FlowBackend
from policies.lerobot.loading import LoadedPolicy, LoadOptions, load_policy, require_lerobot
from policies.lerobot.processors import STATE
from policies.lerobot.random_weights import FULL_SIZE, SENTENCES, write_smolvla
from policies.lerobot.taps import Taps

SIZES = ("full", "tiny")
_SIDE = 256  # [px]; SmolVLA enlarges pictures to its own size


_REMEDY = "run all of it there: .venv-lerobot/bin/aegis bench vla"


class VlaContest:
    """The same chunks, computed in two ways.

    On a GPU the ratio is one of wall times: the processor waits there, and does not work. The clock
    is read once the device is done.

    Args:
        name: Name of the row.
        reference: What ours is held against.
        ours: Our way; shape (b, ..., h, a).
        theirs: The reference's way.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        facts: What else is known.
    """

    def __init__(
        self,
        name: str,
        reference: str,
        ours: Callable[[], Tensor],
        theirs: Callable[[], Tensor],
        device: str,
        facts: Mapping[str, Any],
    ) -> None:
        self.name, self.reference, self._facts = name, reference, facts
        self._ours, self._theirs, self._device = ours, theirs, device
        self._results: dict[str, Tensor] = {}
        self._walls: dict[str, list[float]] = {"ours": [], "theirs": []}

    def run_ours(self) -> None:
        """Computes chunks our way."""
        self._time_side("ours", self._ours)

    def run_reference(self) -> None:
        """Computes chunks the reference's way."""
        self._time_side("theirs", self._theirs)

    def collect_facts(self) -> dict[str, Any]:
        """Returns how far the results lie apart, what the ratio is one of, and peaks of memory."""
        ours, theirs = self._results["ours"], self._results["theirs"]
        return {
            **self._facts,
            **self._compare_walls(),
            "equal": torch.equal(ours, theirs),
            "largest_difference": float((ours - theirs).abs().max()),
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }

    def _compare_walls(self) -> dict[str, Any]:
        """Returns medians of wall times [ms], and on a GPU their ratio and the memory there."""
        ours, theirs = (median(self._walls[side]) for side in ("ours", "theirs"))
        facts: dict[str, Any] = {
            "measure": "CPU time",
            "median_wall_ms": 1e3 * ours,
            "reference_median_wall_ms": 1e3 * theirs,
        }
        if self._device == "cpu":
            return facts
        peak = torch.cuda.max_memory_allocated(self._device) / 1024**2
        return {**facts, "measure": "wall", "ratio": theirs / ours, "peak_gpu_memory_mb": peak}

    def _time_side(self, side: str, compute: Callable[[], Tensor]) -> None:
        """Computes chunks, from an idle device to an idle device."""
        wait_for_device(self._device)
        began = time.perf_counter()
        self._results[side] = compute()
        wait_for_device(self._device)
        self._walls[side].append(time.perf_counter() - began)


def wait_for_device(device: str) -> None:
    """Waits until a GPU has computed all that it was told to: it computes while we go on."""
    if device != "cpu":
        torch.cuda.synchronize(device)


class Workbench:
    """A policy, a batch that is prepared already, and the ways to compute chunks from it.

    Args:
        loaded: The policy.
        taps: Layers to report.
        rows: Rows of the batch.
        samples: Further draws per row.

    Raises:
        ConfigError: If the policy does not draw chunks by a flow.
    """

    def __init__(self, loaded: LoadedPolicy, taps: Sequence[str], rows: int, samples: int) -> None:
        backend = BACKENDS[loaded.kind](loaded.network)
        if not isinstance(backend, FlowBackend):
            raise ConfigError(
                f"`aegis bench vla` measures smolvla, pi0 and pi05. Got: {loaded.kind}."
            )
        self._loaded, self._backend, self._samples = loaded, backend, samples
        self._taps = Taps(loaded.network, backend.layers, taps, loaded.kind)
        frame: dict[str, Any] = {
            key: torch.from_numpy(_draw("picture", key).random((rows, *shape), np.float32))
            for key, shape in loaded.picture_shapes.items()
        }
        frame[STATE] = torch.tensor([list(loaded.state)] * rows)
        self._batch = loaded.prepare({**frame, "task": [SENTENCES[0]] * rows})
        shape = (1 + samples, rows, *backend.noise_shape)
        noise = _draw("noise").standard_normal(shape, np.float32)
        self._noise = torch.from_numpy(noise).to(loaded.config.device)

    def compute_chunk(self, number: int = 0) -> Tensor:
        """Computes one chunk per row. Shape (b, h, a)."""
        with torch.inference_mode():
            return self._backend.draw(self._backend.prefix(self._batch), self._noise[number])

    def compute_tapped_chunk(self) -> Tensor:
        """Computes one chunk per row, and its taps. Shape (b, h, a)."""
        with torch.inference_mode():
            with self._taps as taps:
                prefix = self._backend.prefix(self._batch)
                chunk = self._backend.draw(prefix, self._noise[0])
            taps.pool_activations(self._backend.find_mask(prefix))
            return chunk

    def compute_chunk_as_lerobot(self) -> Tensor:
        """Lets LeRobot compute one chunk per row. Shape (b, h, a)."""
        chunk: Tensor = self._loaded.network.predict_action_chunk(
            dict(self._batch), noise=self._noise[0]
        )
        return chunk

    def compute_samples(self) -> Tensor:
        """Computes a chunk and all further ones from one prefix. Shape (1 + n, b, h, a)."""
        with torch.inference_mode():
            prefix = self._backend.prefix(self._batch)
            chunk = self._backend.draw(prefix, self._noise[0])
            many = self._backend.repeat(prefix, self._samples)
            noise = self._noise[1:].transpose(0, 1).flatten(0, 1)
            drawn = self._backend.draw(many, noise).reshape(len(chunk), -1, *chunk.shape[1:])
            return torch.cat([chunk[None], drawn.transpose(0, 1)])

    def compute_chunks_singly(self) -> Tensor:
        """Computes as many chunks, each from a look of its own. Shape (1 + n, b, h, a)."""
        return torch.stack([self.compute_chunk(number) for number in range(1 + self._samples)])


def build_contests(
    folder: str | None,
    size: str,
    taps: list[str],
    samples: int,
    batch: int,
    device: str,
    threads: int,
) -> list[VlaContest]:
    """Returns the contests of `aegis bench vla`.

    Args:
        folder: A checkpoint of SmolVLA, pi0 or pi05; None for SmolVLA with random weights.
        size: Of that one: ``full`` (450 million parameters) or ``tiny``.
        taps: Layers to report in the row ``taps``.
        samples: Further draws in the row ``samples``.
        batch: Rows per pass.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Threads of torch.

    Raises:
        MachineError: If LeRobot is missing.
        UnknownNameError: If there is no such size.
        ConfigError: If a number is not positive.
    """
    require_lerobot("`aegis bench vla`", _REMEDY)
    if size not in SIZES:
        raise UnknownNameError("size", size, SIZES, "bench.size")
    if samples < 1 or batch < 1 or threads < 1:
        raise ConfigError("'bench.samples', 'bench.batch' and 'bench.threads' must be at least 1.")
    torch.set_num_threads(threads)
    loaded, spent = _load_checkpoint(folder, size, device)
    facts = {
        "kind": loaded.kind,
        "parameters": sum(weight.numel() for weight in loaded.network.parameters()),
        "precision": loaded.precision,
        "load_seconds": spent,
        "batch": batch,
        "device": device,
        "threads": threads,
        "torch": torch.__version__,
    }
    work = Workbench(loaded, taps, batch, samples)
    work.compute_chunk()
    return _list_contests(work, device, facts, len(taps), samples)


def _list_contests(
    work: Workbench, device: str, facts: dict[str, Any], taps: int, samples: int
) -> list[VlaContest]:
    """Returns the rows: a chunk, the same with taps, and further samples."""
    ours, theirs = work.compute_chunk, work.compute_chunk_as_lerobot
    tapped = {**facts, "taps": taps}
    drawn, singly = {**facts, "samples": samples}, work.compute_chunks_singly
    several = f"{1 + samples} chunks, each with a look of its own"
    return [
        VlaContest("chunk", "LeRobot's predict_action_chunk", ours, theirs, device, facts),
        VlaContest(
            "taps", "the same chunk without taps", work.compute_tapped_chunk, ours, device, tapped
        ),
        VlaContest("samples", several, work.compute_samples, singly, device, drawn),
    ]


def _draw(*path: str) -> np.random.Generator:
    return root_stream(0, "bench", "vla", *path)


def _load_checkpoint(folder: str | None, size: str, device: str) -> tuple[LoadedPolicy, float]:
    """Loads a checkpoint, or one with random weights of a size; says how long that took [s]."""
    with tempfile.TemporaryDirectory() as place:
        path = str(_write_random(Path(place), size)) if folder is None else folder
        began = time.perf_counter()
        loaded = load_policy(path, LoadOptions("bench", device), check_settings)
        wait_for_device(device)
        return loaded, time.perf_counter() - began


def _write_random(place: Path, size: str) -> Path:
    """Writes SmolVLA with random weights, and returns its folder."""
    if size == "tiny":
        return write_smolvla(place)
    return write_smolvla(place, FULL_SIZE, side=_SIDE)
