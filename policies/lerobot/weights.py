"""Weights: the tensors of a checkpoint in LeRobot's network, every one in its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from aegis.core.errors import CheckpointError
from policies.lerobot.checkpoint import WEIGHTS, Checkpoint

_SHOWN = 5


def build_network(checkpoint: Checkpoint, config: Any, vlm: Path | None) -> Any:
    """Returns LeRobot's policy with the weights of a checkpoint, frozen.

    LeRobot's own ``from_pretrained`` goes on with random weights where some are missing, and
    leaves out those that it has no place for.

    Args:
        checkpoint: Where they lie.
        config: Its settings.
        vlm: Folder with the configuration of its language model; None if it has none.

    Raises:
        CheckpointError: If tensors are missing, or left over.
    """
    from lerobot.policies.factory import get_policy_class
    from safetensors.torch import load_file

    if checkpoint.kind == "smolvla":
        config.vlm_model_name = str(vlm)
    network: Any = get_policy_class(checkpoint.kind)(config)
    path = checkpoint.folder / WEIGHTS
    tensors, dropped = load_file(path), list[str]()
    if checkpoint.kind in ("pi0", "pi05"):
        tensors, dropped = _rename_openpi_tensors(network, tensors)
    missing, unexpected = network.load_state_dict(tensors, strict=False)
    if strange := sorted({*unexpected, *dropped}):
        raise CheckpointError(
            f"{path} has {len(strange)} tensors too many for the {checkpoint.kind} of its "
            f"config.json, among them {', '.join(strange[:_SHOWN])}. It belongs to another "
            "config.json, or to another version. Copy the checkpoint again, or save it again with "
            "this version of LeRobot."
        )
    own = network.state_dict()
    # Tensors that share memory are stored once.
    loaded = {own[name].data_ptr() for name in own if name in tensors}
    lost = [name for name in missing if own[name].data_ptr() not in loaded]
    if lost:
        raise CheckpointError(
            f"{path} has {len(lost)} of {len(own)} tensors too few, among them "
            f"{', '.join(lost[:_SHOWN])}. It is damaged, or belongs to another config.json. Copy "
            "the checkpoint again."
        )
    return network.to(config.device).eval().requires_grad_(False)


def _rename_openpi_tensors(
    network: Any, tensors: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], list[str]]:
    """Renames openpi's tensors as LeRobot's own loader does.

    Returns:
        Tensors under the names of LeRobot's network, and the names of those that it leaves out.
    """
    fixed = network._fix_pytorch_state_dict_keys(tensors, network.config)
    kept = {id(tensor) for tensor in fixed.values()}
    renamed = {
        name if name.startswith("model.") else f"model.{name}": tensor
        for name, tensor in fixed.items()
    }
    return renamed, [name for name, tensor in tensors.items() if id(tensor) not in kept]
