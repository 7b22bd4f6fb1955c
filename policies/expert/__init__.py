"""The scripted expert: solves LIBERO's pick-and-place tasks from simulator truth."""

from policies.expert.scripted_expert import ScriptedExpert

__all__ = ["ScriptedExpert"]
