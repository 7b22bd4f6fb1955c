"""The scripted expert: solves tasks of LIBERO from simulator truth."""

from policies.expert.scripted_expert import ScriptedExpert

__all__ = ["ScriptedExpert"]
