"""LIBERO on AEGIS's assets for lerobot-eval; importing it registers ``--env.type=aegis_libero``."""

import importlib
import importlib.util

from lerobot_env_aegis.config import AegisLiberoEnv

__all__ = ["AegisLiberoEnv"]

_STRATEGY = "lerobot_strategy_aegis"

# LeRobot 0.6.1 looks for plug-ins of environments, and for none of strategies.
if importlib.util.find_spec(_STRATEGY) is not None:
    importlib.import_module(_STRATEGY)
