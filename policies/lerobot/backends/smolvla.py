"""SmolVLA: a small vision-language model, and an expert that reads its keys and values."""

from __future__ import annotations

from typing import Any

from aegis.core.errors import CheckpointError
from policies.lerobot.backends.flow import FlowBackend, FlowPrefix, count_places
from policies.lerobot.taps import Layer

_BOTH = "model.vlm_with_expert"


class SmolVlaBackend(FlowBackend):
    """Computes SmolVLA.

    Its layers are called part by part, so that hooks on whole layers never fire: the residual
    stream is read where it goes into a layer's first norm.
    """

    def __init__(self, policy: Any) -> None:
        super().__init__(policy)
        both = policy.model.vlm_with_expert
        layers = {
            f"prefix.{i}": Layer(
                f"{_BOTH}.vlm.model.text_model.layers.{i}.input_layernorm", before=True, masked=True
            )
            for i in range(both.num_vlm_layers)
        }
        layers["prefix"] = Layer(f"{_BOTH}.vlm.model.text_model.norm", masked=True)
        layers |= {
            f"expert.{i}": Layer(
                f"{_BOTH}.lm_expert.layers.{i}.input_layernorm", before=True, per_step=True
            )
            for i in range(both.num_expert_layers)
        }
        self.layers = {**layers, "expert": Layer(f"{_BOTH}.lm_expert.norm", per_step=True)}

    @classmethod
    def check_settings(cls, config: Any, name: str) -> None:
        """Refuses a history, and sampling without the keys and values of the prefix."""
        super().check_settings(config, name)
        if not config.use_cache:
            raise CheckpointError(
                "This smolvla has use_cache=false, which is not supported: chunks are drawn from "
                "the cached prefix. Set use_cache to true in its config.json; no weight changes."
            )

    @property
    def steps(self) -> int:
        """Denoising steps."""
        return int(self.config.num_steps)

    def prefix(self, batch: dict[str, Any]) -> FlowPrefix:
        """Reads pictures, instruction and proprioception; see :class:`Backend`."""
        from lerobot.policies.common.vla_utils import make_att_2d_masks

        model = self.policy.model
        embedded, mask, attention = model.embed_prefix(
            *self.policy.prepare_images(batch),
            batch["observation.language.tokens"],
            batch["observation.language.attention_mask"],
            state=self.policy.prepare_state(batch),
        )
        _, cache = model.vlm_with_expert.forward(
            attention_mask=make_att_2d_masks(mask, attention),
            position_ids=count_places(mask),
            past_key_values=None,
            inputs_embeds=[embedded, None],
            use_cache=True,
        )
        return FlowPrefix(mask, cache)
