"""Backend: the seam between a policy of LeRobot and the adapter, in four parts.

``noise_shape``, ``prefix``, ``repeat`` and ``draw``: what a policy sees and reads is computed once
as a prefix, and any number of chunks is drawn from it, each from noise that was drawn outside.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from policies.lerobot.taps import Layer


class Backend(ABC):
    """Computes one type of policy.

    Args:
        policy: LeRobot's policy, frozen.

    Attributes:
        noise_shape: Shape of the noise that one chunk is drawn from; (0,) if none is needed.
        horizon: Rows of a chunk [control steps].
        observations: Ticks that it looks at, this one included.
        layers: Layers that can be tapped, by name.
    """

    noise_shape: tuple[int, ...]
    horizon: int
    observations: int = 1
    layers: Mapping[str, Layer]

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self.config: Any = policy.config

    @classmethod
    def check_settings(cls, config: Any, name: str) -> None:
        """Refuses settings of its type that cannot be run.

        Args:
            config: The settings.
            name: The policy, for messages that name its settings.

        Raises:
            CheckpointError: If a setting is not supported.
        """
        del config, name  # Every setting of a type is supported until its backend says otherwise.

    @abstractmethod
    def prefix(self, batch: dict[str, Any]) -> Any:
        """Computes what all chunks of a row share, once.

        Args:
            batch: What the pre-processor gave, b rows.
        """

    @abstractmethod
    def repeat(self, prefix: Any, count: int) -> Any:
        """Returns a prefix with every row repeated, copies side by side.

        Args:
            prefix: Of b rows; it stays as it is.
            count: Copies of each row.
        """

    @abstractmethod
    def draw(self, prefix: Any, noise: Tensor) -> Tensor:
        """Returns chunks, normalised. Shape (b, h, a).

        Args:
            prefix: Of b rows; it can be drawn from again.
            noise: Shape (b, *noise_shape).
        """

    def find_mask(self, prefix: Any) -> Tensor | None:
        """Returns which tokens of the prefix are none of padding, shape (b, n); None for all."""
        del prefix  # Unused.
        return None
