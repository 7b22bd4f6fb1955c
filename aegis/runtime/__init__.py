"""One episode: in lockstep with a simulator, or on a clock with policies that think beside it.

This room decides how a tick is driven, never what the controller decides.
"""
