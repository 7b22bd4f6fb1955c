"""Random weights: checkpoints of SmolVLA at any size that nobody trained, for tests and benchmarks.

They are saved as LeRobot saves: settings, weights, both processors; and, under ``vlm/``, the
configuration and the tokenizer of the language model, so that nothing has to be downloaded.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from policies.lerobot.checkpoint import close_hub
from policies.lerobot.processors import ACTION, STATE
from policies.lerobot.views import PREFIX

SENTENCES = ("pick up the black bowl next to the plate and place it on the plate\n",)
_SPECIAL = {
    "pad_token": "<|im_end|>",
    "bos_token": "<|im_start|>",
    "eos_token": "<end_of_utterance>",
    "unk_token": "<|endoftext|>",
}
_EXTRA = {
    "image_token": "<image>",
    "fake_image_token": "<fake_token_around_image>",
    "global_image_token": "<global-img>",
}
_STATE_SIZE, _ACTION_SIZE = 8, 7


@dataclass(frozen=True, slots=True)
class VlmSize:
    """Size of a language model and its eye.

    Attributes:
        text: Settings of the language model that differ from LLaMA's.
        vision: Settings of the vision tower.
        scale: Side of the squares of patches that become one token.
    """

    text: Mapping[str, Any] = field(
        default_factory=lambda: {
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "num_hidden_layers": 4,
            "head_dim": 16,
        }
    )
    vision: Mapping[str, Any] = field(
        default_factory=lambda: {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_attention_heads": 2,
            "num_hidden_layers": 2,
            "image_size": 64,
            "patch_size": 16,
        }
    )
    scale: int = 2


FULL_SIZE = VlmSize(
    text={
        "hidden_size": 960,
        "intermediate_size": 2560,
        "num_attention_heads": 15,
        "num_key_value_heads": 5,
        "num_hidden_layers": 32,
        "head_dim": 64,
        "vocab_size": 49280,
        "rope_theta": 100000,
    },
    vision={
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_attention_heads": 12,
        "num_hidden_layers": 12,
        "image_size": 512,
        "patch_size": 16,
    },
    scale=4,
)
"""That of the SmolVLM2 with 500 million parameters, which SmolVLA is built on."""


def write_tokenizer(folder: Path) -> tuple[int, int]:
    """Writes a byte-level tokenizer with SmolVLM's special tokens.

    Args:
        folder: Made if it is missing.

    Returns:
        Size of its vocabulary, and its token for a picture.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizers = importlib.import_module("tokenizers")
    byte_level = tokenizers.pre_tokenizers.ByteLevel
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = byte_level(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=[*_SPECIAL.values(), *_EXTRA.values()],
        initial_alphabet=byte_level.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(SENTENCES, trainer)
    made.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 8192,
        "extra_special_tokens": {**_EXTRA, "end_of_utterance_token": _SPECIAL["eos_token"]},
        **_SPECIAL,
    }
    _write_json(folder / "tokenizer_config.json", settings)
    return made.get_vocab_size(), made.token_to_id(_EXTRA["image_token"])


def write_vlm(folder: Path, size: VlmSize) -> None:
    """Writes configuration and tokenizer of a language model; it has no weights of its own.

    Args:
        folder: Made if it is missing.
        size: How large.
    """
    words, picture = write_tokenizer(folder)
    side = size.vision["image_size"]
    text = {"model_type": "llama", "vocab_size": words, "rms_norm_eps": 1e-5, "pad_token_id": 2}
    config = {
        "architectures": ["SmolVLMForConditionalGeneration"],
        "model_type": "smolvlm",
        "image_token_id": picture,
        "scale_factor": size.scale,
        "tie_word_embeddings": False,
        "text_config": {**text, **size.text},
        "vision_config": {"model_type": "smolvlm_vision", **size.vision},
        "pad_token_id": 2,
    }
    edge = {"longest_edge": side}
    _write_json(folder / "config.json", config)
    _write_json(
        folder / "preprocessor_config.json",
        {
            "image_processor_type": "SmolVLMImageProcessor",
            "size": edge,
            "max_image_size": edge,
            "image_mean": [0.5] * 3,
            "image_std": [0.5] * 3,
            "processor_class": "SmolVLMProcessor",
        },
    )
    _write_json(
        folder / "video_preprocessor_config.json",
        {"video_processor_type": "SmolVLMVideoProcessor", "size": edge, "max_image_size": edge},
    )
    _write_json(
        folder / "processor_config.json",
        {"processor_class": "SmolVLMProcessor", "image_seq_len": 64},
    )


def write_smolvla(
    folder: Path, size: VlmSize | None = None, side: int = 64, **settings: Any
) -> Path:
    """Writes a SmolVLA with random weights.

    Args:
        folder: Where; made if it is missing.
        size: Of the language model; None for a tiny one.
        side: Of its two pictures [px].
        **settings: Of ``SmolVLAConfig``.

    Returns:
        The folder.
    """
    write_vlm(folder / "vlm", size or VlmSize())
    tiny = {
        "chunk_size": 16,
        "n_action_steps": 8,
        "num_vlm_layers": 4,
        "resize_imgs_with_padding": (64, 64),
    }
    own = {"vlm_model_name": str(folder / "vlm"), "pad_language_to": "max_length"}
    return write_checkpoint(
        folder, "smolvla", side, **{**({} if size else tiny), **own, **settings}
    )


def write_checkpoint(folder: Path, kind: str, side: int = 64, **settings: Any) -> Path:
    """Writes a checkpoint with random weights, always the same ones.

    Args:
        folder: Where; made if it is missing.
        kind: Type of policy.
        side: Of its two pictures [px].
        **settings: Of its configuration.

    Returns:
        The folder.
    """
    close_hub()
    from lerobot.configs import FeatureType, PolicyFeature
    from lerobot.policies.factory import (
        get_policy_class,
        make_policy_config,
        make_pre_post_processors,
    )

    pictures = [f"{PREFIX}{name}" for name in ("image", "image2")]
    inputs = {key: PolicyFeature(FeatureType.VISUAL, (3, side, side)) for key in pictures}
    config = make_policy_config(
        kind,
        device="cpu",
        input_features={
            **inputs,
            STATE: PolicyFeature(FeatureType.STATE, (_STATE_SIZE,)),
        },
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, (_ACTION_SIZE,))},
        **settings,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        get_policy_class(kind)(config).save_pretrained(folder)
    for processor in make_pre_post_processors(config, dataset_stats=make_statistics(pictures)):
        processor.save_pretrained(folder)
    return folder


def make_statistics(pictures: Sequence[str]) -> dict[str, dict[str, Tensor]]:
    """Returns statistics like those of LIBERO's demonstrations.

    Args:
        pictures: Picture keys.
    """
    state = torch.tensor([-0.05, 0.03, 0.76, 3.0, -0.2, -0.1, 0.027, -0.027])
    spread = torch.tensor([0.1, 0.15, 0.38, 0.35, 0.9, 0.3, 0.014, 0.014])
    action = torch.tensor([0.06, 0.08, -0.09, 0.0, 0.005, -0.003, 0.02])
    width = torch.tensor([0.33, 0.37, 0.43, 0.04, 0.06, 0.07, 0.99])
    grey = torch.ones(3, 1, 1)
    return {
        STATE: _describe_spread(state, spread),
        ACTION: _describe_spread(action, width),
        **{key: _describe_spread(0.5 * grey, 0.25 * grey) for key in pictures},
    }


def _describe_spread(mean: Tensor, std: Tensor) -> dict[str, Tensor]:
    low, high = mean - 2 * std, mean + 2 * std
    return {"mean": mean, "std": std, "min": low, "max": high, "q01": low, "q99": high}


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
