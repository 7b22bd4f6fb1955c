"""Transformer blocks, the text encoder and the trunk that joins words, pictures and the body."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from policies.nano_vla.config import CAMERAS, NanoConfig
from policies.nano_vla.steady_linear import RowLinear
from policies.nano_vla.tokenizer import PAD

BODY_SIZE = 11
"""Entries of the body features: position, two columns of the rotation, fingers."""


class TransformerBlock(nn.Module):
    """A pre-norm transformer block (Vaswani et al. 2017; Xiong et al. 2020)."""

    def __init__(self, width: int, heads: int, expand: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.grow = nn.Linear(width, expand * width)
        self.shrink = nn.Linear(expand * width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mixes tokens. Shapes (b, n, width); mask True where to look, (b, 1, 1, n)."""
        b, n, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        mixed = fn.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.merge(mixed.transpose(1, 2).reshape(b, n, width))
        out: Tensor = x + self.shrink(fn.relu_(self.grow(self.norm2(x))))
        return out


class TextEncoder(nn.Module):
    """Token numbers to one vector: embedding, one block, mean over the words."""

    def __init__(self, config: NanoConfig, vocabulary: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, config.text)
        self.order = nn.Parameter(torch.zeros(1, config.words, config.text))
        self.block = TransformerBlock(config.text, config.heads, expand=2)
        self.norm = nn.LayerNorm(config.text)

    def forward(self, tokens: Tensor) -> Tensor:
        """Reads. Tokens of shape (b, words) to shape (b, text)."""
        real = tokens != PAD
        x = self.block(self.embed(tokens) + self.order, real[:, None, None, :])
        weight = real.to(x.dtype)[:, :, None]
        pooled: Tensor = self.norm((x * weight).sum(1) / weight.sum(1))
        return pooled


class Trunk(nn.Module):
    """Joins what is seen, felt and told, and condenses it into what the action head needs.

    Tokens: a readout, the body, the text, the keypoints of each camera, the patches of each
    camera. Keypoints and body also reach the condition directly: layer norm and averaging blur
    the millimetres that a grasp needs.
    """

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        width, cameras = config.width, len(CAMERAS)
        patches = (config.image // 16) ** 2
        self.readout = nn.Parameter(torch.zeros(1, 1, width))
        self.order = nn.Parameter(torch.zeros(1, 3 + cameras * (1 + patches), width))
        self.body = RowLinear(BODY_SIZE, width)
        self.text = RowLinear(config.text, width)
        self.keypoints = nn.ModuleList(
            RowLinear(2 * config.keypoints, width) for _ in range(cameras)
        )
        self.blocks = nn.ModuleList(
            TransformerBlock(width, config.heads, expand=2) for _ in range(config.blocks)
        )
        self.norm = nn.LayerNorm(width)
        direct = width + BODY_SIZE + config.text + cameras * 2 * config.keypoints
        self.condition = RowLinear(direct, config.hidden)

    def forward(
        self, text: Tensor, body: Tensor, patches: list[Tensor], keypoints: list[Tensor]
    ) -> Tensor:
        """Returns the condition of the action head. Shape (b, hidden)."""
        points = [
            layer(point)[:, None] for layer, point in zip(self.keypoints, keypoints, strict=True)
        ]
        readout = self.readout.expand(len(text), -1, -1)
        tokens = [readout, self.body(body)[:, None], self.text(text)[:, None], *points, *patches]
        x = torch.cat(tokens, dim=1) + self.order
        for block in self.blocks:
            x = block(x)
        condition: Tensor = self.condition(
            torch.cat([self.norm(x[:, 0]), body, text, *keypoints], dim=1)
        )
        return condition
