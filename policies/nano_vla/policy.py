"""The Nano-VLA as a policy: a frozen checkpoint behind the batched seam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from aegis.core.conventions import (
    CLOSE_POSITIVE,
    EEF_DELTA,
    EEF_PROPRIO,
    UPRIGHT,
    Conventions,
)
from aegis.core.errors import ConfigError, MachineError, UnknownNameError
from aegis.core.protocols import PolicySpec, Query
from aegis.core.seeds import episode_stream
from aegis.core.types import F32, EpisodeKey
from aegis.host.forks import ProcessGuard
from policies.adapter import BatchAdapter, Inference
from policies.nano_vla.checkpoint import load_checkpoint
from policies.nano_vla.config import CAMERAS, PROPRIO_SIZE
from policies.nano_vla.engine import ComputeMode, Engine
from policies.nano_vla.model import NanoNet
from policies.nano_vla.portable.network import ROUNDING, PortableNet
from policies.nano_vla.steady_linear import BLOCK_ROWS
from policies.nano_vla.taps import Taps
from policies.nano_vla.training.paraphrase import HELD_OUT_GRAMMAR, paraphrase_instruction

PARAPHRASES = ("none", "held_out")
_MEMORY_LIMIT = 4096
TRAINED_ON = Conventions(EEF_PROPRIO, EEF_DELTA, CLOSE_POSITIVE, UPRIGHT)
"""Conventions of the worlds that demonstrations come from."""
_OUT_OF_MEMORY_SIGNS = ("out of memory", "not enough memory")
K = TypeVar("K")
V = TypeVar("V")


class NanoVLA(BatchAdapter):
    """Proposes chunks for up to ``batch`` episodes per pass.

    Args:
        name: Stamped on the proposals.
        checkpoint: File written by ``policies.nano_vla.training.train``.
        device: ``cpu`` or ``cuda``.
        batch: Rows per pass, at most; fewer rows use the smaller sizes that give the same bits.
        taps: Layers to report, see :func:`policies.nano_vla.taps.list_layers`.
        samples: Extra draws per proposal.
        paraphrase: ``none`` reads the instruction as it is; ``held_out`` says it in words that
            training never used, drawn once per episode.
        temperature: Scale of the noise that actions are drawn from, in [0, 1]. 1 samples what was
            learnt; less stays nearer to its middle, which steadies a precise policy.
        threads: Threads of torch in this process. Small matrices gain nothing from more than
            one, and beside simulators a second one spins and slows both several times.
        precision: ``float32``, or ``bfloat16`` for matrix products and convolutions.
        graph: Whether passes are CUDA graphs.
        portable: Whether to compute in arithmetic of a fixed order, see
            ``policies.nano_vla.portable``: the same bits on every CPU and in any batch. Needs
            device=cpu and precision=float32.

    Raises:
        CheckpointError: If the checkpoint cannot be used.
        UnknownNameError: If a layer, a precision or a way to paraphrase does not exist.
        MachineError: If the device does not exist, or has too little memory.
    """

    def __init__(
        self,
        name: str,
        checkpoint: str,
        device: str = "cpu",
        batch: int = 8,
        taps: Sequence[str] = ("head.hidden",),
        samples: int = 0,
        paraphrase: str = "none",
        temperature: float = 1.0,
        threads: int = 1,
        precision: str = "float32",
        graph: bool = False,
        portable: bool = False,
    ) -> None:
        if paraphrase not in PARAPHRASES:
            raise UnknownNameError("paraphrase", paraphrase, PARAPHRASES, f"policy '{name}'")
        mode = ComputeMode(device, precision, graph)
        if not 0 <= temperature <= 1:
            raise ConfigError(f"'{name}.temperature' must be in [0, 1]. Got: {temperature}.")
        if portable and not mode.is_exact:
            raise ConfigError(
                f"'{name}.portable=true' is for device=cpu and precision=float32. Got: {mode}. "
                f"Set {name}.portable=false: a GPU's bits are its own."
            )
        torch.set_num_threads(threads)
        self._guard = ProcessGuard("torch", f"Or set {name}.threads=1 and device=cpu.")
        loaded = load_checkpoint(Path(checkpoint), "cpu")
        config = loaded.net.config
        self._paraphrase, self._temperature = paraphrase, np.float32(temperature)
        self._tokenizer, self._length = loaded.tokenizer, config.words
        self._texts: dict[str, F32] = {}
        self._said: dict[tuple[EpisodeKey, str], str] = {}
        with _explain_out_of_memory(name, batch, mode):
            self._mode = mode
            self._engine = _build_engine(loaded.net.to(device), taps, mode, samples, portable)
            spec = PolicySpec(
                name=name,
                digest=f"{loaded.digest}:{paraphrase}:{temperature}",
                cameras=dict.fromkeys(CAMERAS, (config.image, config.image)),
                horizon=config.horizon,
                execute=config.execute,
                taps=self._engine.widths,
            )
            super().__init__(spec, batch, PROPRIO_SIZE, config.action, samples)
            if isinstance(self._engine, PortableNet):
                self.declare_portable(ROUNDING)
            else:
                self._measure_batch_sizes(self._engine)

    @property
    def conventions(self) -> Conventions:
        """What it was trained on."""
        return TRAINED_ON

    def infer(self, rows: Sequence[Query], noise: F32) -> Inference:
        """Computes chunks; see :class:`BatchAdapter`.

        Args:
            rows: Queries, n of them; a batch, whose rows do not influence one another.
            noise: What the flow starts from, one row per query [normalised actions]. Shape
                (n, 1 + samples, h, a).

        Raises:
            MachineError: If the device has no memory left, or the policy was built before a fork
                and computes with more than this thread.
        """
        if torch.get_num_threads() > 1 or not self._mode.on_cpu:
            self._guard.require_same_process()  # or torch waits for threads that are not there
        texts = [self._encode_instruction(row) for row in rows]
        noise = noise * self._temperature
        with _explain_out_of_memory(self.spec.name, len(rows), self._mode):
            actions, samples, *pooled = self._engine.run_batch([r.obs for r in rows], texts, noise)
        features = dict(zip(self._engine.widths, pooled, strict=True))
        return Inference(actions, features, samples if samples.shape[1] else None)

    def trace_stages(self, queries: Sequence[Query]) -> Mapping[str, F32]:
        """Returns the stages of computation; see ``aegis.core.capabilities.StagedPolicy``.

        Each query is computed by itself, in the smallest batch: its bits are those of any other.

        Args:
            queries: What is asked, b of them.

        Returns:
            Text, vision, trunk and each step of the flow. Shapes (b, n).

        Raises:
            ShapeError: If an observation is not what the spec says.
        """
        traces = [self._trace_query(query) for query in queries]
        return {name: np.stack([trace[name] for trace in traces]) for name in traces[0]}

    def _trace_query(self, query: Query) -> dict[str, F32]:
        """Returns the stages of one query. Shapes (n,)."""
        self.check_observation(query.obs)
        size = self.sizes[0]
        noise = np.stack([self.draw_noise(query) * self._temperature] * size)
        texts = [self._encode_instruction(query)] * size
        stages = self._engine.trace_stages([query.obs] * size, texts, noise)
        return {name: out[0] for name, out in stages.items()}

    def read_instruction(self, query: Query) -> str:
        """Returns the instruction as the policy reads it."""
        text = query.obs.instruction
        if self._paraphrase == "none":
            return text
        place = (query.key, text)
        if place not in self._said:
            draw = episode_stream(query.key, "policy", "paraphrase")
            _store_bounded(self._said, place, paraphrase_instruction(text, HELD_OUT_GRAMMAR, draw))
        return self._said[place]

    def _measure_batch_sizes(self, engine: Engine) -> None:
        """Measures which batch sizes may be used.

        On a CPU the bits of batches of eight count, else of the full batch, else of single rows.
        A GPU that worked on single rows would be wasted: there the full batch counts, or nothing.
        """
        if not engine.mode.is_exact:
            self.measure_sizes(str(engine.mode), self._batch)
            return
        for rows in dict.fromkeys((BLOCK_ROWS, self._batch, 1)):
            engine.prepare_rows(rows)
            self._texts.clear()
            if self.measure_sizes(str(engine.mode), rows):
                return

    def _encode_instruction(self, query: Query) -> F32:
        """Returns the encoded instruction, shape (text,); each is read once."""
        words = self.read_instruction(query)
        if words not in self._texts:
            tokens = self._tokenizer.encode_texts([words], self._length)[0]
            _store_bounded(self._texts, words, self._engine.encode_sentence(tokens))
        return self._texts[words]


def _build_engine(
    net: NanoNet, taps: Sequence[str], mode: ComputeMode, samples: int, portable: bool
) -> Engine | PortableNet:
    """Returns what computes the network, which is ready for inference afterwards."""
    if not portable:
        return Engine(net, taps, mode, samples)
    tensors = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    return PortableNet(net.config, tensors, Taps(net, taps).widths)


def _store_bounded(memory: dict[K, V], key: K, value: V) -> None:
    """Puts a value into a memory of limited size; the oldest goes first."""
    while len(memory) >= _MEMORY_LIMIT:
        del memory[next(iter(memory))]
    memory[key] = value


@contextmanager
def _explain_out_of_memory(name: str, rows: int, mode: ComputeMode) -> Iterator[None]:
    """Says what to do when the device has no memory left.

    Raises:
        MachineError: Instead of torch's error.
    """
    try:
        yield
    except RuntimeError as error:
        said = _find_out_of_memory(error)
        if not said:
            raise
        raise MachineError(
            f"Policy '{name}' needs more memory than {mode.device} has for {rows} rows per pass "
            f"({mode}). Set a smaller {name}.batch, precision=bfloat16, or end what else runs on "
            "the device, and run again: finished episodes are safe and are not repeated. "
            f"Torch says: {said}"
        ) from error


def _find_out_of_memory(error: BaseException | None) -> str:
    """Returns the first line of what torch said when memory ran out; nothing if it did not.

    A failed capture of a graph or a failed pinned buffer hides the cause or is of another class.
    """
    while error is not None:
        text = str(error)
        if isinstance(error, torch.OutOfMemoryError) or any(
            sign in text for sign in _OUT_OF_MEMORY_SIGNS
        ):
            return (text or "out of memory").splitlines()[0]
        error = error.__context__
    return ""
