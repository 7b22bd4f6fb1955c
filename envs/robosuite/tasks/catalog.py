"""The supported tasks of robosuite; their places here are their numbers in episodes' addresses."""

from __future__ import annotations

from envs.robosuite.tasks.can import PickPlaceCan
from envs.robosuite.tasks.door import Door
from envs.robosuite.tasks.lift import Lift
from envs.robosuite.tasks.square import NutAssemblySquare
from envs.robosuite.tasks.stack import Stack
from envs.robosuite.tasks.task import RobosuiteTask

TASKS: dict[str, type[RobosuiteTask]] = {
    task.name: task for task in (Lift, Stack, PickPlaceCan, NutAssemblySquare, Door)
}
"""robosuite's name to task. Add new ones at the end only: the order is part of addresses."""
