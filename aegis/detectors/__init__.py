"""Scores of risk, computed inside a tick; one file per method.

A detector is pure: state goes in and comes out. Imports the core only.
"""
