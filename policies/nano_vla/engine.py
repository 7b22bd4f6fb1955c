"""The engine: runs a frozen network on a device; copies in, one pass, one copy out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aegis.core.errors import ConfigError, MachineError, UnknownNameError
from aegis.core.types import F32, Observation
from policies.nano_vla.buffers import BatchBuffer
from policies.nano_vla.graphs import GraphCache
from policies.nano_vla.model import NanoNet
from policies.nano_vla.stages import collect_outputs, name_stages
from policies.nano_vla.steady_linear import BLOCK_ROWS, make_steady
from policies.nano_vla.taps import Taps

PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True, slots=True)
class ComputeMode:
    """Where and how a network is computed.

    Attributes:
        device: ``cpu`` or ``cuda``.
        precision: ``float32`` (TF32 is off), or ``bfloat16`` for matrix products and convolutions.
        graph: Whether passes are captured as CUDA graphs, one per batch size.

    Raises:
        UnknownNameError: If there is no such precision.
        MachineError: If the device does not exist.
        ConfigError: If graphs are wanted without a GPU.
    """

    device: str = "cpu"
    precision: str = "float32"
    graph: bool = False

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UnknownNameError("precision", self.precision, PRECISIONS, "the Nano-VLA")
        if not _device_exists(self.device):
            raise MachineError(f"Device '{self.device}' is not on this machine. Use device=cpu.")
        if self.graph and self.device == "cpu":
            raise ConfigError("graph=true needs device=cuda: there are no CUDA graphs on a CPU.")

    @property
    def on_cpu(self) -> bool:
        """Whether it is computed on the CPU."""
        return torch.device(self.device).type == "cpu"

    @property
    def is_exact(self) -> bool:
        """Whether it is the mode that shipped results were computed in."""
        return self.device == "cpu" and self.precision == "float32"

    def __str__(self) -> str:
        words = [self.device, *(["bfloat16"] if self.precision == "bfloat16" else [])]
        return " ".join([*words, *(["graph"] if self.graph else [])])

    @contextmanager
    def compute_context(self) -> Iterator[None]:
        """Sets what torch must heed in a pass: no gradients, no TF32, the chosen precision."""
        with torch.inference_mode():
            if self.is_exact:
                yield
                return
            half = self.precision == "bfloat16"
            flags = torch.backends.cudnn.flags(
                enabled=True, deterministic=True, benchmark=False, allow_tf32=False
            )
            # Weights are kept in half precision, so there is nothing that autocast could remember.
            kind = torch.device(self.device).type
            cast = torch.autocast(kind, torch.bfloat16, enabled=half, cache_enabled=False)
            with flags, _disable_tf32(), cast, self.device_context():
                yield

    def device_context(self) -> AbstractContextManager[object]:
        """Makes the device the current one."""
        place = torch.device(self.device)
        return torch.cuda.device(place) if place.type == "cuda" else nullcontext()


class Engine:
    """A frozen network and its memory.

    Args:
        net: The network, on the device; it is made ready for inference in place.
        taps: Layers to report.
        mode: Where and how.
        samples: Extra draws per row.
    """

    def __init__(
        self, net: NanoNet, taps: Sequence[str], mode: ComputeMode, samples: int = 0
    ) -> None:
        self.mode = mode
        self._net, self._draws = net.requires_grad_(False), 1 + samples
        self._taps = Taps(net, taps)
        chunk = (net.config.horizon, net.config.action)
        self._shapes = [chunk, (samples, *chunk), *((width,) for width in self.widths.values())]
        self._buffers: dict[int, BatchBuffer] = {}
        self._graphs = GraphCache() if mode.graph else None
        if mode.precision == "bfloat16":
            halve_precision(net)
        self.prepare_rows(BLOCK_ROWS)

    def prepare_rows(self, rows: int) -> None:
        """Computes what can be computed before, rounded as in a batch of so many rows."""
        self._rows = rows
        make_steady(self._net, self.mode.is_exact and rows == BLOCK_ROWS)
        with self.mode.compute_context():
            self._net.head.prepare_moments(rows)

    @property
    def widths(self) -> dict[str, int]:
        """Tapped layers and their widths."""
        return self._taps.widths

    def encode_sentence(self, tokens: NDArray[np.int64]) -> F32:
        """Encodes a sentence, alone, so that no companion can change it.

        Args:
            tokens: Shape (words,).

        Returns:
            Shape (text,).
        """
        with self.mode.compute_context():
            rows = torch.from_numpy(tokens).to(self.mode.device).expand(self._rows, -1)
            text: F32 = self._net.text(rows)[0].float().cpu().numpy().copy()
            return text

    def run_batch(self, rows: Sequence[Observation], texts: Sequence[F32], noise: F32) -> list[F32]:
        """Computes one batch.

        Args:
            rows: What is looked at.
            texts: What ``encode_sentence`` gave for each row.
            noise: Shape (b, 1 + n, h, a).

        Returns:
            Actions, shape (b, h, a); further samples, shape (b, n, h, a); pooled activations of
            each tapped layer, shape (b, f).
        """
        buffer = self._fill_buffer(rows, texts, noise)
        with torch.inference_mode(), self.mode.device_context():
            buffer.send_to_device()
            if self._graphs is None:
                packed = self._run_pass(buffer)
            else:
                packed = self._graphs.replay_pass(len(rows), lambda: self._run_pass(buffer))
            return self._unpack_result(buffer.fetch_result(packed))

    def trace_stages(
        self, rows: Sequence[Observation], texts: Sequence[F32], noise: F32
    ) -> dict[str, F32]:
        """Returns what each stage of ``run_batch`` puts out, by name in order. Shapes (b, n).

        Args:
            rows: What is looked at.
            texts: What ``encode_sentence`` gave for each row.
            noise: Shape (b, 1 + n, h, a).
        """
        buffer = self._fill_buffer(rows, texts, noise)
        with torch.inference_mode(), self.mode.device_context(), collect_outputs(self._net) as seen:
            buffer.send_to_device()
            self._run_pass(buffer)
            return name_stages(seen, self._net.config.flow_steps, len(rows))

    def _fill_buffer(
        self, rows: Sequence[Observation], texts: Sequence[F32], noise: F32
    ) -> BatchBuffer:
        """Puts rows into the memory of their batch size. Noise of shape (b, 1 + n, h, a)."""
        size = len(rows)
        if size not in self._buffers:
            self._buffers[size] = BatchBuffer(self._net.config, size, self._draws, self.mode.device)
        self._buffers[size].fill_rows(rows, texts, noise)
        return self._buffers[size]

    def _run_pass(self, buffer: BatchBuffer) -> Tensor:
        """Runs one pass over what lies on the device; all that comes out, in shape (b, n)."""
        with self.mode.compute_context():
            # Only the chunk that is proposed: a detector must not see the further draws.
            with self._taps as taps:
                condition = self._net.condition_on_text(
                    buffer.read_images(), buffer.proprio, buffer.text
                )
                parts = [limit_actions(self._net.sample_actions(condition, buffer.noise[0]))]
            if self._draws > 1:
                many = condition.repeat_interleave(self._draws - 1, dim=0)
                noise = buffer.noise[1:].transpose(0, 1).flatten(0, 1)
                parts.append(limit_actions(self._net.sample_actions(many, noise)))
            size = len(condition)
            # Layers may have seen rows that were filled up; see `FlowHead.sample_chunk`.
            parts += [layer[:size] for layer in taps.pool_activations()]
            flat = [part.reshape(size, -1).float() for part in parts]
            return torch.cat(flat, dim=1)

    def _unpack_result(self, packed: F32) -> list[F32]:
        """Splits a result, shape (b, n), into chunks, samples and tapped layers, b rows each."""
        size, begin, parts = len(packed), 0, []
        for shape in self._shapes:
            end = begin + prod(shape)
            parts.append(packed[:, begin:end].reshape(size, *shape))
            begin = end
        return parts


def _device_exists(device: str) -> bool:
    kind, _, number = device.partition(":")
    if kind != "cuda":
        return device == "cpu"
    return torch.cuda.is_available() and (number or "0") in map(
        str, range(torch.cuda.device_count())
    )


def limit_actions(actions: Tensor) -> Tensor:
    """Limits deltas to [-1, 1] and makes the gripper open (-1) or close (1); NaN stays NaN.

    Args:
        actions: Shape (..., a); the gripper comes last.
    """
    deltas = actions[..., :-1].clamp(-1.0, 1.0)
    grip = actions[..., -1:]
    # The difference is 0, or NaN where the grip is.
    binary = torch.where(grip >= 0, 1.0, -1.0) + (grip - grip)
    return torch.cat([deltas, binary], dim=-1)


def halve_precision(net: NanoNet) -> None:
    """Keeps the weights of products in bfloat16, so that a pass need not convert them."""
    for module in net.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            module.to(torch.bfloat16)


@contextmanager
def _disable_tf32() -> Iterator[None]:
    """Turns TF32 off in matrix products; cuDNN has a switch of its own."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
