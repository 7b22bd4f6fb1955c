"""Detectors learnt offline from runs and forks.

The only room that trains; nothing here runs inside a tick.
"""
