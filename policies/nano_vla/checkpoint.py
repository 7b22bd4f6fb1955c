"""Checkpoints: safetensors with the architecture, the vocabulary and the origin in the header."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from aegis.core.errors import CheckpointError, ConfigError
from policies.nano_vla.config import NanoConfig
from policies.nano_vla.model import NanoNet
from policies.nano_vla.tokenizer import Tokenizer

FORMAT = "nano_vla/1"
Json: TypeAlias = str | int | float | bool | list["Json"] | dict[str, "Json"] | None


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A loaded checkpoint.

    Attributes:
        net: The network with its weights and normalisation statistics, in evaluation mode.
        tokenizer: The words that it was trained on.
        provenance: Where it comes from: data, seeds, settings.
        digest: SHA-256 of the file.
    """

    net: NanoNet
    tokenizer: Tokenizer
    provenance: Mapping[str, Json]
    digest: str


def save_checkpoint(
    path: Path,
    config: NanoConfig,
    tokenizer: Tokenizer,
    tensors: Mapping[str, Tensor],
    provenance: Mapping[str, Json],
) -> None:
    """Writes a checkpoint; an interruption leaves the old file, never half a new one.

    Args:
        path: The file.
        config: The architecture.
        tokenizer: Its words go into the header.
        tensors: Weights by name, in the shapes of `policies.nano_vla.model.NanoNet`.
        provenance: What it was trained on and how.
    """
    header: dict[str, Json] = {
        "format": FORMAT,
        "config": config.to_json(),  # type: ignore[dict-item]
        "vocabulary": list(tokenizer.words),
        "provenance": dict(provenance),
    }
    write_tensors(path, tensors, header)


def load_checkpoint(path: Path, device: str = "cpu") -> Checkpoint:
    """Reads a checkpoint.

    Raises:
        CheckpointError: If the file is missing, truncated, not ours, of another format version,
            or its tensors do not fit its own architecture.
    """
    tensors, header = read_tensors(path)
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} is not a Nano-VLA checkpoint of format '{FORMAT}'. Got: "
            f"{header.get('format')!r}. Train it again with `aegis train`."
        )
    try:
        config = NanoConfig.from_json(header["config"])  # type: ignore[arg-type]
        tokenizer = Tokenizer(header["vocabulary"])  # type: ignore[arg-type]
    except (ConfigError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"The header of {path} is damaged: {error}") from error
    net = NanoNet(config, tokenizer.size)
    _check_tensors(path, net.state_dict(), tensors)
    net.load_state_dict(tensors)
    net = net.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    provenance = header.get("provenance", {})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Checkpoint(net, tokenizer, provenance, digest)  # type: ignore[arg-type]


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Json]) -> None:
    """Writes tensors, of any shape, and a JSON header atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    solid = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(solid, part, metadata={"nano_vla": json.dumps(header, sort_keys=True)})
    part.chmod(0o644)  # safetensors makes files that only their owner can read.
    part.replace(path)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Json]]:
    """Inverts :func:`write_tensors`.

    Args:
        path: The checkpoint.

    Returns:
        Tensors by name, with the shapes and types of the network's parameters; and the header.

    Raises:
        CheckpointError: If the file is missing, truncated or without our header.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint {path}. Train one with `aegis train`.")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("nano_vla", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} is truncated or not a safetensors file ({error}). Fetch or train it again."
        ) from error
    return tensors, header


def _check_tensors(path: Path, want: Mapping[str, Tensor], got: Mapping[str, Tensor]) -> None:
    """Compares names, types and shapes of weights with those of the architecture.

    Raises:
        CheckpointError: If they differ, or a weight holds NaN or infinity.
    """
    missing, extra = sorted(set(want) - set(got)), sorted(set(got) - set(want))
    if missing or extra:
        raise CheckpointError(
            f"{path} does not fit its own architecture. Missing tensors: {missing or 'none'}; "
            f"unknown tensors: {extra or 'none'}. Train it again."
        )
    for name, tensor in want.items():
        given = got[name]
        if given.shape != tensor.shape or given.dtype != tensor.dtype:
            raise CheckpointError(
                f"{name} in {path} must be {tensor.dtype} of shape {tuple(tensor.shape)}. "
                f"Got: {given.dtype} of shape {tuple(given.shape)}."
            )
        if given.is_floating_point() and not bool(torch.isfinite(given).all()):
            raise CheckpointError(f"{name} in {path} holds NaN or infinity. Train it again.")
