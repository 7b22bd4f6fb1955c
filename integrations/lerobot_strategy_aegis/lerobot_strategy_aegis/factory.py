"""Factory: lets LeRobot 0.6.1 build a strategy that it does not list.

There, configurations of strategies have a registry and strategies themselves do not: a function
names them one by one. Later versions build what a plug-in registers, and are left alone.
"""

from __future__ import annotations

import sys

from lerobot.rollout.configs import RolloutStrategyConfig
from lerobot.rollout.strategies import RolloutStrategy
from lerobot.rollout.strategies import factory as lerobot_factory

from lerobot_strategy_aegis.config import AegisStrategyConfig
from lerobot_strategy_aegis.strategy import AegisStrategy

_NAME = "create_strategy"
_OPEN_MARK = "dataset_mode"
"""What configurations of strategies have where LeRobot builds those of plug-ins by itself."""


def extend_factory() -> None:
    """Puts a function that knows this strategy, too, in the place of LeRobot's, where needed."""
    original = lerobot_factory.create_strategy
    if hasattr(RolloutStrategyConfig, _OPEN_MARK) or getattr(original, "knows_aegis", False):
        return

    def create_strategy(config: RolloutStrategyConfig) -> RolloutStrategy:
        """Builds the strategy of a configuration."""
        return (
            AegisStrategy(config) if isinstance(config, AegisStrategyConfig) else original(config)
        )

    create_strategy.knows_aegis = True  # type: ignore[attr-defined]
    # Whoever imported it by name has a reference of its own.
    for module in list(sys.modules.values()):
        if vars(module).get(_NAME) is original:
            setattr(module, _NAME, create_strategy)
