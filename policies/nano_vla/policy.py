"""The Nano-VLA as a policy: a frozen checkpoint behind the batched seam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aegis.core.errors import ConfigError, MachineError, UnknownNameError
from aegis.core.protocols import PolicySpec, Query
from aegis.core.seeds import episode_stream, stream
from aegis.core.types import F32, EpisodeKey, Observation, Proposal
from policies.adapter import BatchAdapter, Inference
from policies.nano_vla.batches import to_tensor
from policies.nano_vla.checkpoint import load_checkpoint
from policies.nano_vla.config import CAMERAS, PROPRIO
from policies.nano_vla.paraphrase import HELD_OUT, paraphrase
from policies.nano_vla.taps import Taps

PARAPHRASES = ("none", "held_out")
_EXAMPLE = "pick up the black bowl on the stove and place it on the plate"


class NanoVLA(BatchAdapter):
    """Proposes chunks for up to ``batch`` episodes per pass.

    Args:
        name: Stamped on the proposals.
        checkpoint: File written by ``policies.nano_vla.train``.
        device: ``cpu`` or ``cuda``.
        batch: Rows per pass; 1 where this machine rounds by position in a batch.
        taps: Layers to report, see :func:`policies.nano_vla.taps.layers`.
        samples: Extra draws per proposal.
        paraphrase: ``none`` reads the instruction as it is; ``held_out`` says it in words that
            training never used, drawn once per episode.
        temperature: Scale of the noise that actions are drawn from, in [0, 1]. 1 samples what was
            learnt; less stays nearer to its middle, which steadies a precise policy.
        threads: Threads of torch in this process. Small matrices gain nothing from more than
            one, and beside simulators a second one spins and slows both several times.

    Raises:
        CheckpointError: If the checkpoint cannot be used.
        UnknownNameError: If a layer or a way to paraphrase does not exist.
        MachineError: If the device does not exist.
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
    ) -> None:
        if paraphrase not in PARAPHRASES:
            raise UnknownNameError("paraphrase", paraphrase, PARAPHRASES, f"policy '{name}'")
        if device != "cpu" and not (device.startswith("cuda") and torch.cuda.is_available()):
            raise MachineError(f"Device '{device}' is not on this machine. Use device=cpu.")
        if not 0 <= temperature <= 1:
            raise ConfigError(f"'{name}.temperature' must be in [0, 1]. Got: {temperature}.")
        torch.set_num_threads(threads)
        loaded = load_checkpoint(Path(checkpoint), device)
        self._net = loaded.net.requires_grad_(False)
        self._tokenizer = loaded.tokenizer
        self._device = device
        self._paraphrase, self._temperature = paraphrase, temperature
        self._taps = Taps(self._net, taps)
        config = self._net.config
        side = (config.image, config.image)
        spec = PolicySpec(
            name=name,
            digest=f"{loaded.digest}:{paraphrase}:{temperature}",
            cameras=dict.fromkeys(CAMERAS, side),
            horizon=config.horizon,
            execute=config.execute,
            taps=self._taps.widths,
        )
        super().__init__(spec, batch, PROPRIO, config.action, samples)
        self._limit_batch()

    @torch.inference_mode()
    def infer(self, rows: Sequence[Query], noise: F32) -> Inference:
        """Computes chunks for exactly ``batch`` rows; see :class:`BatchAdapter`."""
        draws = torch.from_numpy(noise * np.float32(self._temperature)).to(self._device)
        with self._taps as taps:
            condition = self._condition(rows)
            actions = self._net.act(condition, draws[:, 0])
        features = taps.pooled()
        samples = None
        if noise.shape[1] > 1:
            many = condition.repeat_interleave(noise.shape[1] - 1, dim=0)
            drawn = self._net.act(many, draws[:, 1:].flatten(0, 1))
            samples = _commands(drawn).reshape(len(rows), -1, *noise.shape[2:])
        return Inference(_commands(actions), features, samples)

    def words(self, query: Query) -> str:
        """Returns the instruction as the policy reads it."""
        if self._paraphrase == "none":
            return query.obs.instruction
        return paraphrase(
            query.obs.instruction, HELD_OUT, episode_stream(query.key, "policy", "paraphrase")
        )

    def _limit_batch(self) -> None:
        """Falls back to single rows where the kernels round by position in the batch.

        Matrix libraries may treat the last rows of a block differently (MKL does on processors
        without AVX-512), and then a row would depend on its place. A test batch tells.
        """
        queries = [self._example(i) for i in range(self._batch)]
        straight = self.propose(queries)
        for turn in {1, self._batch // 2}:
            turned = self.propose(queries[turn:] + queries[:turn])
            again = turned[-turn:] + turned[:-turn] if turn else turned
            if not all(_same(a, b) for a, b in zip(straight, again, strict=True)):
                self._batch = 1
        self._spec = replace(self._spec, rounding=f"{self._device}, batch {self._batch}")

    def _example(self, number: int) -> Query:
        rng = stream(0, "example", number)
        images = {
            camera: rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
            for camera, shape in self._spec.cameras.items()
        }
        proprio = rng.standard_normal(PROPRIO, np.float32)
        key = EpisodeKey(0, "example", 0, "example", number)
        return Query(key, 0, Observation(0, proprio, images, _EXAMPLE))

    def _condition(self, rows: Sequence[Query]) -> Tensor:
        images = {
            camera: to_tensor(np.stack([row.obs.images[camera] for row in rows])).to(self._device)
            for camera in CAMERAS
        }
        proprio = torch.from_numpy(np.stack([row.obs.proprio for row in rows]).astype(np.float32))
        texts = [self.words(row) for row in rows]
        tokens = torch.from_numpy(self._tokenizer.encode(texts, self._net.config.words))
        with torch.backends.cudnn.flags(deterministic=True, benchmark=False, allow_tf32=False):
            return self._net.condition(images, proprio.to(self._device), tokens.to(self._device))


def _same(a: Proposal, b: Proposal) -> bool:
    return a.actions.tobytes() == b.actions.tobytes() and all(
        a.features[name].tobytes() == b.features[name].tobytes() for name in a.features
    )


def _commands(actions: Tensor) -> F32:
    """Limits deltas to [-1, 1] and makes the gripper open (-1) or close (1); NaN stays NaN."""
    deltas = actions[..., :-1].clamp(-1.0, 1.0)
    grip = actions[..., -1:]
    binary = torch.where(grip >= 0, 1.0, -1.0) + (grip - grip)
    out: F32 = torch.cat([deltas, binary], dim=-1).cpu().numpy()
    return out
