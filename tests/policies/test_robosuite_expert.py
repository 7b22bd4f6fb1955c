"""The scripted expert refuses a world that gives it no truth of a cube."""

import numpy as np
import pytest

from aegis.core.errors import ConfigError
from aegis.core.types import EpisodeKey, Observation
from envs.libero.world import LiberoWorld
from envs.robosuite import RobosuiteWorld
from policies.expert import ScriptedExpert
from policies.robosuite_expert import RobosuiteExpert


def test_no_truth_is_refused() -> None:
    expert = RobosuiteExpert("expert")
    with pytest.raises(ConfigError, match="robosuite_stack"):
        expert.act(Observation(0, np.zeros(8, np.float32), {}, "", {}))


@pytest.mark.parametrize("task", ["PickPlaceCan", "NutAssemblySquare", "Door"])
def test_tasks_without_cubes_are_refused(task: str) -> None:
    world = RobosuiteWorld("robosuite", task, 20)
    (number,) = world.list_tasks()
    world.begin(EpisodeKey(0, "robosuite", number, "official", 0))
    with pytest.raises(ConfigError, match="lifts and stacks cubes"):
        RobosuiteExpert("expert").act(world.observe({}))
    with pytest.raises(ConfigError, match="policy=robosuite_expert"):
        ScriptedExpert("expert").act(world.observe({}))


def test_libero_is_refused() -> None:
    world = LiberoWorld("libero_spatial", "builtin", 20)
    world.begin(EpisodeKey(0, "libero_spatial", 0, "official", 0))
    with pytest.raises(ConfigError, match="lifts and stacks cubes"):
        RobosuiteExpert("expert").act(world.observe({}))
