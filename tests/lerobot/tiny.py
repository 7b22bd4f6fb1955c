"""Tiny checkpoints of every type, made by LeRobot itself, with random weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

KINDS = ("smolvla", "act", "diffusion", "pi0", "pi05")
DIFFUSION: dict[str, Any] = {
    "pretrained_backbone_weights": None,
    "use_group_norm": True,
    "n_obs_steps": 1,
    "horizon": 16,
    "n_action_steps": 8,
    "down_dims": (32, 64),
    "num_inference_steps": 3,
    "noise_scheduler_type": "DDIM",
    "diffusion_step_embed_dim": 32,
    "drop_n_last_frames": 0,
}
ACT: dict[str, Any] = {
    "pretrained_backbone_weights": None,
    "chunk_size": 16,
    "n_action_steps": 8,
    "dim_model": 32,
    "n_heads": 2,
    "dim_feedforward": 64,
    "n_encoder_layers": 2,
    "n_vae_encoder_layers": 1,
    "latent_dim": 8,
}
PI: dict[str, Any] = {
    "chunk_size": 6,
    "n_action_steps": 3,
    "num_inference_steps": 3,
    "image_resolution": (28, 28),
}
WIDTH = 32


def write_tiny(folder: Path, kind: str, **settings: Any) -> Path:
    """Writes a tiny checkpoint of a type, and returns its folder."""
    from policies.lerobot.random_weights import write_checkpoint, write_smolvla, write_tokenizer

    if kind == "smolvla":
        return write_smolvla(folder, num_steps=3, **settings)
    if kind in ("pi0", "pi05"):
        write_tokenizer(folder / "vlm")
        with _paligemma_tokenizer(folder / "vlm"):
            return write_checkpoint(folder, kind, **{**PI, **settings})
    return write_checkpoint(
        folder, kind, **{**{"act": ACT, "diffusion": DIFFUSION}[kind], **settings}
    )


def shrink_paligemma(patch: pytest.MonkeyPatch) -> None:
    """Lets LeRobot build pi0 and pi05 with thousands of parameters instead of 3 billion."""
    import lerobot.policies.pi0.modeling_pi0 as pi0
    import lerobot.policies.pi05.modeling_pi05 as pi05

    for module in (pi0, pi05):
        small = module.GemmaConfig(
            width=WIDTH, depth=2, mlp_dim=64, num_heads=2, num_kv_heads=1, head_dim=16
        )
        patch.setattr(module, "get_gemma_config", lambda variant, small=small: small)
        for name in ("PaliGemmaForConditionalGenerationWithPiGemma", "PiGemmaForCausalLM"):
            patch.setattr(module, name, _build_smaller(getattr(module, name)))


def _build_smaller(kind: Any) -> Any:
    def build(config: Any) -> Any:
        vision = getattr(config, "vision_config", None)
        if vision is None:
            config.vocab_size = 512
            return kind(config=config)
        config.text_config.vocab_size = config.image_token_index = 512
        vision.hidden_size, vision.intermediate_size, vision.num_hidden_layers = 32, 64, 1
        vision.num_attention_heads, vision.projection_dim = 2, WIDTH
        return kind(config=config)

    return build


@contextmanager
def _paligemma_tokenizer(folder: Path) -> Iterator[None]:
    """Gives LeRobot our tokenizer where it asks for PaliGemma's, which is not to be had freely."""
    from lerobot.processor import tokenizer_processor
    from transformers import AutoTokenizer

    ours = AutoTokenizer.from_pretrained(folder)

    class Tokenizers:
        @staticmethod
        def from_pretrained(name: str) -> Any:
            return ours

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer_processor, "AutoTokenizer", Tokenizers)
        yield
