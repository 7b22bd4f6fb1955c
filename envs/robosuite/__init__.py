"""Tasks of robosuite as worlds: the same arm and the same compiled step as in LIBERO."""

from envs.robosuite.world import RobosuiteWorld

__all__ = ["RobosuiteWorld"]
