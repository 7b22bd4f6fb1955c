"""ACT: a transformer that regresses a chunk. When it acts its latent is zero: no noise is drawn."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from aegis.core.errors import CheckpointError, ConfigError
from policies.lerobot.backends.backend import Backend
from policies.lerobot.taps import Layer, put_rows_first


class ActBackend(Backend):
    """Computes ACT."""

    def __init__(self, policy: Any) -> None:
        super().__init__(policy)
        self.noise_shape = (0,)
        self.horizon = self.config.chunk_size
        parts = {"encoder": policy.model.encoder, "decoder": policy.model.decoder}
        self.layers = {
            f"{part}.{i}": Layer(f"model.{part}.layers.{i}", put_rows_first)
            for part, module in parts.items()
            for i in range(len(module.layers))
        }
        self.layers["decoder"] = Layer("model.decoder.norm", put_rows_first)

    @classmethod
    def check_settings(cls, config: Any, name: str) -> None:
        """Refuses temporal ensembling, which averages over chunks that went before."""
        del name  # What is to be changed stands in the checkpoint.
        if config.temporal_ensemble_coeff is not None:
            raise CheckpointError(
                f"This act has temporal_ensemble_coeff={config.temporal_ensemble_coeff}, which is "
                "not supported: a chunk would depend on those before it. Set it to null and "
                "n_action_steps to what is to be executed; no weight changes."
            )

    def prefix(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Gathers the pictures; all else happens in ``draw``."""
        return {**batch, "observation.images": [batch[key] for key in self.config.image_features]}

    def repeat(self, prefix: dict[str, Any], count: int) -> dict[str, Any]:
        """Refuses: further draws would all be the same.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError("ACT gives one chunk per observation: set samples=0.")

    def draw(self, prefix: dict[str, Any], noise: Tensor) -> Tensor:
        """Computes chunks; see :class:`Backend`."""
        del noise  # There is none.
        actions: Tensor = self.policy.model(prefix)[0]
        return actions
