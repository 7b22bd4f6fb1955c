"""The scripted expert refuses a world that gives it no truth of a cube."""

import numpy as np
import pytest

from aegis.core.errors import ConfigError
from aegis.core.types import Observation
from policies.robosuite_expert import RobosuiteExpert


def test_no_truth_is_refused() -> None:
    expert = RobosuiteExpert("expert")
    with pytest.raises(ConfigError, match="robosuite_stack"):
        expert.act(Observation(0, np.zeros(8, np.float32), {}, "", {}))
