"""Rows, tables and manifest: the written record of a run.

Sealed studies hold these formats: add a column, never change one.
"""
