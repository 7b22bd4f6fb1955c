"""A policy of LeRobot behind the batched seam, in either role: weak with taps, or strong."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aegis.core.conventions import CLOSE_POSITIVE, EEF_DELTA, EEF_PROPRIO, UPRIGHT, Conventions
from aegis.core.errors import ConfigError
from aegis.core.protocols import PolicySpec, Query
from aegis.core.types import F32, Observation
from aegis.host.forks import ProcessGuard
from policies.adapter import BatchAdapter, Inference
from policies.lerobot.backends import BACKENDS, check_settings
from policies.lerobot.frame import make_frame
from policies.lerobot.loading import LoadedPolicy, LoadOptions, load_policy, require_lerobot
from policies.lerobot.memory import explain_memory
from policies.lerobot.taps import Taps
from policies.lerobot.views import collect_cameras, describe_views, read_views

_INSTRUCTION = "pick up the black bowl next to the plate and place it on the plate"
"""What an example is told; any sentence will do, for all are brought to one length."""

_REMEDY = (
    "serve the policy from there, `.venv-lerobot/bin/aegis serve policy=lerobot "
    "policy.folder=FOLDER`, and say `{name}=openpi` here; or run all of AEGIS there: "
    ".venv-lerobot/bin/aegis"
)


class LeRobotPolicy(BatchAdapter):
    """Proposes chunks for up to ``batch`` episodes per pass.

    Args:
        name: Stamped on the proposals.
        folder: What ``save_pretrained`` made, or the name of a model in the hub's cache.
        views: Picture key to camera, size and mirror; see :mod:`policies.lerobot.views`.
        mirror: Whether it was trained on pictures that are mirrored left to right; None where the
            views or the names of its pictures say it.
        taps: Layers to report, ``LAYER:mean`` or ``LAYER:last``, with ``@steps`` for every
            denoising step; see :mod:`policies.lerobot.taps`.
        samples: Extra draws per proposal.
        samples_per_pass: Extra draws of each row that are computed at once; bounds memory.
        batch: Rows per pass, at most; fewer rows use the smaller sizes that give the same bits.
        execute: Rows that are executed before it is asked again; None for the checkpoint's own.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Threads of torch in this process.
        fill: Queries that a batch waits for while other episodes go on; 0 for none.
        vlm: Folder with the tokenizer of its language model; see ``LoadOptions``.
        scheduler: ``DDIM`` for a Diffusion policy; see ``LoadOptions``.
        steps: Denoising steps; None for the checkpoint's own.
        proprio: Convention of the proprioception that it was trained on.
        actions: Convention of its actions.
        gripper: Convention of its gripper.

    Raises:
        MachineError: If LeRobot or the device is missing, or the memory does not suffice.
        CheckpointError: If the checkpoint is missing, damaged, or of a kind that cannot be run.
        UnknownNameError: If a type, layer, pooling, picture key or scheduler does not exist.
        ConfigError: If the settings do not fit the checkpoint or one another.
    """

    def __init__(
        self,
        name: str,
        folder: str | None,
        views: Mapping[str, Mapping[str, Any]] | None = None,
        mirror: bool | None = None,
        taps: Sequence[str] = (),
        samples: int = 0,
        samples_per_pass: int = 4,
        batch: int = 8,
        execute: int | None = None,
        device: str = "cpu",
        threads: int = 1,
        fill: int = 0,
        vlm: str | None = None,
        scheduler: str | None = None,
        steps: int | None = None,
        proprio: str = EEF_PROPRIO,
        actions: str = EEF_DELTA,
        gripper: str = CLOSE_POSITIVE,
    ) -> None:
        place = _require_folder(name, folder)
        require_lerobot(f"Policy '{name}'", _REMEDY.format(name=name))
        if samples_per_pass < 1:
            raise ConfigError(
                f"'{name}.samples_per_pass' must be at least 1. Got: {samples_per_pass}."
            )
        if not 0 <= fill <= batch:
            raise ConfigError(
                f"'{name}.fill' must be in 0 to {batch}, the rows of a batch. Got: {fill}."
            )
        torch.set_num_threads(threads)
        self._guard = ProcessGuard("torch", f"Or set {name}.threads=1 and {name}.device=cpu.")
        options = LoadOptions(name, device, vlm, scheduler, steps)
        self._loaded = loaded = load_policy(place, options, check_settings)
        self._device, self._per_pass = device, samples_per_pass
        self._conventions = Conventions(proprio, actions, gripper, UPRIGHT)
        self._backend = BACKENDS[loaded.kind](loaded.network)
        if samples and self._backend.noise_shape == (0,):
            raise ConfigError(
                f"'{name}.samples' must be 0: {loaded.kind} gives one chunk per observation."
            )
        self._taps = Taps(loaded.network, self._backend.layers, taps, loaded.kind)
        self._views = read_views(views, loaded.picture_shapes, name, mirror)
        spec = replace(self._make_spec(name, loaded, execute), fill=fill)
        super().__init__(
            spec,
            batch,
            loaded.state_size,
            loaded.action_size,
            samples,
            noise_shape=self._backend.noise_shape,
            example=_make_example(spec, loaded),
        )
        self.measure_taps()
        self._measure_batch_sizes()

    @property
    def conventions(self) -> Conventions:
        """What it means by its numbers; pictures are upright before its views mirror them."""
        return self._conventions

    def infer(self, rows: Sequence[Query], noise: F32) -> Inference:
        """Computes chunks; see :class:`BatchAdapter`.

        Raises:
            MachineError: If the policy was built before a fork and computes with more than this
                thread, or the memory does not suffice.
        """
        name = self._spec.name
        advice = f"Set {name}.batch=1 and {name}.samples_per_pass=1, or another {name}.device."
        with explain_memory(f"{len(rows)} rows of '{name}' on {self._device}", advice):
            return self._compute_rows(rows, noise)

    def _compute_rows(self, rows: Sequence[Query], noise: F32) -> Inference:
        """Computes chunks; see ``infer``."""
        if torch.get_num_threads() > 1 or self._device != "cpu":
            self._guard.require_same_process()  # or torch waits for threads that are not there
        draws = torch.from_numpy(noise).to(self._device)
        with torch.inference_mode():
            batch = self._loaded.prepare(make_frame(rows, self._views, self._backend.observations))
            # Only the chunk that is proposed: a detector must not see the further draws.
            with self._taps as taps:
                prefix = self._backend.prefix(batch)
                actions = self._backend.draw(prefix, draws[:, 0].contiguous())
            pooled = taps.pool_activations(self._backend.find_mask(prefix))
            samples = self._draw_samples(prefix, draws[:, 1:]) if draws.shape[1] > 1 else None
        features = {name: values.cpu().numpy() for name, values in pooled.items()}
        return Inference(self._finish(actions), features, samples)

    def _draw_samples(self, prefix: Any, noise: Tensor) -> F32:
        """Draws further chunks from one prefix, a few of each row at a time.

        Args:
            prefix: Of b rows.
            noise: Shape (b, n, ...).

        Returns:
            Shape (b, n, h, a).
        """
        parts = []
        for part in torch.split(noise, self._per_pass, dim=1):
            many = self._backend.repeat(prefix, part.shape[1])
            drawn = self._finish(self._backend.draw(many, part.flatten(0, 1)))
            parts.append(drawn.reshape(*part.shape[:2], *drawn.shape[1:]))
        return np.concatenate(parts, axis=1)

    def _finish(self, actions: Tensor) -> F32:
        """Returns chunks in the robot's units. Shape (b, h, a)."""
        finished: F32 = self._loaded.finish(actions).float().cpu().numpy()
        return finished

    def _make_spec(self, name: str, loaded: LoadedPolicy, execute: int | None) -> PolicySpec:
        """Returns the spec; widths of taps and rounding are measured afterwards.

        Raises:
            ConfigError: If execute does not fit the chunk.
        """
        horizon = self._backend.horizon
        executed = loaded.config.n_action_steps if execute is None else execute
        if not 1 <= executed <= horizon:
            raise ConfigError(
                f"'{name}.execute' must be in 1 to {horizon}, the rows of a chunk. Got: {executed}."
            )
        whole = hashlib.sha256(f"{loaded.digest}; {describe_views(self._views)}".encode())
        return PolicySpec(
            name=name,
            digest=whole.hexdigest(),
            cameras=collect_cameras(self._views, name),
            horizon=horizon,
            execute=executed,
            taps={},
            history=tuple(range(self._backend.observations - 1, -1, -1)),
        )

    def _measure_batch_sizes(self) -> None:
        """Measures which batch sizes may be used.

        The bits of the full batch count; on a CPU else those of single rows, which a GPU would
        waste its time on.
        """
        mode = f"{self._device} {self._loaded.precision} lerobot"
        for rows in dict.fromkeys((self._batch, 1) if self._device == "cpu" else (self._batch,)):
            if self.measure_sizes(mode, rows):
                return


def _make_example(spec: PolicySpec, loaded: LoadedPolicy) -> Observation:
    """Returns an observation whose proprioception lies in the middle of what was trained on."""
    pictures = {name: np.zeros((*size, 3), np.uint8) for name, size in spec.cameras.items()}
    return Observation(0, np.asarray(loaded.state, np.float32), pictures, _INSTRUCTION)


def _require_folder(name: str, folder: str | None) -> str:
    """Returns the folder of the checkpoint.

    Raises:
        ConfigError: If it is not set.
    """
    if folder is None:
        raise ConfigError(
            f"'{name}.folder' is not set. Name the folder that LeRobot's save_pretrained made "
            f"(after lerobot-train: .../checkpoints/last/pretrained_model): {name}.folder=FOLDER."
        )
    return folder
