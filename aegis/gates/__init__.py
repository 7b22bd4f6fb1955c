"""Rules for changing the driver; one file per rule.

A gate is pure. Locked studies name these modules: keep paths, fields and `repr` of what is here.
"""
