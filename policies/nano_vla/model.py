"""The whole network: text, pictures and body in, a chunk of actions out."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from aegis.core.seeds import root_stream
from policies.nano_vla.config import CAMERAS, NanoConfig
from policies.nano_vla.flow import FlowHead
from policies.nano_vla.trunk import BODY_SIZE, TextEncoder, Trunk
from policies.nano_vla.vision import CameraStem


class NanoNet(nn.Module):
    """A small vision-language-action network.

    The normalisation statistics are buffers, so they are saved and loaded with the weights.
    """

    def __init__(self, config: NanoConfig, vocabulary: int) -> None:
        super().__init__()
        self.config = config
        self.text = TextEncoder(config, vocabulary)
        self.told = nn.Identity()
        self.eyes = nn.ModuleDict({name: CameraStem(config) for name in CAMERAS})
        self.trunk = Trunk(config)
        self.head = FlowHead(config)
        for name, size in (("body", BODY_SIZE), ("action", config.action)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_scale", torch.ones(size))
        self.body_mean: Tensor
        self.body_scale: Tensor
        self.action_mean: Tensor
        self.action_scale: Tensor

    def compute_condition(
        self,
        images: dict[str, Tensor],
        proprio: Tensor,
        tokens: Tensor,
        rows: Tensor | None = None,
    ) -> Tensor:
        """Runs everything but the action head, once per observation.

        Args:
            images: Camera name to RGB in [-1, 1], shape (b, 3, s, s), channels last in memory.
            proprio: Shape (b, 8).
            tokens: Shape (b, words), or (u, words) with ``rows``.
            rows: Which sentence belongs to each observation, shape (b,); in training a batch
                shares sentences, so that each is read once.

        Returns:
            Shape (b, hidden).
        """
        text = self.text(tokens)
        return self.condition_on_text(images, proprio, text if rows is None else text[rows])

    def condition_on_text(self, images: dict[str, Tensor], proprio: Tensor, text: Tensor) -> Tensor:
        """Runs what is left of ``condition`` when the sentences were read. Text (b, text)."""
        body = (body_features(proprio) - self.body_mean) / self.body_scale
        text = self.told(text)
        seen = [eye(images[name], text) for name, eye in self.eyes.items()]
        condition: Tensor = self.trunk(text, body, [s[0] for s in seen], [s[1] for s in seen])
        return condition

    def sample_actions(self, condition: Tensor, noise: Tensor) -> Tensor:
        """Returns actions from explicit noise. Shapes (b, hidden), (b, h, a) to (b, h, a)."""
        flat = self.head.sample_chunk(condition, noise.flatten(1))
        return flat.view_as(noise) * self.action_scale + self.action_mean

    def compute_loss(
        self, condition: Tensor, actions: Tensor, noise: Tensor, time: Tensor
    ) -> Tensor:
        """Returns the flow-matching loss. Actions of shape (b, h, a); rest as ``FlowHead.loss``."""
        clean = (actions - self.action_mean) / self.action_scale
        return self.head.compute_loss(condition, clean.flatten(1), noise, time)


def body_features(proprio: Tensor) -> Tensor:
    """Replaces axis-angle by two columns of the rotation matrix.

    A gripper that points down has an angle of about pi, where the axis flips its sign between
    two nearly equal poses; the rotation matrix is continuous (Zhou et al. 2019).

    Args:
        proprio: Position [m], axis-angle [rad], fingers [m]. Shape (b, 8).

    Returns:
        Shape (b, 11).
    """
    turn = proprio[:, 3:6]
    angle = turn.norm(dim=1, keepdim=True)
    axis = turn / angle.clamp_min(1e-8)
    sin, cos = angle.sin(), angle.cos()
    unit = torch.eye(3, device=proprio.device, dtype=proprio.dtype)
    columns = [
        cos * unit[i]
        + sin * torch.linalg.cross(axis, unit[i].expand_as(axis))
        + (1 - cos) * axis * axis[:, i : i + 1]
        for i in (0, 1)
    ]
    return torch.cat([proprio[:, :3], *columns, proprio[:, 6:]], dim=1)


def initialise_weights(net: NanoNet, seed: int) -> None:
    """Draws the weights; each tensor has its own stream, so a new layer leaves others alone."""
    with torch.no_grad():
        for name, tensor in net.named_parameters():
            if tensor.ndim >= 2:
                draw = root_stream(seed, "init", name).standard_normal(
                    tensor.shape, dtype=np.float32
                )
                tensor.copy_(torch.from_numpy(draw * _weight_scale(name, tensor)))
            elif "norm" in name and name.endswith("weight"):
                tensor.fill_(1.0)
            else:
                tensor.zero_()


def _weight_scale(name: str, tensor: Tensor) -> float:
    """Returns the standard deviation with which a weight, of any shape, is initialised."""
    if name.endswith(("order", "readout", "place")):
        return 0.02 if name.endswith("place") else 0.2
    if name.endswith("embed.weight"):
        return 1.0
    if name.endswith(("film.weight", "shrink.weight", "merge.weight", "out.weight")):
        return 0.3 / math.sqrt(tensor[0].numel())
    if "keys" in name:  # A keypoint that attends everywhere sees nothing: start peaked.
        return 4.0 / math.sqrt(tensor[0].numel())
    return math.sqrt((2.0 if tensor.ndim == 4 else 1.0) / tensor[0].numel())
