"""One episode in this process: session, lockstep driver, views, snapshot.

This room decides how a tick is driven, never what the controller decides.
"""
