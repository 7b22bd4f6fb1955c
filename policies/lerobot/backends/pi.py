"""pi0 and pi05: PaliGemma, and an expert that attends to its keys and values."""

from __future__ import annotations

from functools import partial
from typing import Any

from policies.lerobot.backends.flow import FlowBackend, FlowPrefix, count_places
from policies.lerobot.taps import Layer, keep_last_tokens

_BOTH = "model.paligemma_with_expert"


class Pi05Backend(FlowBackend):
    """Computes pi05, which reads proprioception as words of its prompt."""

    def __init__(self, policy: Any) -> None:
        super().__init__(policy)
        both = policy.model.paligemma_with_expert
        language = f"{_BOTH}.paligemma.model.language_model"
        expert = f"{_BOTH}.gemma_expert.model"
        count = len(both.paligemma.model.language_model.layers)
        layers = {f"prefix.{i}": Layer(f"{language}.layers.{i}", masked=True) for i in range(count)}
        layers["prefix"] = Layer(f"{language}.norm", masked=True)
        # Those of the chunk: pi0 puts a token of proprioception before them.
        chunk = partial(keep_last_tokens, count=self.horizon)
        layers |= {
            f"expert.{i}": Layer(f"{expert}.layers.{i}", chunk, per_step=True)
            for i in range(len(both.gemma_expert.model.layers))
        }
        self.layers = {**layers, "expert": Layer(f"{expert}.norm", chunk, per_step=True)}

    def prefix(self, batch: dict[str, Any]) -> FlowPrefix:
        """Reads pictures and prompt; see :class:`Backend`."""
        from lerobot.policies.common.vla_utils import make_att_2d_masks, prepare_attention_masks_4d

        model = self.policy.model
        both = model.paligemma_with_expert
        embedded, mask, attention = model.embed_prefix(
            *self.policy._preprocess_images(batch),
            batch["observation.language.tokens"],
            batch["observation.language.attention_mask"],
        )
        # As LeRobot's own sampling does: other kernels want masks of another form.
        both.paligemma.model.language_model.config._attn_implementation = "eager"
        _, cache = both.forward(
            attention_mask=prepare_attention_masks_4d(make_att_2d_masks(mask, attention)),
            position_ids=count_places(mask),
            past_key_values=None,
            inputs_embeds=[embedded, None],
            use_cache=True,
        )
        return FlowPrefix(mask, cache, self.read_state(batch))

    def read_state(self, batch: dict[str, Any]) -> Any:
        """Returns the proprioception that every step reads; None, for it stands in the prompt."""
        del batch  # Unused.
        return None


class Pi0Backend(Pi05Backend):
    """Computes pi0, whose expert reads proprioception at every step."""

    def read_state(self, batch: dict[str, Any]) -> Any:
        """Returns the proprioception that every step reads. Shape (b, s)."""
        return self.policy.prepare_state(batch)
