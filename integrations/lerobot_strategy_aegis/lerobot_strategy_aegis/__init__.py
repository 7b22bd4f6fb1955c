"""AEGIS as a strategy of lerobot-rollout; importing it registers ``--strategy.type=aegis``."""

from lerobot_strategy_aegis.config import AegisStrategyConfig
from lerobot_strategy_aegis.factory import extend_factory
from lerobot_strategy_aegis.strategy import AegisStrategy

__all__ = ["AegisStrategy", "AegisStrategyConfig"]

extend_factory()
