"""``tasks: all``: every task of the suite, written out before anything else reads the setting."""

from __future__ import annotations

from aegis.app.config.composition import ComposedConfig, replace_setting
from aegis.app.config.lab import make_world_factory
from aegis.core.capabilities import ListsTasks
from aegis.core.errors import ConfigError

ALL_TASKS = "all"
"""Value of ``tasks`` that stands for all of a suite."""


def expand_tasks(composed: ComposedConfig) -> ComposedConfig:
    """Returns a configuration whose ``tasks`` are numbers: rows, locks and plans then name them.

    Raises:
        ConfigError: If all tasks are asked for, and the world does not list any.
        AegisError: If the world cannot be built.
    """
    if composed.tree.get("tasks") != ALL_TASKS or "env" not in composed.tree:
        return composed
    world = make_world_factory(composed)()
    try:
        if not isinstance(world, ListsTasks):
            raise ConfigError(
                f"tasks=all needs a world that lists its tasks, and {type(world).__name__} does "
                "not (list_tasks). Name them, for example tasks=[0,3]."
            )
        return replace_setting(composed, "tasks", list(world.list_tasks()))
    finally:
        world.close()
