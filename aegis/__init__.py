"""AEGIS: an escalation controller for robot policies.

Each folder is a room; its first line says what lives there.
"""
